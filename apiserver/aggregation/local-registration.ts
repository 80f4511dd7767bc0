/**
 * Keeps an APIService for every group version that this server answers itself. Woken by changes of what is served and of the APIServices there are; decides by
 * `planLocalApiServices`, acts here, as the server itself. Run by `aggregation.ts`.
 */
import { AVAILABLE, localCondition } from '#api/apiregistration/v1/api-service.ts';
import {
  AUTOMANAGED_LABEL,
  type LocalAction,
  type LocalApiService,
  planLocalApiServices,
  type ServedVersion,
} from '#api/apiregistration/v1/local-api-services.ts';
import { apiservices } from '#api/generated/resources.ts';
import { isConditionTrue, withCondition } from '#api/meta/condition.ts';
import { apiVersionOf } from '#api/meta/resource-type.ts';
import { isReason } from '#api/meta/status.ts';
import { formatTime } from '#component/clock.ts';
import { isOfType, parseStoredAs } from '../encoding/json-value.ts';
import { modifyStored } from '../pipeline/modify-stored.ts';
import type { PipelineDeps } from '../pipeline/request.ts';
import type { ResourceRegistry } from '../resource-registry.ts';
import { StorageError } from '../storage/storage.ts';
import { storageKey, storagePrefix } from '../storage-key.ts';
import type { WakeUp } from './wake-up.ts';

/** Changes come as calls; this is for a write that failed. */
const RETRY_MS = 1_000;
const QUIET_MS = 10 * 60_000;

export interface LocalRegistration {
  /** For `/readyz`: whether all of the start are there. */
  problem(): string | undefined;
  run(signal: AbortSignal): Promise<void>;
}

export function createLocalRegistration(deps: PipelineDeps, wakeUp: WakeUp): LocalRegistration {
  let settled: ReadonlySet<string> = new Set();

  async function register(signal: AbortSignal): Promise<void> {
    const served = servedVersions(deps.resources);
    const present = deps.cache.list(storagePrefix(apiservices)).map(({ bytes }) => parseStoredAs(apiservices, bytes));
    await Promise.all(planLocalApiServices({ served, present, settled }).map((action) => apply(action, deps, signal)));
    for (const { metadata, spec, status } of present) {
      if (spec.service === undefined && !isConditionTrue(status?.conditions, AVAILABLE)) await announce(metadata.name ?? '', deps, signal);
    }
    if (settled.size === 0) settled = new Set(served.map(({ group, version }) => `${version}.${group}`));
  }

  return {
    problem: () => (settled.size > 0 ? undefined : 'APIServices are not registered yet'),
    run: async (signal) => {
      deps.resources.onChange(wakeUp.wake, signal);
      while (!signal.aborted) {
        const isDone = await register(signal).then(
          () => true,
          (error: unknown) => {
            if (!signal.aborted) deps.log.warn({ err: error }, 'APIServices are not registered; trying again');
            return false;
          },
        );
        await wakeUp.sleep(isDone ? QUIET_MS : RETRY_MS, signal);
      }
    },
  };
}

/** Each once. One that is both built in and custom is built in. */
export function servedVersions(resources: Pick<ResourceRegistry, 'all'>): readonly ServedVersion[] {
  const versions = new Map<string, ServedVersion>();
  for (const { type, custom } of resources.all()) {
    const name = apiVersionOf(type);
    if (!versions.has(name)) versions.set(name, { group: type.group, version: type.version, isCustom: custom !== undefined });
  }
  return [...versions.values()];
}

async function apply(action: LocalAction, deps: PipelineDeps, signal: AbortSignal): Promise<void> {
  const target = (name: string) => ({ definition: deps.resources.get(apiservices), namespace: '', name, isDryRun: false, signal });
  switch (action.type) {
    case 'create':
      return create(action.apiService, deps);
    case 'update': {
      const { metadata, spec } = action.apiService;
      await modifyStored(target(metadata.name), deps, (current) => ({
        action: 'write',
        object: { ...current, metadata: { ...current.metadata, labels: { ...current.metadata.labels, ...metadata.labels } }, ...{ spec } },
      }));
      return;
    }
    case 'delete':
      await ignoringAbsence(
        modifyStored(target(action.name), deps, (object) => ({
          action: object.metadata.labels?.[AUTOMANAGED_LABEL] === undefined ? 'write' : 'delete',
          object,
        })),
      );
  }
}

async function create({ metadata, spec }: LocalApiService, { storage, random, clock }: PipelineDeps): Promise<void> {
  const creationTimestamp = formatTime(clock.now());
  const object = {
    apiVersion: apiVersionOf(apiservices),
    kind: apiservices.kind,
    metadata: { ...metadata, uid: random.uuid(), creationTimestamp },
    spec,
    status: { conditions: [{ ...localCondition, lastTransitionTime: creationTimestamp }] },
  };
  try {
    await storage.create(storageKey(apiservices, '', metadata.name), object);
  } catch (error) {
    // Somebody else was quicker: the next look decides about theirs.
    if (!(error instanceof StorageError && error.reason === 'exists')) throw error;
  }
}

/** One that led to a Service and does no more. */
async function announce(name: string, deps: PipelineDeps, signal: AbortSignal): Promise<void> {
  const target = { definition: deps.resources.get(apiservices), namespace: '', name, isDryRun: false, signal };
  await ignoringAbsence(
    modifyStored(target, deps, (object) => {
      if (!isOfType(apiservices, object) || object.spec.service !== undefined) return { action: 'write', object };
      const conditions = withCondition(object.status?.conditions, localCondition, formatTime(deps.clock.now()));
      return { action: 'write', object: { ...object, ...{ status: { ...object.status, conditions } } } };
    }),
  );
}

async function ignoringAbsence(work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!isReason(error, 'NotFound')) throw error;
  }
}
