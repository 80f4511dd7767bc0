/** What conformance tests assert beyond node:assert: refusals by reason, and what can only be asked for again and again. */
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { ApiError, type StatusReason } from '#api/meta/status.ts';

/** How long a document that nobody can watch (discovery, OpenAPI, an endpoint) may take to change. */
export const PUBLISHED_MS_MAX = 60_000;
const LOOK_MS = 250;

export interface ExpectedError {
  readonly reason?: StatusReason;
  readonly code?: number;
  readonly message?: RegExp | string;
}

/** Asserts that the server refuses, and how; gives the error. */
export async function expectRefusal(refused: Promise<unknown>, { reason, code, message }: ExpectedError = {}): Promise<ApiError> {
  const error = await refused.then(
    (value) => assert.fail(`expected a refusal, got ${JSON.stringify(value)?.slice(0, 500)}`),
    (error: unknown) => error,
  );
  if (!(error instanceof ApiError)) throw error;
  const told = `${error.code} ${error.reason}: ${error.message}`;
  if (reason !== undefined) assert.equal(error.reason, reason, told);
  if (code !== undefined) assert.equal(error.code, code, told);
  if (typeof message === 'string') assert.ok(error.message.includes(message), `${told}\nshould have said: ${message}`);
  if (message instanceof RegExp) assert.match(error.message, message);
  return error;
}

/** Asks until `check` gives a value (anything but undefined or false): for documents and endpoints only, objects are watched. */
export async function eventually<T>(what: string, check: () => Promise<T | undefined | false>, deadlineMs = PUBLISHED_MS_MAX): Promise<T> {
  const deadline = Date.now() + deadlineMs;
  let last: unknown;
  while (Date.now() < deadline) {
    try {
      const value = await check();
      if (value !== undefined && value !== false) return value;
      last = undefined;
    } catch (error) {
      last = error;
    }
    await delay(LOOK_MS);
  }
  throw new Error(`${what}: not within ${deadlineMs / 1_000} s${last instanceof Error ? `: ${last.message}` : ''}`, { cause: last });
}
