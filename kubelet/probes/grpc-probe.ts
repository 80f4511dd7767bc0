/**
 * A gRPC probe: one `Check` of the standard health service, in the clear, as the documentation says. Called by `prober.ts`, which loads this file, and
 * the library, with the first such probe: most nodes have none. Source: https://github.com/grpc/grpc/blob/master/doc/health-checking.md and upstream's
 * pkg/probe/grpc.
 */
import { Client, credentials, type ServiceError, status } from '@grpc/grpc-js';
import protobuf from 'protobufjs';
import type { ProbeOutcome } from './probe-state.ts';

const METHOD = '/grpc.health.v1.Health/Check';

const requestType = new protobuf.Type('HealthCheckRequest').add(new protobuf.Field('service', 1, 'string'));
const responseType = new protobuf.Type('HealthCheckResponse').add(new protobuf.Field('status', 1, 'int32'));
const servingNames: readonly string[] = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'];

export interface GrpcTarget {
  readonly host: string;
  readonly port: number;
  /** Empty: the server as a whole. */
  readonly service: string;
  readonly timeoutMs: number;
}

/** Never rejects: whatever goes wrong is a failure of the probe. The signal aborts when its time is up. */
export async function probeGrpc(target: GrpcTarget, signal: AbortSignal): Promise<ProbeOutcome> {
  const address = `${target.host}:${target.port}`;
  const client = new Client(address, credentials.createInsecure(), { 'grpc.primary_user_agent': 'kube-probe/1.36' });
  try {
    const isConnected = await whenConnected(client, signal);
    if (!isConnected) {
      return failure(`timeout: failed to connect service "${address}" within ${target.timeoutMs / 1000}s: context deadline exceeded`);
    }
    return await check(client, target, signal);
  } finally {
    client.close();
  }
}

/** Tries again until the time is up, as a server that starts is not there yet. */
function whenConnected(client: Client, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(false), { once: true });
    client.waitForReady(Number.POSITIVE_INFINITY, (error) => resolve(error === undefined));
  });
}

function check(client: Client, { service, timeoutMs }: GrpcTarget, signal: AbortSignal): Promise<ProbeOutcome> {
  return new Promise((resolve) => {
    const onAnswer = (error: ServiceError | null, serving: number | undefined) => {
      if (error !== null) return resolve(failure(signal.aborted ? overTime(timeoutMs) : failureMessage(error)));
      const name = servingNames[serving ?? 0] ?? String(serving);
      resolve(
        name === 'SERVING' ? { result: 'success', message: 'service healthy' } : failure(`service unhealthy (responded with "${name}")`),
      );
    };
    const call = client.makeUnaryRequest(METHOD, encodeRequest, decodeResponse, service, onAnswer);
    signal.addEventListener('abort', () => call.cancel(), { once: true });
  });
}

function encodeRequest(service: string): Buffer {
  return Buffer.from(requestType.encode(requestType.create({ service })).finish());
}

function decodeResponse(bytes: Buffer): number {
  const decoded: unknown = responseType.toObject(responseType.decode(bytes), { defaults: true });
  const found: unknown = typeof decoded === 'object' && decoded !== null ? Reflect.get(decoded, 'status') : undefined;
  return typeof found === 'number' ? found : 0;
}

function failure(message: string): ProbeOutcome {
  return { result: 'failure', message };
}

function overTime(timeoutMs: number): string {
  return `timeout: health rpc did not complete within ${timeoutMs / 1000}s`;
}

function failureMessage({ code, details }: ServiceError): string {
  if (code === status.UNIMPLEMENTED) {
    return `error: this server does not implement the grpc health protocol (grpc.health.v1.Health): ${details}`;
  }
  return `error: health rpc probe failed: rpc error: code = ${goNameOf(code)} desc = ${details}`;
}

/** `NOT_FOUND` is `NotFound` in Go. */
function goNameOf(code: status): string {
  return (status[code] ?? 'UNKNOWN').toLowerCase().replace(/(^|_)([a-z])/g, (_, _gap, letter: string) => letter.toUpperCase());
}
