/** What all probes over the network share: which port is meant, and why a connection failed, in Go's words, which people search for. Pure. */
import type { Container } from '#api/generated/types.ts';

/** A name stands for the container's port of that name. */
export function resolvePort(port: number | string, container: Container): number {
  if (typeof port === 'number') return port;
  const named = container.ports?.find(({ name }) => name === port)?.containerPort ?? Number(port);
  if (!Number.isInteger(named) || named <= 0 || named > 65_535) throw new Error(`couldn't find port: ${port}`);
  return named;
}

export function dialReason(error: Error): string {
  const code = 'code' in error ? error.code : undefined;
  if (code === 'ECONNREFUSED') return 'connect: connection refused';
  if (code === 'EHOSTUNREACH') return 'connect: no route to host';
  if (code === 'ENETUNREACH') return 'connect: network is unreachable';
  if (code === 'ABORT_ERR' || error.name === 'AbortError' || error.name === 'TimeoutError') return 'context deadline exceeded';
  return error.message;
}
