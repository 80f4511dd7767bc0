/**
 * Calls over gRPC to a program on this node that listens on a socket: a storage driver, or its registration. Each call has a deadline, and a failure leaves as
 * `CallError` with gRPC's status, worded as upstream's events show it. The one home of gRPC in the kubelet.
 */
import { Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import type { Clock } from '#component/clock.ts';
import type { Method } from './messages.ts';

/** Upstream's timeout for a driver's answer. */
const CALL_MS_MAX = 120_000;
/** A volume may list many topologies; nothing that is asked for here is larger. */
const MESSAGE_BYTES_MAX = 4 * 1024 * 1024;

export interface GrpcClient {
  call<Request, Response>(method: Method<Request, Response>, request: Request): Promise<Response>;
  close(): void;
}

export class CallError extends Error {
  readonly code: number;

  constructor({ code, details }: ServiceError) {
    super(`rpc error: code = ${nameOf(code)} desc = ${details}`);
    this.name = 'CallError';
    this.code = code;
  }
}

/** Connects when it is first used, and again when the program was restarted. */
export function createGrpcClient(socketPath: string, clock: Clock): GrpcClient {
  const limits = { 'grpc.max_receive_message_length': MESSAGE_BYTES_MAX };
  const client = new Client(`unix://${socketPath}`, credentials.createInsecure(), limits);
  return {
    call: (method, request) =>
      new Promise((resolve, reject) => {
        const deadline = { deadline: clock.now() + CALL_MS_MAX };
        client.makeUnaryRequest(
          method.path,
          method.request.encode,
          method.response.decode,
          request,
          new Metadata(),
          deadline,
          (error, response) => {
            if (error !== null) reject(new CallError(error));
            else if (response === undefined) reject(new Error(`${method.path}: no answer`));
            else resolve(response);
          },
        );
      }),
    close: () => client.close(),
  };
}

export function isCallError(error: unknown, ...codes: readonly number[]): error is CallError {
  return error instanceof CallError && codes.includes(error.code);
}

export { status as callStatus };

/** As Go prints it: `ResourceExhausted`. */
function nameOf(code: number): string {
  const name = status[code] ?? 'UNKNOWN';
  return name
    .toLowerCase()
    .split('_')
    .map((word) => (word === 'ok' ? 'OK' : `${word[0]?.toUpperCase() ?? ''}${word.slice(1)}`))
    .join('');
}
