/**
 * Long YAML bodies become JSON before anything looks at them, in a thread of their own, one after the other: the event loop goes on, and who sends megabytes of
 * YAML waits for it himself. Called by `server.ts`; short ones are read where they are needed.
 */
import { Worker } from 'node:worker_threads';
import { ApiError } from '#api/meta/status.ts';
import type { Clock } from '#component/clock.ts';
import { excessOfJson } from './body-limits.ts';
import type { DuplicateKey } from './find-duplicate-keys.ts';

export interface Body {
  readonly body: Buffer;
  readonly contentType: string | undefined;
  /** Of a body that was converted, the keys that occurred more than once. */
  readonly repeatedKeys?: readonly DuplicateKey[];
}

export interface YamlConverter {
  /** The same body where nothing is to be converted. Throws BadRequest. */
  convert(body: Body): Promise<Body>;
}

/** About ten milliseconds' worth. */
const SHORT_BYTES_MAX = 8 * 1024;
/** For the longest body that is accepted, on a slow machine. */
const CONVERSION_MS_MAX = 20_000;
const HEAP_MIB_MAX = 512;

/** Of what an object, a list or a text begins with. */
const OPENINGS: ReadonlySet<number> = new Set(Buffer.from('{["'));

/** What is sent as YAML, and under which name it goes on as JSON: an apply is YAML by name whatever it is. */
const targetTypes: ReadonlyMap<string, string> = new Map([
  ['application/yaml', 'application/json'],
  ['application/x-yaml', 'application/json'],
  ['application/apply-patch+yaml', 'application/apply-patch+yaml'],
]);

export function createYamlConverter(clock: Pick<Clock, 'after'>): YamlConverter {
  let last: Promise<unknown> = Promise.resolve();
  return {
    convert: async ({ body, contentType }) => {
      const target = targetTypes.get((contentType ?? '').split(';')[0]?.trim().toLowerCase() ?? '');
      if (target === undefined || body.length <= SHORT_BYTES_MAX) return { body, contentType };
      if (isJson(body)) return { body, contentType: target };
      const converted = last.then(() => convertInThread(body.toString('utf8'), clock));
      last = converted.catch(() => {});
      const { json, duplicates } = await converted;
      return { body: Buffer.from(json), contentType: target, repeatedKeys: duplicates };
    },
  };
}

/** JSON is YAML, and clients send it under that name. */
function isJson(body: Buffer): boolean {
  if (!OPENINGS.has(body[0] ?? 0) || excessOfJson(body) !== undefined) return false;
  try {
    JSON.parse(body.toString('utf8'));
    return true;
  } catch {
    return false;
  }
}

interface Converted {
  readonly json: string;
  readonly duplicates: readonly DuplicateKey[];
}

function convertInThread(text: string, clock: Pick<Clock, 'after'>): Promise<Converted> {
  const worker = new Worker(new URL('./yaml-worker.ts', import.meta.url), {
    workerData: text,
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MIB_MAX },
  });
  return new Promise<Converted>((resolve, reject) => {
    const fail = (why: string) => reject(new ApiError('BadRequest', `error decoding YAML: ${why}`));
    const cancel = clock.after(CONVERSION_MS_MAX, () => fail('it takes too long to read'));
    worker.once('message', ({ json, duplicates = [], problem = '' }: Partial<Converted> & { readonly problem?: string }) =>
      json === undefined ? fail(problem) : resolve({ json, duplicates }),
    );
    worker.once('error', (error: unknown) => fail(error instanceof Error ? error.message : String(error)));
    worker.once('exit', () => {
      cancel();
      fail('its reader ended');
    });
  }).finally(() => worker.terminate());
}
