/**
 * Connections to what listens inside a pod, its loopback included: a helper in the pod's network namespace (`dial-here.ts`) opens them and hands them over, so that
 * the bytes pass no other process. One helper per session, started with its first connection. Called for port-forward.
 * Source: upstream's runtimes dial `localhost` in the pod's namespace (containerd, internal/cri/server/sandbox_portforward_linux.go).
 */
import type { Socket } from 'node:net';
import { join } from 'node:path';
import type { Clock } from '#component/clock.ts';
import type { Helper, StartHelper } from './exec.ts';

export interface PodDialer {
  /** Rejects with what the dial ran into. */
  dial(port: number): Promise<Socket>;
  /** Connections that were handed over live on. */
  close(): void;
}

/** `pid`: a process of the pod's network, such as its sandbox's. */
export type OpenPodDialer = (pid: number) => PodDialer;

const HELPER = join(import.meta.dirname, 'dial-here.ts');

/** Connecting within one namespace is immediate or refused; the rest is for starting the helper on a busy machine. */
const DIAL_MS_MAX = 20_000;

interface Waiting {
  resolve(connection: Socket): void;
  reject(error: Error): void;
}

export function createPodDialers(startHelper: StartHelper, { clock }: { readonly clock: Clock }): OpenPodDialer {
  return (pid) => {
    const waiting = new Map<number, Waiting>();
    let helper: Helper | undefined;
    let asked = 0;

    function fail(why: string): void {
      helper = undefined;
      for (const { reject } of waiting.values()) reject(new Error(`cannot dial inside the pod: ${why}`));
    }

    function onMessage(message: unknown, connection: Socket | undefined): void {
      const field = (name: string): unknown => (typeof message === 'object' && message !== null ? Reflect.get(message, name) : undefined);
      const one = waiting.get(Number(field('id')));
      if (one === undefined) return void connection?.destroy();
      if (connection === undefined) return void one.reject(new Error(String(field('error') ?? 'the connection was closed')));
      // Either side may end its half first.
      connection.allowHalfOpen = true;
      one.resolve(connection);
    }

    const start = () => startHelper('nsenter', [`--net=/proc/${pid}/ns/net`, process.execPath, HELPER], { onMessage, onEnd: fail });

    return {
      dial: async (port) => {
        helper ??= start();
        asked += 1;
        const id = asked;
        const answer = Promise.withResolvers<Socket>();
        waiting.set(id, answer);
        const cancel = clock.after(DIAL_MS_MAX, () => answer.reject(new Error(`dial tcp4 127.0.0.1:${port}: i/o timeout`)));
        helper.ask({ id, port });
        try {
          return await answer.promise;
        } finally {
          cancel();
          waiting.delete(id);
        }
      },
      close: () => {
        helper?.stop();
        fail('the session has ended');
      },
    };
  };
}
