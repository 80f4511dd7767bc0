/**
 * The connection to etcd, with a deadline on every call and errors in our words. What every request needs (reads, conditional writes, the watch) goes over channels
 * of our own, because that is where the CPU goes; the rest is the etcd3 package's, loaded when it is first needed. Reads are tried again while etcd is
 * away, as upstream's client does; writes are not, since a write whose answer was lost may have happened. Watches get a connection of their own,
 * because a big read would hold them up on a shared one (etcd-io/etcd#15402).
 */
import type { Etcd3 } from 'etcd3';
import { ApiError } from '#api/meta/status.ts';
import type { Clock } from '#component/clock.ts';
import type { Random } from '#component/random.ts';
import {
  type ConditionalWrite,
  decodeRange,
  decodeWatch,
  decodeWrite,
  encodeProgressRequest,
  encodeRange,
  encodeWatchStart,
  encodeWrite,
  type RangeRequest,
  type RangeResponse,
  type WatchResponse,
  type WatchStart,
  type WriteResponse,
} from './etcd-messages.ts';
import { createGrpcChannel, GrpcError, grpcStatus } from './grpc-channel.ts';

/** No request waits longer for the database; a client is told to come back rather than held. */
const CALL_MS_MAX = 5_000;
const READ_RETRY_MS_MIN = 50;
const READ_RETRY_MS_MAX = 500;

const RANGE = '/etcdserverpb.KV/Range';
const TXN = '/etcdserverpb.KV/Txn';
const WATCH = '/etcdserverpb.Watch/Watch';

export interface EtcdClientOptions {
  /** `https://etcd:2379` */
  readonly endpoints: readonly string[];
  /** PEM. Without them the connection is not encrypted, which is for tests. */
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
  readonly clock: Clock;
  readonly random: Random;
}

/** A watch, which ends with its connection. */
export interface WatchConnection {
  requestProgress(): void;
  /** Throws when the connection fails or is cancelled. */
  responses(): AsyncIterable<WatchResponse>;
  cancel(): void;
}

/** Every call throws `OutOfRange` for a revision that is compacted or to come, and ApiError for an etcd that is away or refuses. */
export interface EtcdClient {
  range(request: RangeRequest): Promise<RangeResponse>;
  /** All of them or none. */
  write(writes: readonly [ConditionalWrite, ...ConditionalWrite[]]): Promise<WriteResponse>;
  compact(revision: bigint): Promise<void>;
  openWatch(start: WatchStart): WatchConnection;
  close(): void;
}

export class OutOfRange extends Error {
  override readonly name = 'OutOfRange';
}

export function createEtcdClient(options: EtcdClientOptions): EtcdClient {
  const { clock, random } = options;
  const requests = createGrpcChannel(options);
  const watches = createGrpcChannel(options);
  const closed = new AbortController();
  let maintenance: Promise<Etcd3> | undefined;

  /** Only what etcd never received or only read may be sent again. */
  async function retryRead<T>(read: () => Promise<T>): Promise<T> {
    const until = clock.now() + CALL_MS_MAX;
    for (let delayMs = READ_RETRY_MS_MIN; ; delayMs = Math.min(delayMs * 2, READ_RETRY_MS_MAX)) {
      try {
        return await read();
      } catch (error) {
        const isAway = error instanceof GrpcError && error.status === grpcStatus.unavailable;
        if (!isAway || clock.now() + delayMs >= until) throw error;
        await clock.sleep(delayMs * (0.5 + random.next() / 2), closed.signal);
      }
    }
  }

  return {
    range: async (request) => {
      const message = encodeRange(request);
      return decodeRange(await retryRead(() => requests.call(RANGE, message)).catch(translate));
    },
    write: async (writes) => decodeWrite(await requests.call(TXN, encodeWrite(writes)).catch(translate)),
    compact: async (revision) => {
      maintenance ??= connect(options);
      const { kv } = await maintenance;
      await kv.compact({ revision: String(revision), physical: false }, { deadline: clock.now() + CALL_MS_MAX }).catch(translate);
    },
    openWatch: (start) => {
      const stream = watches.openStream(WATCH);
      stream.send(encodeWatchStart(start));
      return {
        requestProgress: () => stream.send(encodeProgressRequest()),
        responses: () => decodeAll(stream.messages()),
        cancel: stream.cancel,
      };
    },
    close: () => {
      closed.abort(new ApiError('ServiceUnavailable', 'the connection to the database is closed'));
      requests.close();
      watches.close();
      maintenance?.then((etcd) => etcd.close()).catch(() => {});
    },
  };
}

async function* decodeAll(messages: AsyncIterable<Buffer>): AsyncGenerator<WatchResponse, void, undefined> {
  for await (const message of messages) yield decodeWatch(message);
}

async function connect({ endpoints, ca, cert, key }: EtcdClientOptions): Promise<Etcd3> {
  const [{ Etcd3: EtcdClass }, { noop }] = await Promise.all([import('etcd3'), import('cockatiel')]);
  return new EtcdClass({
    hosts: [...endpoints],
    ...(ca && { credentials: { rootCertificate: ca, ...(cert && key && { certChain: cert, privateKey: key }) } }),
    // etcd3 would retry writes, and refuse to call for five seconds after three failures.
    faultHandling: { host: () => noop, global: noop },
  });
}

/** The two clients' errors have the same numbers; etcd3 gives them as texts in front of its messages, so it is asked by class there. */
async function translate(error: unknown): Promise<never> {
  const { GRPCOutOfRangeError } = error instanceof GrpcError ? { GRPCOutOfRangeError: undefined } : await import('etcd3');
  const status =
    error instanceof GrpcError
      ? error.status
      : GRPCOutOfRangeError && error instanceof GRPCOutOfRangeError
        ? grpcStatus.outOfRange
        : undefined;
  const reason = error instanceof Error ? error.message : String(error);
  if (status === grpcStatus.outOfRange) throw new OutOfRange(reason, { cause: error });
  if (status === grpcStatus.invalidArgument)
    throw new ApiError('RequestEntityTooLarge', `the database refuses it: ${reason}`, { cause: error });
  throw new ApiError('ServiceUnavailable', `the database is unavailable: ${reason}`, { details: { retryAfterSeconds: 1 }, cause: error });
}
