/**
 * Where a list goes on: an opaque text for the client, for us the revision that all pages reflect and the key the last page ended at. Upstream's format, so
 * that nothing about it surprises. Source: k8s.io/apiserver, pkg/storage/continue.go.
 */
import { isJsonObject } from '#api/meta/json.ts';
import { ApiError } from '#api/meta/status.ts';

/** In place of a revision: go on behind the key in the newest state, because the one that the pages before showed is gone. */
export const INCONSISTENT = -1n;

export interface ContinueToken {
  /** `INCONSISTENT`, or the one that all pages show. */
  readonly revision: bigint;
  /** The last key of the page before. */
  readonly after: string;
}

const TOKEN_VERSION = 'meta.k8s.io/v1';

/** Ends the start key: the smallest text behind every key that equals what precedes it. */
const AFTER_MARK = '\u0000';

export function formatContinueToken({ revision, after }: ContinueToken, prefix: string): string {
  const start = `${after.slice(prefix.length)}${AFTER_MARK}`;
  return Buffer.from(JSON.stringify({ v: TOKEN_VERSION, rv: Number(revision), start })).toString('base64url');
}

/** Throws BadRequest for anything we did not make. The key always lies under the prefix: a forged token cannot lead elsewhere. */
export function parseContinueToken(text: string, prefix: string): ContinueToken {
  const { v, rv, start } = decode(text);
  if (v !== TOKEN_VERSION) throw invalidToken(`server does not recognize this encoded version ${JSON.stringify(v)}`);
  if (typeof rv !== 'number' || !Number.isSafeInteger(rv) || (rv <= 0 && rv !== Number(INCONSISTENT)))
    throw invalidToken('incorrect encoded start resourceVersion');
  if (typeof start !== 'string' || start === '') throw invalidToken('encoded start key empty');
  const key = start.endsWith(AFTER_MARK) ? start.slice(0, -1) : start;
  if (key.startsWith('/') || key.split('/').includes('..')) throw invalidToken(`${start}`);
  return { revision: BigInt(rv), after: `${prefix}${key}` };
}

function decode(text: string): { v?: unknown; rv?: unknown; start?: unknown } {
  try {
    const value: unknown = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
    return isJsonObject(value) ? value : {};
  } catch {
    throw invalidToken('not a token of this server');
  }
}

function invalidToken(why: string): ApiError {
  return new ApiError('BadRequest', `continue key is not valid: ${why}`);
}
