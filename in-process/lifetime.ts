/** The requests of a component that can be killed: once it is, none leaves it any more, and no answer reaches it. What it had sent before is done all the same. */
import type { Transport } from '#client/transport.ts';

export function withLifetime(inner: Transport, lifetime: AbortSignal): Transport {
  const whileAlive = async <Result>(exchange: () => Promise<Result>): Promise<Result> => {
    lifetime.throwIfAborted();
    try {
      return await exchange();
    } finally {
      lifetime.throwIfAborted();
    }
  };
  return {
    ...inner,
    request: (request) => whileAlive(() => inner.request(request)),
    getText: (path) => whileAlive(() => inner.getText(path)),
    stream: (path, signal) => inner.stream(path, AbortSignal.any([signal, lifetime])),
  };
}
