/**
 * The connection to etcd: its key-value and watch calls through the etcd3 package, with a deadline on every call and errors in our words. Reads
 * are tried again while etcd is away, as upstream's client does; writes are not, since a write whose answer was lost may have happened.
 * Watches get a connection of their own, because a big read would hold them up on a shared one (etcd-io/etcd#15402).
 */
import { Readable } from 'node:stream';
import { noop } from 'cockatiel';
import {
  Etcd3,
  GRPCInvalidArgumentError,
  GRPCOutOfRangeError,
  GRPCUnavailableError,
  type ICompactionRequest,
  type IRangeRequest,
  type IRangeResponse,
  type ITxnRequest,
  type ITxnResponse,
  type IWatchRequest,
  type IWatchResponse,
} from 'etcd3';
import { ApiError } from '#api/meta/status.ts';
import type { Clock } from '#component/clock.ts';
import type { Random } from '#component/random.ts';

export type { IEvent, IKeyValue, IRangeRequest, ITxnRequest, IWatchRequest, IWatchResponse } from 'etcd3';

/** No request waits longer for the database; a client is told to come back rather than held. */
const CALL_MS_MAX = 5_000;
const READ_RETRY_MS_MIN = 50;
const READ_RETRY_MS_MAX = 500;
/** Find a dead connection within 15 s. etcd refuses clients that ping more often than every 5 s. */
const KEEPALIVE_MS = 10_000;
const KEEPALIVE_ANSWER_MS_MAX = 5_000;
/** gRPC's own backoff between connections; short, so that an etcd that comes back is found at once. */
const RECONNECT_MS_MIN = 50;
const RECONNECT_MS_MAX = 1_000;

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

/** One watch stream, which may carry any number of watches and ends with its connection. */
export interface WatchConnection {
  send(request: IWatchRequest): void;
  /** Throws when the connection fails or is cancelled. */
  responses(): AsyncIterable<IWatchResponse>;
  cancel(): void;
}

/** Every call throws `OutOfRange` for a revision that is compacted or to come, and ApiError for an etcd that is away or refuses. */
export interface EtcdClient {
  range(request: IRangeRequest): Promise<IRangeResponse>;
  txn(request: ITxnRequest): Promise<ITxnResponse>;
  compact(request: ICompactionRequest): Promise<void>;
  openWatch(): Promise<WatchConnection>;
  close(): void;
}

export class OutOfRange extends Error {
  override readonly name = 'OutOfRange';
}

export function createEtcdClient(options: EtcdClientOptions): EtcdClient {
  const { clock, random } = options;
  const requests = connect(options);
  const watches = connect(options);
  const closed = new AbortController();
  const deadline = () => clock.now() + CALL_MS_MAX;

  /** Only what etcd never received or only read may be sent again. */
  async function retryRead<T>(read: () => Promise<T>, until: number): Promise<T> {
    for (let delayMs = READ_RETRY_MS_MIN; ; delayMs = Math.min(delayMs * 2, READ_RETRY_MS_MAX)) {
      try {
        return await read();
      } catch (error) {
        if (!(error instanceof GRPCUnavailableError) || clock.now() + delayMs >= until) throw error;
        await clock.sleep(delayMs * (0.5 + random.next() / 2), closed.signal);
      }
    }
  }

  return {
    range: (request) => {
      const until = deadline();
      return retryRead(() => requests.kv.range(request, { deadline: until }), until).catch(translate);
    },
    txn: (request) => requests.kv.txn(request, { deadline: deadline() }).catch(translate),
    compact: async (request) => {
      await requests.kv.compact(request, { deadline: deadline() }).catch(translate);
    },
    openWatch: async () => {
      const stream = await watches.watchClient.watch();
      return { send: (request) => stream.write(request), responses: () => responsesOf(stream), cancel: () => stream.cancel() };
    },
    close: () => {
      closed.abort(new ApiError('ServiceUnavailable', 'the connection to the database is closed'));
      requests.close();
      watches.close();
    },
  };
}

function connect({ endpoints, ca, cert, key }: EtcdClientOptions): Etcd3 {
  return new Etcd3({
    hosts: [...endpoints],
    ...(ca && { credentials: { rootCertificate: ca, ...(cert && key && { certChain: cert, privateKey: key }) } }),
    grpcOptions: {
      // gRPC's default of 4 MiB is less than a page of a thousand pods.
      'grpc.max_receive_message_length': -1,
      'grpc.max_send_message_length': -1,
      'grpc.keepalive_time_ms': KEEPALIVE_MS,
      'grpc.keepalive_timeout_ms': KEEPALIVE_ANSWER_MS_MAX,
      'grpc.initial_reconnect_backoff_ms': RECONNECT_MS_MIN,
      'grpc.max_reconnect_backoff_ms': RECONNECT_MS_MAX,
      'grpc.use_local_subchannel_pool': 1,
    },
    // etcd3 would retry writes, and refuse to call for five seconds after three failures.
    faultHandling: { host: () => noop, global: noop },
  });
}

/** gRPC's streams are Node's, which etcd3's types do not say; iterating one reads no faster than the consumer takes. */
function responsesOf(stream: object): AsyncIterable<IWatchResponse> {
  if (!(stream instanceof Readable)) throw new Error('the watch stream of etcd3 is not a Node stream');
  return stream;
}

function translate(error: unknown): never {
  if (error instanceof GRPCOutOfRangeError) throw new OutOfRange(error.message, { cause: error });
  const reason = error instanceof Error ? error.message : String(error);
  if (error instanceof GRPCInvalidArgumentError)
    throw new ApiError('RequestEntityTooLarge', `the database refuses it: ${reason}`, { cause: error });
  throw new ApiError('ServiceUnavailable', `the database is unavailable: ${reason}`, { details: { retryAfterSeconds: 1 }, cause: error });
}
