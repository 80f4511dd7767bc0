/** GET of one object: its stored bytes, untouched. Source: k8s.io/apiserver, pkg/endpoints/handlers/get.go. */
import { notFound } from '#api/meta/status.ts';
import { storageKey } from '../storage-key.ts';
import { type Answer, objectAnswer } from './answer.ts';
import type { ApiRequest, PipelineDeps } from './request.ts';
import { parseResourceVersion } from './resource-version.ts';

export async function getObject(request: ApiRequest, deps: PipelineDeps): Promise<Answer> {
  const { definition, info, query, signal } = request;
  const atLeast = parseResourceVersion(query.get('resourceVersion'));
  await waitForCache(deps, atLeast, signal);
  const found = deps.cache.find(storageKey(definition.type, info.namespace, info.name));
  if (found === undefined) throw notFound(definition.type, info.name);
  return objectAnswer(definition, found.bytes);
}

/** No version means the newest, 0 means whatever is here once anything is, anything else means at least that. */
export async function waitForCache(
  { cache }: Pick<PipelineDeps, 'cache'>,
  atLeast: bigint | undefined,
  signal: AbortSignal,
): Promise<void> {
  if (atLeast === undefined) await cache.waitUntilCurrent(signal);
  else await cache.waitFor(atLeast, signal);
}
