/**
 * Two bare connections as one: what comes from either goes to the other, no faster than that one takes it, until the other end has ended or either is gone. Called by `server.ts` for
 * a client and whom it talks to: a kubelet, a pod, an aggregated server. Nothing here understands, or holds, what is said.
 */
import type { Duplex } from 'node:stream';
import type { Clock } from '#component/clock.ts';

/** What a client may take to hang up once it has got the last of a kubelet that has. */
const FAREWELL_MS_MAX = 5_000;

/** Resolves when both are closed, which an abort does at once. */
export async function joinConnections(
  client: Duplex,
  kubelet: Duplex,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<void> {
  const destroy = () => {
    client.destroy();
    kubelet.destroy();
  };
  for (const connection of [client, kubelet]) {
    // A failure ends in `close`, which is what counts.
    connection.on('error', () => {});
    // A client that has said all it has to say still listens.
    connection.allowHalfOpen = true;
  }
  signal.addEventListener('abort', destroy, { once: true });
  if (signal.aborted) destroy();
  try {
    client.pipe(kubelet).pipe(client);
    await Promise.race([heard(client, 'close'), heard(kubelet, 'close'), heard(kubelet, 'end')]);
    if (!client.destroyed) await sayFarewell(client, clock);
  } finally {
    signal.removeEventListener('abort', destroy);
    destroy();
  }
}

/** Closing with something unread would reset the connection, and what was sent last would be lost: the rest is read and dropped. */
async function sayFarewell(client: Duplex, clock: Clock): Promise<void> {
  const closed = heard(client, 'close');
  let cancel = () => {};
  client.end(() => {
    cancel = clock.after(FAREWELL_MS_MAX, () => client.destroy());
  });
  client.resume();
  await closed;
  cancel();
}

function heard(connection: Duplex, event: 'close' | 'end'): Promise<void> {
  return new Promise((resolve) => {
    if (connection.closed) resolve();
    else connection.once(event, () => resolve());
  });
}
