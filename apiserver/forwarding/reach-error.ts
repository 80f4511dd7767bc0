/** What stands between us and a target, in the words of Go's `net` package: clients, tests and people look for them. Used where a request is forwarded or a target is probed. */
import { hostOf } from './forward-target.ts';

const CONNECT_PROBLEMS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connect: connection refused',
  EHOSTUNREACH: 'connect: no route to host',
  ENETUNREACH: 'connect: network is unreachable',
  ETIMEDOUT: 'i/o timeout',
};

const UNTRUSTED: ReadonlySet<string> = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

/** `dial tcp 10.0.0.1:80: connect: connection refused` */
export function describeReachError(error: unknown, target: { scheme: 'http' | 'https'; address: string; port: number }): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const host = target.address.includes(':') ? `[${target.address}]` : target.address;
  if (Object.hasOwn(CONNECT_PROBLEMS, code)) return `dial tcp ${host}:${target.port}: ${CONNECT_PROBLEMS[code]}`;
  if (code === 'ENOTFOUND') return `dial tcp: lookup ${target.address}: no such host`;
  if (UNTRUSTED.has(code)) return 'tls: failed to verify certificate: x509: certificate signed by unknown authority';
  if (code === 'CERT_HAS_EXPIRED') return 'tls: failed to verify certificate: x509: certificate has expired or is not yet valid';
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return `tls: failed to verify certificate: x509: certificate is not valid for ${hostOf(target)}`;
  if (code === 'ECONNRESET') return 'EOF';
  return error instanceof Error ? error.message : String(error);
}
