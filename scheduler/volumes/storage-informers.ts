/** The copies of everything that `Storage` is made of, and what their changes mean for the queue. */

import { classOf } from '#api/core/v1/volume-matching.ts';
import {
  csidrivers,
  csinodes,
  csistoragecapacities,
  persistentvolumeclaims,
  persistentvolumes,
  storageclasses,
} from '#api/generated/resources.ts';
import type { ApiObject } from '#api/meta/resource-type.ts';
import { createInformer, type Informer, type InformerDeps } from '#client/informer.ts';
import type { ClusterEvent } from '../cluster-event.ts';
import type { StoredStorage } from './storage.ts';

export interface StorageInformers {
  readonly informers: readonly Informer<ApiObject>[];
  readonly stored: StoredStorage;
  /** Calls back when a claim or a volume has changed; returns a function that ends it. */
  onStorageChange(callback: () => void): () => void;
  /** Tells of what came or changed. */
  onEvent(handler: (event: ClusterEvent) => void): void;
}

export function createStorageInformers(deps: InformerDeps): StorageInformers {
  const claims = createInformer({ type: persistentvolumeclaims }, deps);
  const volumes = createInformer({ type: persistentvolumes, indexes: { class: (volume) => [classOf(volume)] } }, deps);
  const classes = createInformer({ type: storageclasses }, deps);
  const nodes = createInformer({ type: csinodes }, deps);
  const drivers = createInformer({ type: csidrivers }, deps);
  const capacities = createInformer({ type: csistoragecapacities, indexes: { class: ({ storageClassName }) => [storageClassName] } }, deps);
  const named = (name: string) => ({ namespace: '', name });
  return {
    informers: [claims, volumes, classes, nodes, drivers, capacities],
    stored: {
      findClaim: (key) => {
        const [namespace = '', name = ''] = key.split('/');
        return claims.store.find({ namespace, name });
      },
      findVolume: (name) => volumes.store.find(named(name)),
      listVolumes: (className) => volumes.store.listByIndex('class', className),
      findClass: (name) => classes.store.find(named(name)),
      findCsiNode: (nodeName) => nodes.store.find(named(nodeName)),
      findDriver: (name) => drivers.store.find(named(name)),
      listCapacities: (className) => capacities.store.listByIndex('class', className),
    },
    onStorageChange: (callback) => {
      const ends = [claims.onAdvance(callback), volumes.onAdvance(callback)];
      return () => {
        for (const end of ends) end();
      };
    },
    onEvent: (handler) => {
      claims.onChange(({ type, object: claim }) => type !== 'deleted' && handler({ name: 'claim-changed', claim }));
      volumes.onChange(({ type, object: volume }) => type !== 'deleted' && handler({ name: 'volume-changed', volume }));
      for (const informer of [classes, nodes, drivers, capacities] as const) {
        informer.onChange(({ type, object }) => type !== 'deleted' && handler({ name: 'storage-changed', object }));
      }
    },
  };
}
