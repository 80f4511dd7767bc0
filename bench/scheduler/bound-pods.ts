/** Counts the pods of a namespace that have got a node, by watching for them: a watch on those with a node names each once, as added. Nothing is parsed. */
import { openConnection, type Target } from '../apiserver/connection.ts';
import { podsPath } from './objects.ts';

const ADDED = Buffer.from('{"type":"ADDED"');

export interface BoundPods {
  /** Resolves when there are so many; rejects when there are not after `secondsMax`, or when the watch ends. */
  until(count: number, secondsMax: number): Promise<void>;
  close(): Promise<void>;
}

/** Begins with the pods that have a node already. */
export async function watchBoundPods(target: Target, namespace: string): Promise<BoundPods> {
  const connection = openConnection(target);
  let bound = 0;
  let tail = Buffer.alloc(0);
  let check = () => {};
  let fail = (_: Error) => {};
  const onChunk = (chunk: Buffer) => {
    const text = tail.length === 0 ? chunk : Buffer.concat([tail, chunk]);
    for (let at = text.indexOf(ADDED); at >= 0; at = text.indexOf(ADDED, at + ADDED.length)) bound++;
    // What could be the beginning of one more; too short to be counted twice.
    tail = Buffer.from(text.subarray(-(ADDED.length - 1)));
    check();
  };
  await connection.stream(`${podsPath(namespace)}?watch=1&fieldSelector=spec.nodeName%21%3D`, onChunk, () =>
    fail(new Error('the watch for bound pods ended')),
  );
  return {
    close: () => connection.close(),
    until: (count, secondsMax) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(
          () => reject(new Error(`${bound} of ${count} pods have a node after ${secondsMax} s`)),
          secondsMax * 1_000,
        );
        const end = (settle: () => void) => {
          clearTimeout(timer);
          check = () => {};
          settle();
        };
        fail = (error) => end(() => reject(error));
        check = () => {
          if (bound >= count) end(resolve);
        };
        check();
      }),
  };
}
