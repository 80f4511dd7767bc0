/**
 * Nothing is created in a namespace that is not there or is going away, and the namespaces the cluster cannot do without are not deleted.
 * Source: k8s.io/apiserver, pkg/admission/plugin/namespace/lifecycle/admission.go.
 */
import { namespaces } from '#api/generated/resources.ts';
import { ApiError, forbidden, notFound } from '#api/meta/status.ts';
import { parseStored } from '../encoding/json-value.ts';
import type { Storage } from '../storage/storage.ts';
import type { WatchCache } from '../storage/watch-cache.ts';
import { storageKey } from '../storage-key.ts';
import type { AdmissionPlugin, AdmissionRequest } from './admission.ts';

const IMMORTAL: ReadonlySet<string> = new Set(['default', 'kube-system', 'kube-public']);

/** Reviews ask about a namespace; they put nothing into it. */
const ASKING_GROUP = 'authorization.k8s.io';

export function namespaceLifecycle(deps: { readonly cache: WatchCache; readonly storage: Storage }): AdmissionPlugin {
  return {
    name: 'NamespaceLifecycle',
    // Before the others complete the object: what they would miss in a namespace that is not there is no news.
    mutate: async (request) => {
      const { operation, definition, object } = request;
      const isPutInto = operation === 'CREATE' && definition.type.isNamespaced && definition.type.group !== ASKING_GROUP;
      if (isPutInto) await throwIfClosed(request, deps);
      return object;
    },
    validate: ({ operation, definition, info }) => {
      if (
        operation === 'DELETE' &&
        definition.type.plural === namespaces.plural &&
        definition.type.group === '' &&
        IMMORTAL.has(info.name)
      ) {
        throw forbidden(namespaces, info.name, 'this namespace may not be deleted');
      }
    },
  };
}

async function throwIfClosed({ info, definition, object }: AdmissionRequest, deps: { cache: WatchCache; storage: Storage }): Promise<void> {
  const key = storageKey(namespaces, '', info.namespace);
  // The cache may not have seen a namespace that was made a moment ago.
  const found = deps.cache.find(key) ?? (await deps.storage.get(key));
  if (found === undefined) throw notFound(namespaces, info.namespace);
  if (parseStored(found.bytes).metadata.deletionTimestamp === undefined) return;
  const why = `unable to create new content in namespace ${info.namespace} because it is being terminated`;
  const refusal = forbidden(definition.type, object.metadata.name ?? info.name, why);
  const cause = { reason: 'NamespaceTerminating', message: `namespace ${info.namespace} is being terminated`, field: 'metadata.namespace' };
  throw new ApiError('Forbidden', refusal.message, { details: { ...refusal.details, causes: [cause] } });
}
