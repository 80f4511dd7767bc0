/**
 * What happens to the objects of a custom resource whose definition is being deleted: they are deleted too, and when the last one is gone the definition
 * loses the finalizer that held it. An object with finalizers of its own holds both for as long as it needs.
 * Source: k8s.io/apiextensions-apiserver, pkg/controller/finalizer/crd_finalizer.go.
 */
import { CLEANUP_FINALIZER } from '#api/apiextensions/v1/custom-resource-definition.ts';
import { customresourcedefinitions } from '#api/generated/resources.ts';
import type { CustomResourceDefinition } from '#api/generated/types.ts';
import { type ConditionLike, withCondition } from '#api/meta/condition.ts';
import type { ApiObject } from '#api/meta/resource-type.ts';
import { isReason } from '#api/meta/status.ts';
import { formatTime } from '#component/clock.ts';
import { admitEverything } from '../admission/admission.ts';
import { isOfType } from '../encoding/json-value.ts';
import { deleteOne } from '../pipeline/delete.ts';
import { isDeletable } from '../pipeline/deletion.ts';
import { modifyStored } from '../pipeline/modify-stored.ts';
import type { ApiRequest, PipelineDeps } from '../pipeline/request.ts';
import type { ResourceDefinition } from '../resources/resource-definition.ts';
import { storagePrefix } from '../storage-key.ts';
import { defineCustomResource } from './define-custom-resource.ts';

/** Enough to hide the database's latency, too few to crowd others out. */
const DELETIONS_AT_ONCE_MAX = 16;

/** Before what failed is tried again. */
const RETRY_MS = 1_000;

const CONTROLLER = { name: 'system:apiserver', groups: ['system:masters', 'system:authenticated'] };

export interface Cleanup {
  /** Starts emptying those that are not being emptied already. */
  keepUp(definitions: readonly CustomResourceDefinition[], signal: AbortSignal): void;
  /** Resolves when nothing is under way any more; after an abort. */
  ended(): Promise<void>;
}

export function createCleanup(deps: PipelineDeps): Cleanup {
  const running = new Map<string, Promise<void>>();
  return {
    keepUp: (definitions, signal) => {
      for (const definition of definitions) {
        const { uid = '', finalizers = [] } = definition.metadata;
        if (running.has(uid) || !finalizers.includes(CLEANUP_FINALIZER)) continue;
        const run = untilClean(definition, deps, signal).finally(() => running.delete(uid));
        running.set(uid, run);
      }
    },
    ended: async () => {
      await Promise.allSettled(running.values());
    },
  };
}

/** Gives up only when told to stop. */
async function untilClean(definition: CustomResourceDefinition, deps: PipelineDeps, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      await empty(definition, deps, signal);
      await release(definition, deps, signal);
      return;
    } catch (error) {
      if (signal.aborted) return;
      deps.log.warn({ err: error, name: definition.metadata.name }, 'a custom resource is not empty yet; trying again');
      await deps.clock.sleep(RETRY_MS, signal).catch(() => {});
    }
  }
}

async function empty(definition: CustomResourceDefinition, deps: PipelineDeps, signal: AbortSignal): Promise<void> {
  const version = definition.spec.versions.find(({ storage }) => storage);
  const plural = definition.status?.acceptedNames?.plural ?? '';
  // Names that were never accepted were never served: whatever is stored under them is another definition's.
  if (version === undefined || plural === '') return;
  await tell(definition, deps, signal, {
    status: 'True',
    reason: 'InstanceDeletionInProgress',
    message: 'CustomResource deletion is in progress',
  });
  const resource = defineCustomResource(definition, version, { ...deps, schemaRevision: 0n, gone: signal });
  const prefix = storagePrefix(resource.type);
  await deps.cache.waitUntilCurrent(signal);
  for (;;) {
    const watch = deps.cache.watch(prefix, deps.cache.revision());
    try {
      await deleteAll(resource, prefix, deps, signal);
      await deps.cache.waitUntilCurrent(signal);
      if (deps.cache.list(prefix).length === 0) return;
      // The rest waits for finalizers: look again when one of them has changed.
      let read = await watch.next(signal);
      while (read.events.length === 0) read = await watch.next(signal);
    } finally {
      watch.close();
    }
  }
}

async function deleteAll(resource: ResourceDefinition<ApiObject>, prefix: string, deps: PipelineDeps, signal: AbortSignal): Promise<void> {
  const waiting = deps.cache.list(prefix).values();
  const wish = { isDryRun: false, preconditions: {}, gracePeriodSeconds: undefined, propagationPolicy: undefined };
  const work = async () => {
    for (const { namespace, name } of waiting) {
      signal.throwIfAborted();
      try {
        await deleteOne(deletionRequest(resource, namespace, name, signal), { ...deps, admission: admitEverything }, wish, {
          namespace,
          name,
        });
      } catch (error) {
        // Somebody else was faster, which is what we wanted.
        if (!isReason(error, 'NotFound')) throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: DELETIONS_AT_ONCE_MAX }, work));
}

function deletionRequest(definition: ResourceDefinition<ApiObject>, namespace: string, name: string, signal: AbortSignal): ApiRequest {
  const { group, version, plural } = definition.type;
  return {
    info: { isResource: true, verb: 'delete', path: '', group, version, namespace, resource: plural, subresource: '', name, rest: [] },
    definition,
    query: new URLSearchParams(),
    user: CONTROLLER,
    body: Buffer.alloc(0),
    contentType: undefined,
    form: { mediaType: 'application/json', representation: 'object', metaVersion: 'v1' },
    signal,
    warn: () => {},
  };
}

async function release(definition: CustomResourceDefinition, deps: PipelineDeps, signal: AbortSignal): Promise<void> {
  await change(definition, deps, signal, (current) => {
    const done = { status: 'False', reason: 'InstanceDeletionCompleted', message: 'removed all instances' };
    const finalizers = (current.metadata.finalizers ?? []).filter((finalizer) => finalizer !== CLEANUP_FINALIZER);
    return { ...withTerminating(current, done, deps), metadata: { ...current.metadata, finalizers } };
  });
}

type Told = Pick<ConditionLike, 'status' | 'reason' | 'message'>;

async function tell(definition: CustomResourceDefinition, deps: PipelineDeps, signal: AbortSignal, told: Told): Promise<void> {
  await change(definition, deps, signal, (current) => withTerminating(current, told, deps));
}

function withTerminating(definition: CustomResourceDefinition, told: Told, { clock }: PipelineDeps): CustomResourceDefinition {
  const conditions = withCondition(definition.status?.conditions, { type: 'Terminating', ...told }, formatTime(clock.now()));
  return { ...definition, status: { ...definition.status, conditions } };
}

/** Writes to the definition while it is the same one. */
async function change(
  { metadata }: CustomResourceDefinition,
  deps: PipelineDeps,
  signal: AbortSignal,
  apply: (current: CustomResourceDefinition) => CustomResourceDefinition,
): Promise<void> {
  const definition = deps.resources.get(customresourcedefinitions);
  try {
    await modifyStored({ definition, namespace: '', name: metadata.name, isDryRun: false, signal }, deps, (current) => {
      if (!isOfType(customresourcedefinitions, current) || current.metadata.uid !== metadata.uid)
        return { action: 'write', object: current };
      const object = apply(current);
      return { action: isDeletable(object, current) ? 'delete' : 'write', object };
    });
  } catch (error) {
    if (!isReason(error, 'NotFound')) throw error;
  }
}
