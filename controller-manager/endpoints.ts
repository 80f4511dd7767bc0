/**
 * The Endpoints controller: the older, single-object form of what EndpointSlices say, kept for clients that still read it. One object per
 * Service with a selector, named like it. Upstream: pkg/controller/endpoint (deprecated there since 1.33, and still running).
 */
import { isDeepStrictEqual } from 'node:util';
import { endpoints as endpointsType } from '#api/generated/resources.ts';
import type { EndpointAddress, EndpointPort, EndpointSubset, Endpoints, Pod, Service } from '#api/generated/types.ts';
import type { ObjectKey } from '#api/meta/object-key.ts';
import { type Action, create, remove, update } from '#client/apply-actions.ts';
import { type ControllerDefinition, onChange, onRelatedChange } from '#client/controller.ts';
import {
  addressesOf,
  familiesOf,
  groupByPorts,
  HEADLESS_LABEL,
  hostnameIn,
  isAddressable,
  isHeadless,
  type ResolvedPort,
} from './endpoints/service-endpoints.ts';
import { selectedPods, servicesSelecting } from './endpoints/service-pods.ts';
import { readySinceMs } from './pod-readiness.ts';
import type { SharedCaches } from './shared-caches.ts';

/** More do not fit one object that every reader gets whole. */
const ADDRESSES_MAX = 1_000;
/** Services synced at once, as upstream's --concurrent-endpoint-syncs. */
const WORKERS = 5;

const OVER_CAPACITY = 'endpoints.kubernetes.io/over-capacity';
const MANAGED_BY_LABEL = 'endpoints.kubernetes.io/managed-by';
const MANAGER = 'endpoint-controller';

export interface EndpointsSnapshot {
  readonly key: ObjectKey;
  /** Absent once deleted. */
  readonly service: Service | undefined;
  readonly pods: readonly Pod[];
  readonly existing: Endpoints | undefined;
}

export function endpointsController(caches: SharedCaches): ControllerDefinition<EndpointsSnapshot> {
  return {
    name: 'endpoints',
    informers: [caches.services, caches.pods, caches.endpoints],
    triggers: [
      onChange(caches.services),
      onChange(caches.endpoints),
      onRelatedChange(caches.pods, (pod) => servicesSelecting(caches, pod)),
    ],
    snapshot: (key) => {
      const service = caches.services.store.find(key);
      const existing = caches.endpoints.store.find(key);
      return { key, service, existing, pods: service === undefined ? [] : selectedPods(caches, service) };
    },
    reconcile: reconcileEndpoints,
    workers: WORKERS,
  };
}

export function reconcileEndpoints({ key, service, pods, existing }: EndpointsSnapshot): readonly Action[] {
  if (service === undefined || service.spec.type === 'ExternalName') {
    return existing !== undefined && isOurs(existing) ? [remove(endpointsType, existing)] : [];
  }
  if (service.spec.selector === undefined || service.metadata.deletionTimestamp !== undefined) return [];
  const { subsets, isTruncated } = subsetsOf(service, pods);
  const labels = labelsOf(service);
  if (existing === undefined) {
    const annotations = isTruncated ? { annotations: { [OVER_CAPACITY]: 'truncated' } } : {};
    return [create(endpointsType, { apiVersion: 'v1', kind: 'Endpoints', metadata: { ...key, labels, ...annotations }, subsets })];
  }
  const { [OVER_CAPACITY]: wasTruncated, ...others } = existing.metadata.annotations ?? {};
  const isSame = isDeepStrictEqual(existing.subsets ?? [], subsets) && isDeepStrictEqual(existing.metadata.labels ?? {}, labels);
  if (isSame && isTruncated === (wasTruncated !== undefined)) return [];
  const annotations = isTruncated ? { ...others, [OVER_CAPACITY]: 'truncated' } : others;
  return [update(endpointsType, { ...existing, metadata: { ...existing.metadata, labels, annotations }, subsets })];
}

function subsetsOf(service: Service, pods: readonly Pod[]): { readonly subsets: readonly EndpointSubset[]; readonly isTruncated: boolean } {
  const [family = 'IPv4'] = familiesOf(service);
  const publishesAll = service.spec.publishNotReadyAddresses === true;
  const usable = pods
    .filter((pod) => isAddressable(pod) && addressesOf(pod, family).length > 0)
    .filter(({ metadata }) => publishesAll || metadata.deletionTimestamp === undefined);
  const kept = usable.slice(0, ADDRESSES_MAX);
  const subsets = groupByPorts(service, kept).map(({ ports, pods: members }): EndpointSubset => {
    const isReady = (pod: Pod) => publishesAll || readySinceMs(pod) !== undefined;
    const ready = members.filter(isReady).map((pod) => addressOf(pod, family, service));
    const unready = members.filter((pod) => !isReady(pod)).map((pod) => addressOf(pod, family, service));
    return {
      ...(ready.length === 0 ? {} : { addresses: ready.sort(byIp) }),
      ...(unready.length === 0 ? {} : { notReadyAddresses: unready.sort(byIp) }),
      ...(ports.length === 0 ? {} : { ports: ports.map(toEndpointPort) }),
    };
  });
  return { subsets: subsets.sort(byPorts), isTruncated: kept.length < usable.length };
}

function addressOf(pod: Pod, family: string, service: Service): EndpointAddress {
  const { namespace = '', name, uid } = pod.metadata;
  const [ip = ''] = addressesOf(pod, family);
  const hostname = hostnameIn(pod, service);
  return {
    ip,
    ...(hostname === undefined ? {} : { hostname }),
    ...(pod.spec.nodeName === undefined ? {} : { nodeName: pod.spec.nodeName }),
    targetRef: { kind: 'Pod', namespace, name, uid },
  };
}

/** Here an only port without a name has no name, not an empty one. */
function toEndpointPort({ name, ...port }: ResolvedPort): EndpointPort {
  return name === '' ? port : { name, ...port };
}

function byIp(left: EndpointAddress, right: EndpointAddress): number {
  return left.ip < right.ip ? -1 : 1;
}

function byPorts(left: EndpointSubset, right: EndpointSubset): number {
  return JSON.stringify(left.ports ?? []) < JSON.stringify(right.ports ?? []) ? -1 : 1;
}

function labelsOf(service: Service): Readonly<Record<string, string>> {
  const { [HEADLESS_LABEL]: _headless, ...labels } = service.metadata.labels ?? {};
  return { ...labels, [MANAGED_BY_LABEL]: MANAGER, ...(isHeadless(service) ? { [HEADLESS_LABEL]: '' } : {}) };
}

function isOurs({ metadata }: Endpoints): boolean {
  return metadata.labels?.[MANAGED_BY_LABEL] === MANAGER;
}
