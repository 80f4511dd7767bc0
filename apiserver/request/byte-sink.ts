/** A response as somewhere to put a stream's bytes, with its back-pressure in terms the pipeline understands. */
import type { ServerResponse } from 'node:http';
import type { ByteSink } from '../pipeline/answer.ts';

export function sinkOf(raw: ServerResponse): ByteSink {
  return {
    isOfMessages: false,
    write: (chunk) => raw.write(chunk),
    drained: (signal) =>
      new Promise((resolve) => {
        const done = () => {
          raw.off('drain', done);
          raw.off('close', done);
          signal.removeEventListener('abort', done);
          resolve();
        };
        if (signal.aborted || !raw.writableNeedDrain) return resolve();
        raw.on('drain', done);
        raw.on('close', done);
        signal.addEventListener('abort', done, { once: true });
      }),
  };
}
