/**
 * The ConfigMaps and Secrets that this node's pods refer to, each kept current by a watch of that one object, as the node's authority allows
 * no more. An object is followed while any pod refers to it; its change wakes those pods.
 */

import { configmaps, secrets } from '#api/generated/resources.ts';
import type { ConfigMap, Pod, Secret } from '#api/generated/types.ts';
import type { ApiObject, ResourceType } from '#api/meta/resource-type.ts';
import { createInformer, type Informer, type InformerDeps } from '#client/informer.ts';
import type { ReferenceLookup } from './environment.ts';
import { allContainersOf } from './pod-snapshot.ts';

export interface References {
  /** Follows what this pod refers to; resolves when each of them is known to be there or not. Throws after `FIRST_LOOK_MS_MAX`. */
  follow(pod: Pod, onChange: () => void): Promise<void>;
  release(podUid: string): void;
  lookupFor(namespace: string): ReferenceLookup;
}

/** An object that takes longer is refused to this node, or the server is away; the pod says so and tries again. */
const FIRST_LOOK_MS_MAX = 10_000;

interface Followed {
  readonly informer: Informer<ApiObject>;
  readonly stop: AbortController;
  readonly pods: Map<string, () => void>;
}

export function createReferences(deps: InformerDeps): References {
  const followed = new Map<string, Followed>();

  function start<T extends ApiObject>(type: ResourceType<T>, namespace: string, name: string): Followed {
    const informer = createInformer({ type, namespace, fieldSelector: `metadata.name=${name}` }, deps);
    const entry: Followed = { informer, stop: new AbortController(), pods: new Map() };
    informer.onChange(() => {
      for (const wake of entry.pods.values()) wake();
    });
    informer.run(entry.stop.signal).catch((error: unknown) => {
      if (!entry.stop.signal.aborted) deps.log.warn({ err: error, namespace, name }, 'cannot follow an object that a pod refers to');
    });
    return entry;
  }

  return {
    follow: async (pod, onChange) => {
      const { uid, namespace = '' } = pod.metadata;
      const entries = referencesOf(pod).map(({ kind, name }) => {
        const key = `${kind}/${namespace}/${name}`;
        const entry = followed.get(key) ?? (kind === 'configmap' ? start(configmaps, namespace, name) : start(secrets, namespace, name));
        followed.set(key, entry);
        entry.pods.set(uid, onChange);
        return { entry, what: `${kind} "${name}"` };
      });
      await Promise.all(entries.map(({ entry, what }) => firstLook(entry, what, deps)));
    },

    release: (podUid) => {
      for (const [key, entry] of followed) {
        if (!entry.pods.delete(podUid) || entry.pods.size > 0) continue;
        entry.stop.abort();
        followed.delete(key);
      }
    },

    lookupFor: (namespace) => ({
      configMap: (name) => findIn(followed.get(`configmap/${namespace}/${name}`), configmaps, namespace, name),
      secret: (name) => findIn(followed.get(`secret/${namespace}/${name}`), secrets, namespace, name),
    }),
  };
}

async function firstLook({ informer }: Followed, what: string, { clock }: InformerDeps): Promise<void> {
  const late = new AbortController();
  const cancel = clock.after(FIRST_LOOK_MS_MAX, () => late.abort(new Error(`failed to sync ${what}: timed out waiting for the condition`)));
  try {
    await informer.whenSynced(late.signal);
  } finally {
    cancel();
  }
}

function findIn<T extends ConfigMap | Secret>(
  entry: Followed | undefined,
  type: ResourceType<T>,
  namespace: string,
  name: string,
): T | undefined {
  const found = entry?.informer.store.find({ namespace, name });
  return isOfType(found, type) ? found : undefined;
}

/** The key of the map names the type, so this only tells the compiler. */
function isOfType<T extends ApiObject>(object: ApiObject | undefined, type: ResourceType<T>): object is T {
  return object?.kind === type.kind;
}

interface Reference {
  readonly kind: 'configmap' | 'secret';
  readonly name: string;
}

/** Every ConfigMap and Secret that the pod's environment and volumes name. */
export function referencesOf(pod: Pod): readonly Reference[] {
  const found = [...(pod.spec.volumes ?? []).flatMap(ofVolume), ...allContainersOf(pod).flatMap(ofContainer)];
  const named = new Map(found.filter(({ name }) => name !== '').map((reference) => [`${reference.kind}/${reference.name}`, reference]));
  return [...named.values()];
}

function ofVolume({ configMap, secret, projected }: NonNullable<Pod['spec']['volumes']>[number]): readonly Reference[] {
  const sources = [{ configMap, secret: secret && { name: secret.secretName } }, ...(projected?.sources ?? [])];
  return sources.flatMap((source) => [
    ...(source.configMap === undefined ? [] : [configMapReference(source.configMap.name)]),
    ...(source.secret === undefined ? [] : [secretReference(source.secret.name)]),
  ]);
}

function ofContainer({ env = [], envFrom = [] }: Pod['spec']['containers'][number]): readonly Reference[] {
  const fromVariables = env.flatMap(({ valueFrom }) => [
    ...(valueFrom?.configMapKeyRef === undefined ? [] : [configMapReference(valueFrom.configMapKeyRef.name)]),
    ...(valueFrom?.secretKeyRef === undefined ? [] : [secretReference(valueFrom.secretKeyRef.name)]),
  ]);
  const fromSources = envFrom.flatMap(({ configMapRef, secretRef }) => [
    ...(configMapRef === undefined ? [] : [configMapReference(configMapRef.name)]),
    ...(secretRef === undefined ? [] : [secretReference(secretRef.name)]),
  ]);
  return [...fromVariables, ...fromSources];
}

function configMapReference(name = ''): Reference {
  return { kind: 'configmap', name };
}

function secretReference(name = ''): Reference {
  return { kind: 'secret', name };
}
