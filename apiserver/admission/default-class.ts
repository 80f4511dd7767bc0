/**
 * Fills in the class of claims and ingresses that name none: the one that is marked as the default. Of several the newest counts, and of those made in the same
 * second the first by name. Source: upstream's plugin/pkg/admission/{storage/storageclass/setdefault,network/defaultingressclass}.
 */
import { ingressclasses, ingresses, persistentvolumeclaims, storageclasses } from '#api/generated/resources.ts';
import type { ApiObject, ResourceType } from '#api/meta/resource-type.ts';
import { isOfType, parseStoredAs } from '../encoding/json-value.ts';
import type { WatchCache } from '../storage/watch-cache.ts';
import { storagePrefix } from '../storage-key.ts';
import { type AdmissionPlugin, isMainResource } from './admission.ts';

const DEFAULT_STORAGE_CLASS = 'storageclass.kubernetes.io/is-default-class';
const DEFAULT_STORAGE_CLASS_BETA = 'storageclass.beta.kubernetes.io/is-default-class';
const STORAGE_CLASS_BETA = 'volume.beta.kubernetes.io/storage-class';
const DEFAULT_INGRESS_CLASS = 'ingressclass.kubernetes.io/is-default-class';
const INGRESS_CLASS_OLD = 'kubernetes.io/ingress.class';

type Deps = { readonly cache: WatchCache };

export function defaultStorageClass({ cache }: Deps): AdmissionPlugin {
  return {
    name: 'DefaultStorageClass',
    mutate: (request) => {
      const { object: claim, operation } = request;
      if (operation !== 'CREATE' || !isMainResource(request) || !isOfType(persistentvolumeclaims, claim)) return claim;
      // An empty name is a wish too: for a volume without a class.
      if (claim.spec.storageClassName !== undefined || claim.metadata.annotations?.[STORAGE_CLASS_BETA] !== undefined) return claim;
      const storageClassName = defaultOf(storageclasses, [DEFAULT_STORAGE_CLASS, DEFAULT_STORAGE_CLASS_BETA], cache);
      return storageClassName === undefined ? claim : { ...claim, spec: { ...claim.spec, storageClassName } };
    },
  };
}

export function defaultIngressClass({ cache }: Deps): AdmissionPlugin {
  return {
    name: 'DefaultIngressClass',
    mutate: (request) => {
      const { object: ingress, operation } = request;
      if (operation !== 'CREATE' || !isMainResource(request) || !isOfType(ingresses, ingress)) return ingress;
      if (ingress.spec?.ingressClassName !== undefined || ingress.metadata.annotations?.[INGRESS_CLASS_OLD] !== undefined) return ingress;
      const ingressClassName = defaultOf(ingressclasses, [DEFAULT_INGRESS_CLASS], cache);
      return ingressClassName === undefined ? ingress : { ...ingress, spec: { ...ingress.spec, ingressClassName } };
    },
  };
}

function defaultOf<T extends ApiObject>(type: ResourceType<T>, marks: readonly string[], cache: WatchCache): string | undefined {
  const marked = cache
    .list(storagePrefix(type))
    .map(({ bytes }) => parseStoredAs(type, bytes).metadata)
    .filter(({ annotations }) => marks.some((mark) => annotations?.[mark] === 'true'));
  // Times of one format sort as text, and the cache lists by name.
  return marked.reduce<(typeof marked)[number] | undefined>(
    (best, other) => (best !== undefined && best.creationTimestamp >= other.creationTimestamp ? best : other),
    undefined,
  )?.name;
}
