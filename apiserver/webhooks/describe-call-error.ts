/**
 * Why a webhook could not be reached, or what its answer's code means, in the words that upstream's HTTP client has for it: they end up in front of users, who
 * look for them. Pure. Called by `call-webhook.ts`.
 */

/** How much of an answer's text is passed on. */
const TEXT_CHARACTERS_MAX = 2_048;

const byCode: Readonly<Record<string, string>> = {
  ECONNRESET: 'read: connection reset by peer',
  EHOSTUNREACH: 'connect: no route to host',
  ENETUNREACH: 'connect: network is unreachable',
  UND_ERR_SOCKET: 'EOF',
  UND_ERR_CONNECT_TIMEOUT: 'dial tcp: i/o timeout',
  CERT_HAS_EXPIRED: 'tls: failed to verify certificate: x509: certificate has expired or is not yet valid',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'tls: failed to verify certificate: x509: certificate signed by unknown authority',
  SELF_SIGNED_CERT_IN_CHAIN: 'tls: failed to verify certificate: x509: certificate signed by unknown authority',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'tls: failed to verify certificate: x509: certificate signed by unknown authority',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'tls: failed to verify certificate: x509: certificate signed by unknown authority',
};

/** What went wrong on the way to `host`. */
export function describeReachError(error: unknown, host: string): string {
  const code = textIn(error, 'code');
  if (code === 'ECONNREFUSED') return `dial tcp ${addressIn(error, host)}: connect: connection refused`;
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return `dial tcp: lookup ${host.replace(/:\d+$/, '')}: no such host`;
  const known = Object.hasOwn(byCode, code) ? byCode[code] : undefined;
  if (known !== undefined) return known;
  const message = error instanceof Error ? error.message : String(error);
  return code.startsWith('ERR_TLS') ? `tls: failed to verify certificate: x509: ${message}` : message;
}

const byStatus: Readonly<Record<number, string>> = {
  400: 'the server rejected our request for an unknown reason',
  401: 'the server has asked for the client to provide credentials',
  404: 'the server could not find the requested resource',
  405: 'the server does not allow this method on the requested resource',
  406: 'the server was unable to respond with a content type that the client supports',
  413: 'the request is too large',
  429: 'the server has received too many requests and has asked us to try again later',
  503: 'the server is currently unable to handle the request',
  504: 'the server was unable to return a response in the time allotted, but may still be processing the request',
};

/** For an answer that is no success; `text` is its body. */
export function describeAnswer(statusCode: number, text: string): string {
  const shown = text.slice(0, TEXT_CHARACTERS_MAX).trim();
  if (statusCode === 403) return `forbidden: ${shown}`;
  const known = byStatus[statusCode];
  if (known !== undefined) return known;
  if (statusCode >= 500)
    return `an error on the server (${JSON.stringify(shown === '' ? 'unknown' : shown)}) has prevented the request from succeeding`;
  return `the server responded with the status code ${statusCode} but did not return more information`;
}

function addressIn(error: unknown, host: string): string {
  const address = textIn(error, 'address');
  return address === '' ? host : `${address}:${textIn(error, 'port')}`;
}

function textIn(error: unknown, name: string): string {
  const value: unknown = typeof error === 'object' && error !== null ? Reflect.get(error, name) : undefined;
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}
