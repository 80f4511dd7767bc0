/**
 * Sees to it that every namespace has the service account `default`, without which no pod can be created in it; one that is deleted comes back. A namespace that is
 * being emptied gets none. The key is the namespace's. Upstream: pkg/controller/serviceaccount/serviceaccounts_controller.go.
 */
import { serviceaccounts } from '#api/generated/resources.ts';
import type { Namespace, ServiceAccount } from '#api/generated/types.ts';
import type { ObjectKey } from '#api/meta/object-key.ts';
import { type Action, create } from '#client/apply-actions.ts';
import { type ControllerDefinition, onChange, onRelatedChange } from '#client/controller.ts';
import type { SharedCaches } from './shared-caches.ts';

export interface ServiceAccountSnapshot {
  readonly namespace: Namespace;
  readonly account: ServiceAccount | undefined;
}

const DEFAULT_ACCOUNT = 'default';

/** Many namespaces may come at once, and people wait for their pods. */
const WORKERS = 4;

export function serviceAccountController(caches: SharedCaches): ControllerDefinition<ServiceAccountSnapshot> {
  return {
    name: 'service-account',
    informers: [caches.namespaces, caches.serviceAccounts],
    triggers: [
      onChange(caches.namespaces),
      onRelatedChange(caches.serviceAccounts, ({ metadata }) =>
        metadata.name === DEFAULT_ACCOUNT ? [{ namespace: '', name: metadata.namespace ?? '' }] : [],
      ),
    ],
    snapshot: (key) => snapshotServiceAccount(key, caches),
    reconcile: reconcileServiceAccount,
    workers: WORKERS,
  };
}

export function snapshotServiceAccount(key: ObjectKey, caches: SharedCaches): ServiceAccountSnapshot | undefined {
  const namespace = caches.namespaces.store.find(key);
  if (namespace === undefined) return undefined;
  return { namespace, account: caches.serviceAccounts.store.find({ namespace: key.name, name: DEFAULT_ACCOUNT }) };
}

export function reconcileServiceAccount({ namespace, account }: ServiceAccountSnapshot): readonly Action[] {
  const { name, deletionTimestamp } = namespace.metadata;
  if (account !== undefined || deletionTimestamp !== undefined) return [];
  return [create(serviceaccounts, { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: DEFAULT_ACCOUNT, namespace: name } })];
}
