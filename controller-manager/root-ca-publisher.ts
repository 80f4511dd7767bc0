/**
 * Puts the certificate of the API server's authority into every namespace, as the ConfigMap `kube-root-ca.crt`, from where pods mount it; what somebody changes in
 * it is put right. The key is the namespace's. Upstream: pkg/controller/certificates/rootcacertpublisher.
 */
import { configmaps } from '#api/generated/resources.ts';
import type { ConfigMap, Namespace } from '#api/generated/types.ts';
import { jsonEquals } from '#api/meta/json.ts';
import type { ObjectKey } from '#api/meta/object-key.ts';
import { type Action, create, update } from '#client/apply-actions.ts';
import { type ControllerDefinition, onChange, onRelatedChange } from '#client/controller.ts';
import type { SharedCaches } from './shared-caches.ts';

export interface RootCaSnapshot {
  readonly namespace: Namespace;
  readonly configMap: ConfigMap | undefined;
  /** PEM. */
  readonly rootCa: string;
}

const NAME = 'kube-root-ca.crt';
const DESCRIPTION_ANNOTATION = 'kubernetes.io/description';
const DESCRIPTION = 'The certificate authority by which programs in this cluster know its API server, at kubernetes.default.svc.';

/** Many namespaces may come at once, and people wait for their pods. */
const WORKERS = 4;

export function rootCaPublisher(caches: SharedCaches, rootCa: string): ControllerDefinition<RootCaSnapshot> {
  return {
    name: 'root-ca-publisher',
    informers: [caches.namespaces, caches.configMaps],
    triggers: [
      onChange(caches.namespaces),
      onRelatedChange(caches.configMaps, ({ metadata }) =>
        metadata.name === NAME ? [{ namespace: '', name: metadata.namespace ?? '' }] : [],
      ),
    ],
    snapshot: (key) => snapshotRootCa(key, caches, rootCa),
    reconcile: reconcileRootCa,
    workers: WORKERS,
  };
}

export function snapshotRootCa(key: ObjectKey, caches: SharedCaches, rootCa: string): RootCaSnapshot | undefined {
  const namespace = caches.namespaces.store.find(key);
  if (namespace === undefined) return undefined;
  return { namespace, configMap: caches.configMaps.store.find({ namespace: key.name, name: NAME }), rootCa };
}

export function reconcileRootCa({ namespace, configMap, rootCa }: RootCaSnapshot): readonly Action[] {
  const { name, deletionTimestamp } = namespace.metadata;
  if (deletionTimestamp !== undefined) return [];
  const data = { 'ca.crt': rootCa };
  const described = { [DESCRIPTION_ANNOTATION]: DESCRIPTION };
  if (configMap === undefined) {
    const metadata = { name: NAME, namespace: name, annotations: described };
    return [create(configmaps, { apiVersion: 'v1', kind: 'ConfigMap', metadata, data })];
  }
  const { annotations } = configMap.metadata;
  if (jsonEquals(configMap.data, data) && annotations?.[DESCRIPTION_ANNOTATION] === DESCRIPTION) return [];
  return [update(configmaps, { ...configMap, metadata: { ...configMap.metadata, annotations: { ...annotations, ...described } }, data })];
}
