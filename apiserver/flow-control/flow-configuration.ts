/**
 * Keeps flow control and its stored configuration in step, both ways: makes and restores the default objects, says in each FlowSchema's status whether its priority
 * level is there, and puts in force what is stored, whenever any of it changes. Upstream's producer (pkg/registry/flowcontrol) and consumer
 * (k8s.io/apiserver, pkg/util/flowcontrol/apf_controller.go) in one, by one watch.
 */
import { decodeObject } from '#api/decode.ts';
import { flowschemas, prioritylevelconfigurations } from '#api/generated/resources.ts';
import type { FlowSchema, FlowSchemaCondition, PriorityLevelConfiguration } from '#api/generated/types.ts';
import { isJsonObject } from '#api/meta/json.ts';
import type { ApiObject, Draft, ResourceType } from '#api/meta/resource-type.ts';
import { isReason } from '#api/meta/status.ts';
import { formatTime } from '#component/clock.ts';
import type { HealthCheck } from '../health-checks.ts';
import { createObject } from '../pipeline/create.ts';
import { deleteObject } from '../pipeline/delete.ts';
import { patchObject } from '../pipeline/patch.ts';
import type { PipelineDeps } from '../pipeline/request.ts';
import { type ServerWrite, serverRequest } from '../pipeline/server-request.ts';
import { storagePrefix } from '../storage-key.ts';
import type { FlowControl } from './flow-control.ts';
import { defaultFlowSchemas, defaultPriorityLevels } from './flow-objects.ts';
import { isLeftOver, operationsToKeep } from './kept-object.ts';

const PREFIX = '/registry/flowcontrol.apiserver.k8s.io/';
const RETRY_MS = 500;

const PRODUCER = 'api-priority-and-fairness-config-producer-v1';
const CONSUMER = 'api-priority-and-fairness-config-consumer-v1';

const DANGLING = 'Dangling';

export interface FlowConfiguration {
  readonly checks: readonly HealthCheck[];
  /** Follows the watch cache, which must be ready, until aborted. */
  run(signal: AbortSignal): Promise<void>;
}

export function createFlowConfiguration(deps: PipelineDeps, flowControl: Pick<FlowControl, 'configure'>): FlowConfiguration {
  let isDone = false;

  async function keepAll(signal: AbortSignal): Promise<void> {
    flowControl.configure(storedObjects(flowschemas, deps), storedObjects(prioritylevelconfigurations, deps));
    await keepDefaults(prioritylevelconfigurations, defaultPriorityLevels, deps);
    await keepDefaults(flowschemas, defaultFlowSchemas, deps);
    await deps.cache.waitUntilCurrent(signal);
    await tellWhatDangles(deps);
    isDone = true;
  }

  async function untilKept(signal: AbortSignal): Promise<void> {
    for (;;) {
      try {
        return await keepAll(signal);
      } catch (error) {
        signal.throwIfAborted();
        // What is in the cache may be older than what is stored: the watch brings the rest, or the next try.
        if (!isReason(error, 'Conflict', 'NotFound'))
          deps.log.warn({ err: error }, 'the configuration of flow control is not kept; trying again');
        await deps.clock.sleep(RETRY_MS, signal);
      }
    }
  }

  async function follow(signal: AbortSignal): Promise<never> {
    const watch = deps.cache.watch(PREFIX, deps.cache.revision());
    try {
      for (;;) {
        await untilKept(signal);
        // A word about the revision alone comes without events.
        while ((await watch.next(signal)).events.length === 0);
      }
    } finally {
      watch.close();
    }
  }

  return {
    checks: [{ name: 'poststarthook/priority-and-fairness-config-producer', problem: () => (isDone ? undefined : 'not finished') }],
    run: async (signal) => {
      while (!signal.aborted) {
        await follow(signal).catch((error: unknown) => {
          if (!signal.aborted && !isReason(error, 'Expired')) throw error;
        });
      }
    },
  };
}

/** A damaged object is as good as none. */
function storedObjects<T extends ApiObject>(type: ResourceType<T>, { cache, log }: PipelineDeps): readonly T[] {
  return cache.list(storagePrefix(type)).flatMap(({ bytes, key }) => {
    try {
      const value: unknown = JSON.parse(bytes.toString());
      return isJsonObject(value) ? [decodeObject(type, value).object] : [];
    } catch (error) {
      log.error({ err: error, key }, 'a stored object cannot be read');
      return [];
    }
  });
}

async function keepDefaults<T extends FlowSchema | PriorityLevelConfiguration>(
  type: ResourceType<T>,
  defaults: readonly Draft<T>[],
  deps: PipelineDeps,
): Promise<void> {
  const present = new Map(storedObjects(type, deps).map((object) => [object.metadata.name ?? '', object]));
  const names = new Set(defaults.map(({ metadata }) => metadata.name ?? ''));
  for (const wanted of defaults) await keepDefault(type, wanted, present.get(wanted.metadata.name ?? ''), deps);
  for (const object of present.values()) {
    const { name = '' } = object.metadata;
    if (isLeftOver(object, names)) await deleteObject(serverRequest(type, { verb: 'delete', name, body: {} }, deps), deps);
  }
}

async function keepDefault<T extends FlowSchema | PriorityLevelConfiguration>(
  type: ResourceType<T>,
  wanted: Draft<T>,
  present: T | undefined,
  deps: PipelineDeps,
): Promise<void> {
  const write = { name: wanted.metadata.name ?? '', fieldManager: PRODUCER };
  if (present === undefined) {
    await createObject(serverRequest(type, { ...write, verb: 'create', body: wanted }, deps), deps).catch(unlessThere);
    return;
  }
  const operations = operationsToKeep(present, wanted);
  if (operations.length > 0) await patchObject(serverRequest(type, jsonPatch(write, operations), deps), deps);
}

function jsonPatch(write: Pick<ServerWrite, 'name' | 'fieldManager'>, body: unknown): ServerWrite {
  return { ...write, verb: 'patch', body, contentType: 'application/json-patch+json' };
}

function unlessThere(error: unknown): void {
  if (!isReason(error, 'AlreadyExists')) throw error;
}

async function tellWhatDangles(deps: PipelineDeps): Promise<void> {
  const levels = new Set(storedObjects(prioritylevelconfigurations, deps).map(({ metadata }) => metadata.name));
  for (const schema of storedObjects(flowschemas, deps)) {
    const told = schema.status?.conditions?.find(({ type }) => type === DANGLING);
    const condition = danglingCondition(schema, levels.has(schema.spec.priorityLevelConfiguration.name));
    if (told?.status === condition.status && told?.reason === condition.reason && told?.message === condition.message) continue;
    const others = schema.status?.conditions?.filter(({ type }) => type !== DANGLING) ?? [];
    const conditions = [...others, { ...condition, lastTransitionTime: formatTime(deps.clock.now()) }];
    const write: ServerWrite = {
      verb: 'patch',
      name: schema.metadata.name ?? '',
      subresource: 'status',
      body: { status: { conditions } },
      contentType: 'application/merge-patch+json',
      fieldManager: CONSUMER,
    };
    await patchObject(serverRequest(flowschemas, write, deps), deps);
  }
}

function danglingCondition({ spec }: FlowSchema, isFound: boolean): FlowSchemaCondition {
  const subject = `This FlowSchema references the PriorityLevelConfiguration object named ${JSON.stringify(spec.priorityLevelConfiguration.name)}`;
  if (isFound) return { type: DANGLING, status: 'False', reason: 'Found', message: `${subject} and it exists` };
  return { type: DANGLING, status: 'True', reason: 'NotFound', message: `${subject} but there is no such object` };
}
