/**
 * A TCP proxy that breaks connections where a test wants them broken: before a byte has come back, in the middle of a frame, anywhere. Each new
 * connection takes the next fate; when none is left, connections live.
 */
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export type Fate =
  /** Closed as soon as it is opened. */
  | { readonly kind: 'refused' }
  /** Accepted, and never a byte in either direction. */
  | { readonly kind: 'silent' }
  /** Cut once exactly this many bytes have come from the server. */
  | { readonly kind: 'cut'; readonly afterBytes: number }
  | { readonly kind: 'lives' };

export interface CuttingProxy {
  readonly endpoint: string;
  /** How many connections have been opened. */
  connections(): number;
  /** The fates of the connections to come. */
  setFates(fates: Iterable<Fate>): void;
  /** Breaks all connections that are open now. */
  cutAll(): void;
  close(): Promise<void>;
}

export async function startCuttingProxy(target: { readonly host: string; readonly port: number }): Promise<CuttingProxy> {
  const open = new Set<Socket>();
  let fates: Iterator<Fate> = [][Symbol.iterator]();
  let opened = 0;

  const server = createServer((client) => {
    opened++;
    open.add(client);
    client.on('error', () => undefined).on('close', () => open.delete(client));
    const next = fates.next();
    meetFate(client, next.done ? { kind: 'lives' } : next.value, target);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = addressOf(server.address());
  const cutAll = () => {
    for (const socket of open) socket.destroy();
  };
  return {
    endpoint: `http://127.0.0.1:${port}`,
    connections: () => opened,
    setFates: (next) => {
      fates = next[Symbol.iterator]();
    },
    cutAll,
    close: async () => {
      cutAll();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function meetFate(client: Socket, fate: Fate, target: { readonly host: string; readonly port: number }): void {
  if (fate.kind === 'refused') client.destroy();
  if (fate.kind === 'refused' || fate.kind === 'silent') return;
  const server = connect(target);
  client.on('close', () => server.destroy()).pipe(server);
  server.on('error', () => undefined).on('close', () => client.destroy());
  let left = fate.kind === 'cut' ? fate.afterBytes : Number.POSITIVE_INFINITY;
  server.on('data', (chunk) => {
    const bytes = Buffer.from(chunk);
    client.write(left < bytes.length ? bytes.subarray(0, left) : bytes);
    left -= bytes.length;
    // Ended rather than destroyed, so that the bytes up to the cut arrive.
    if (left <= 0) client.end(() => client.destroy());
  });
}

function addressOf(address: AddressInfo | string | null): AddressInfo {
  if (typeof address !== 'object' || address === null) throw new Error('the proxy has no TCP address');
  return address;
}
