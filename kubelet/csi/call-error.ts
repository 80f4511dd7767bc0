/** How a call to a storage driver fails, for those who decide by it; apart from `grpc-client.ts`, so that they do not load gRPC. */

/** gRPC's statuses that mean something to a caller here. */
export const callStatus = { resourceExhausted: 8 } as const;

export class CallError extends Error {
  readonly code: number;

  /** `name`: of the status, as Go prints it. */
  constructor(code: number, name: string, details: string) {
    super(`rpc error: code = ${name} desc = ${details}`);
    this.name = 'CallError';
    this.code = code;
  }
}

export function isCallError(error: unknown, ...codes: readonly number[]): error is CallError {
  return error instanceof CallError && codes.includes(error.code);
}
