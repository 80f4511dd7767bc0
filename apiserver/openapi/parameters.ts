/** The parameters of the API's operations: which there are, where they stand and of which type. Called by `paths.ts`. */
import type { Dialect } from './models.ts';

export const WRITE = ['dryRun', 'fieldManager', 'fieldValidation'] as const;
export const LIST = [
  'allowWatchBookmarks',
  'continue',
  'fieldSelector',
  'labelSelector',
  'limit',
  'resourceVersion',
  'resourceVersionMatch',
  'sendInitialEvents',
  'timeoutSeconds',
  'watch',
] as const;
export const DELETE = ['dryRun', 'gracePeriodSeconds', 'orphanDependents', 'propagationPolicy'] as const;
/** A deletion of many is no watch. */
export const DELETE_COLLECTION = [...LIST.filter((name) => name !== 'allowWatchBookmarks' && name !== 'watch'), ...DELETE] as const;

/** What a subresource takes from the query that is its own, by the kind of its options or its own name. */
export const OF_SUBRESOURCE: Readonly<Record<string, readonly string[]>> = {
  attach: ['container', 'stderr', 'stdin', 'stdout', 'tty'],
  exec: ['command', 'container', 'stderr', 'stdin', 'stdout', 'tty'],
  log: [
    'container',
    'follow',
    'insecureSkipTLSVerifyBackend',
    'limitBytes',
    'previous',
    'sinceSeconds',
    'stream',
    'tailLines',
    'timestamps',
  ],
  portforward: ['ports'],
  proxy: ['path'],
};

const BOOLEANS: ReadonlySet<string> = new Set([
  'allowWatchBookmarks',
  'follow',
  'force',
  'insecureSkipTLSVerifyBackend',
  'orphanDependents',
  'previous',
  'sendInitialEvents',
  'stderr',
  'stdin',
  'stdout',
  'timestamps',
  'tty',
  'watch',
]);
const INTEGERS: ReadonlySet<string> = new Set([
  'gracePeriodSeconds',
  'limit',
  'limitBytes',
  'ports',
  'sinceSeconds',
  'tailLines',
  'timeoutSeconds',
]);

export function parameter(name: string, place: 'query' | 'path', dialect: Dialect): object {
  const schema = { type: BOOLEANS.has(name) ? 'boolean' : INTEGERS.has(name) ? 'integer' : 'string', uniqueItems: true };
  const required = place === 'path' ? { required: true } : {};
  return dialect === 'v2' ? { name, in: place, ...required, ...schema } : { name, in: place, ...required, schema };
}
