/**
 * Makes resources of CustomResourceDefinitions while the server runs: decides who may have which names, puts what is established into the registry (and so
 * into routing, discovery and OpenAPI), and empties what is being deleted. Works from the cache's current state whenever a definition has changed; what
 * it wrote itself comes back the same way. Run by `api-server.ts` once the cache is filled.
 * Source: k8s.io/apiextensions-apiserver, pkg/controller/{status,establish,finalizer} and pkg/apiserver/customresource_handler.go.
 */
import { namesOf, planNames } from '#api/apiextensions/v1/custom-resource-names.ts';
import { customresourcedefinitions } from '#api/generated/resources.ts';
import type { CustomResourceDefinition } from '#api/generated/types.ts';
import { isConditionTrue } from '#api/meta/condition.ts';
import { isReason } from '#api/meta/status.ts';
import { formatTime } from '#component/clock.ts';
import { isOfType, parseStoredAs } from '../encoding/json-value.ts';
import type { HealthCheck } from '../health-checks.ts';
import { modifyStored } from '../pipeline/modify-stored.ts';
import type { PipelineDeps } from '../pipeline/request.ts';
import type { CachedObject } from '../storage/watch-cache.ts';
import { storagePrefix } from '../storage-key.ts';
import { createCleanup } from './clean-up.ts';
import { createServedVersions } from './served-versions.ts';

/** Between attempts to write what did not go through. */
const RETRY_MS = 500;

export interface CustomResources {
  /** For `/readyz`: whether what is established is served. */
  readonly check: HealthCheck;
  run(signal: AbortSignal): Promise<void>;
}

/** A definition as it is stored and with the names it is to have. */
interface Planned {
  readonly definition: CustomResourceDefinition;
  readonly isChanged: boolean;
  readonly revision: bigint;
}

export function createCustomResources(deps: PipelineDeps): CustomResources {
  const { cache, resources, clock, log } = deps;
  const prefix = storagePrefix(customresourcedefinitions);
  const served = createServedVersions({ webhooks: deps.webhooks, random: deps.random });
  const cleanup = createCleanup(deps);
  let isRegistered = false;

  /** Serves first, tells afterwards: whoever reads `Established` may use the resource at once. */
  async function update(signal: AbortSignal): Promise<void> {
    const planned = planAll(cache.list(prefix).map(parsed), deps);
    resources.setCustom(served.of(planned));
    isRegistered = true;
    for (const { definition, isChanged } of planned) if (isChanged) await writeStatus(definition, deps, signal);
    cleanup.keepUp(planned.map(({ definition }) => definition).filter(isBeingDeleted), signal);
  }

  /** Ends when the cache has forgotten what came in between; then all is looked at anew, which is what happens anyway. */
  async function follow(signal: AbortSignal): Promise<void> {
    const watch = cache.watch(prefix, cache.revision());
    try {
      for (;;) {
        await update(signal);
        let events = await watch.next(signal);
        while (events.events.length === 0) events = await watch.next(signal);
      }
    } finally {
      watch.close();
    }
  }

  return {
    check: {
      name: 'poststarthook/start-apiextensions-controllers',
      problem: () => (isRegistered ? undefined : 'custom resources are not registered yet'),
    },
    run: async (signal) => {
      while (!signal.aborted) {
        try {
          await follow(signal);
        } catch (error) {
          if (signal.aborted) break;
          if (!isReason(error, 'Expired')) log.warn({ err: error }, 'custom resources are behind their definitions; trying again');
          await clock.sleep(RETRY_MS, signal).catch(() => {});
        }
      }
      await cleanup.ended();
    },
  };
}

/** Definitions are parsed once per state. */
const parsedDefinitions = new WeakMap<CachedObject, Planned>();

function parsed(object: CachedObject): Planned {
  const known = parsedDefinitions.get(object);
  if (known !== undefined) return known;
  const definition = parseStoredAs(customresourcedefinitions, object.bytes);
  const made = { definition, isChanged: false, revision: object.revision };
  parsedDefinitions.set(object, made);
  return made;
}

function isBeingDeleted({ metadata }: CustomResourceDefinition): boolean {
  return metadata.deletionTimestamp !== undefined;
}

/** One after the other, oldest first, each seeing the names that the ones before it were given. */
function planAll(definitions: readonly Planned[], { resources, clock }: PipelineDeps): readonly Planned[] {
  const time = formatTime(clock.now());
  const planned = definitions.toSorted((left, right) => compareAge(left.definition, right.definition));
  for (const [index, { definition, revision }] of planned.entries()) {
    const { group } = definition.spec;
    const others = planned.filter((other, at) => at !== index && other.definition.spec.group === group);
    const inUse = namesOf(others.map((other) => other.definition));
    const builtIn = resources.builtIn().filter(({ type }) => type.group === group);
    const status = planNames(
      definition,
      {
        resources: new Set([
          ...inUse.resources,
          ...builtIn.flatMap(({ type, singular, shortNames }) => [type.plural, singular, ...shortNames]),
        ]),
        kinds: new Set([...inUse.kinds, ...builtIn.flatMap(({ type }) => [type.kind, `${type.kind}List`])]),
      },
      time,
    );
    if (status !== definition.status) planned[index] = { definition: { ...definition, status }, isChanged: true, revision };
  }
  return planned;
}

function compareAge({ metadata: left }: CustomResourceDefinition, { metadata: right }: CustomResourceDefinition): number {
  const order = (left.creationTimestamp ?? '').localeCompare(right.creationTimestamp ?? '');
  return order === 0 ? left.name.localeCompare(right.name) : order;
}

/** Names and conditions as planned, onto the definition as it is now. One that has gone or changed is planned again anyway. */
async function writeStatus(planned: CustomResourceDefinition, deps: PipelineDeps, signal: AbortSignal): Promise<void> {
  const definition = deps.resources.get(customresourcedefinitions);
  const target = { definition, namespace: '', name: planned.metadata.name, isDryRun: false, signal };
  try {
    await modifyStored(target, deps, (current) => {
      const isSame = isOfType(customresourcedefinitions, current) && current.metadata.generation === planned.metadata.generation;
      if (!isSame) return { action: 'write', object: current };
      const { acceptedNames, conditions } = planned.status ?? {};
      const others = (current.status?.conditions ?? []).filter(({ type }) => type !== 'NamesAccepted' && type !== 'Established');
      const own = (conditions ?? []).filter(({ type }) => type === 'NamesAccepted' || type === 'Established');
      return {
        action: 'write',
        object: { ...current, ...{ status: { ...current.status, acceptedNames, conditions: [...own, ...others] } } },
      };
    });
  } catch (error) {
    if (!isReason(error, 'NotFound')) throw error;
  }
  if (isConditionTrue(planned.status?.conditions, 'Established'))
    deps.log.info({ name: planned.metadata.name }, 'a custom resource is established');
}
