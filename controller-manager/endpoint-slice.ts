/**
 * The EndpointSlice controller: for each Service with a selector, slices of at most a hundred endpoints that say which pods answer where, and
 * whether they are ready or on their way out. kube-proxy and DNS live on them. It reuses what is there and changes as few slices as it can,
 * because every change goes to every node. Upstream: pkg/controller/endpointslice, staging/src/k8s.io/endpointslice.
 */
import { isDeepStrictEqual } from 'node:util';
import { endpointslices, services } from '#api/generated/resources.ts';
import type { Endpoint, EndpointSlice, Pod, Service } from '#api/generated/types.ts';
import { type ObjectKey, parseKey } from '#api/meta/object-key.ts';
import { controllerReference } from '#api/meta/owner-reference.ts';
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
import { SERVICE, SERVICE_NAME_LABEL, type SharedCaches } from './shared-caches.ts';

/** Upstream's --max-endpoints-per-slice: a change of one endpoint rewrites its whole slice. */
const ENDPOINTS_PER_SLICE_MAX = 100;
/** Services synced at once, as upstream's --concurrent-service-endpoint-syncs. */
const WORKERS = 5;

const MANAGED_BY_LABEL = 'endpointslice.kubernetes.io/managed-by';
const MANAGER = 'endpointslice-controller.k8s.io';
const ZONE_LABEL = 'topology.kubernetes.io/zone';

export interface EndpointSliceSnapshot {
  readonly service: Service;
  /** Pods that the Service selects. */
  readonly pods: readonly Pod[];
  /** The slices this controller has made for the Service. */
  readonly slices: readonly EndpointSlice[];
  /** Zone by node name, of the nodes that have one. */
  readonly zones: ReadonlyMap<string, string>;
}

export function endpointSliceController(caches: SharedCaches): ControllerDefinition<EndpointSliceSnapshot> {
  return {
    name: 'endpoint-slice',
    informers: [caches.services, caches.pods, caches.endpointSlices, caches.nodes],
    triggers: [
      onChange(caches.services),
      onRelatedChange(caches.pods, (pod) => servicesSelecting(caches, pod)),
      onRelatedChange(caches.endpointSlices, (slice) => (isOurs(slice) ? [serviceKeyOf(slice)] : [])),
    ],
    snapshot: (key) => snapshotEndpointSlices(key, caches),
    reconcile: reconcileEndpointSlices,
    workers: WORKERS,
  };
}

export function snapshotEndpointSlices(key: ObjectKey, caches: SharedCaches): EndpointSliceSnapshot | undefined {
  const service = caches.services.store.find(key);
  if (service === undefined) return undefined;
  const nodes = caches.nodes.store.list();
  return {
    service,
    pods: selectedPods(caches, service),
    slices: caches.endpointSlices.store.listByIndex(SERVICE, `${key.namespace}/${key.name}`).filter(isOurs),
    zones: new Map(
      nodes.flatMap(({ metadata: { name, labels } }) => (labels?.[ZONE_LABEL] === undefined ? [] : [[name, labels[ZONE_LABEL]]])),
    ),
  };
}

export function reconcileEndpointSlices(snapshot: EndpointSliceSnapshot): readonly Action[] {
  const { service, slices } = snapshot;
  if (service.metadata.deletionTimestamp !== undefined) return [];
  if (service.spec.type === 'ExternalName') return slices.map((slice) => remove(endpointslices, slice));
  // The slices of a Service without a selector are somebody else's business.
  if (service.spec.selector === undefined) return [];
  const families = familiesOf(service);
  const foreign = slices.filter((slice) => !families.includes(slice.addressType));
  return [...foreign.map((slice) => remove(endpointslices, slice)), ...families.flatMap((family) => reconcileFamily(snapshot, family))];
}

interface WantedGroup {
  readonly ports: readonly ResolvedPort[];
  readonly endpoints: readonly Endpoint[];
}

function reconcileFamily(snapshot: EndpointSliceSnapshot, family: string): readonly Action[] {
  const { service, pods } = snapshot;
  const addressable = pods.filter((pod) => isAddressable(pod) && addressesOf(pod, family).length > 0);
  const groups = groupByPorts(service, addressable).map(({ ports, pods: members }): WantedGroup => {
    return { ports, endpoints: members.map((pod) => endpointOf(pod, family, snapshot)) };
  });
  // An empty slice tells readers that the controller has been here and found nobody.
  const wanted = groups.length === 0 ? [{ ports: [], endpoints: [] }] : groups;
  const existing = snapshot.slices.filter((slice) => slice.addressType === family && slice.metadata.deletionTimestamp === undefined);
  const obsolete = existing.filter((slice) => !wanted.some((group) => hasPorts(slice, group.ports)));
  const plans = wanted.map((group) => planGroup(group, existing));
  const created = plans.flatMap((plan) => plan.created);
  const surplus = [...obsolete, ...plans.flatMap((plan) => plan.surplus)];
  // Slices are filled before others are emptied: no reader may see an endpoint in neither.
  return [
    ...created.map((contents, index) => writeSlice(service, family, contents, surplus[index])),
    ...plans.flatMap((plan) => plan.kept.flatMap(({ slice, endpoints }) => refresh(service, slice, endpoints))),
    ...surplus.slice(created.length).map((slice) => remove(endpointslices, slice)),
  ];
}

interface GroupPlan {
  /** Contents that no slice has room for. */
  readonly created: readonly WantedGroup[];
  readonly kept: readonly { readonly slice: EndpointSlice; readonly endpoints: readonly Endpoint[] }[];
  /** Slices that nothing is left for. */
  readonly surplus: readonly EndpointSlice[];
}

/** Endpoints stay in the slice they are in; new ones go first into slices that change anyway, then where there is room, then into new ones. */
function planGroup({ ports, endpoints: wanted }: WantedGroup, existing: readonly EndpointSlice[]): GroupPlan {
  const unplaced = new Map(wanted.map((endpoint) => [identityOf(endpoint), endpoint]));
  const drafts = existing
    .filter((slice) => hasPorts(slice, ports))
    .map((slice) => {
      const endpoints = (slice.endpoints ?? []).flatMap((endpoint) => take(unplaced, identityOf(endpoint)));
      return { slice, endpoints, isChanged: !isDeepStrictEqual(endpoints, slice.endpoints ?? []) };
    });
  const waiting = [...unplaced.values()];
  for (const draft of drafts.toSorted((left, right) => Number(right.isChanged) - Number(left.isChanged))) {
    draft.endpoints.push(...waiting.splice(0, ENDPOINTS_PER_SLICE_MAX - draft.endpoints.length));
  }
  // Of a group without endpoints one empty slice stays.
  const used = drafts.filter(({ endpoints }) => endpoints.length > 0);
  const kept = used.length > 0 || waiting.length > 0 ? used : drafts.slice(0, 1);
  const created = chunk(waiting).map((endpoints) => ({ ports, endpoints }));
  return {
    created: kept.length === 0 && created.length === 0 ? [{ ports, endpoints: [] }] : created,
    kept,
    surplus: drafts.filter((draft) => !kept.includes(draft)).map(({ slice }) => slice),
  };
}

/** A slice that would be deleted is used again: readers then get one change instead of two. */
function writeSlice(service: Service, family: string, { ports, endpoints }: WantedGroup, reusable: EndpointSlice | undefined): Action {
  if (reusable === undefined) return create(endpointslices, draftSlice(service, family, ports, endpoints));
  return update(endpointslices, { ...reusable, metadata: { ...reusable.metadata, labels: labelsOf(service) }, endpoints, ports });
}

function refresh(service: Service, slice: EndpointSlice, endpoints: readonly Endpoint[]): readonly Action[] {
  const labels = labelsOf(service);
  if (isDeepStrictEqual(endpoints, slice.endpoints ?? []) && isDeepStrictEqual(labels, slice.metadata.labels ?? {})) return [];
  return [update(endpointslices, { ...slice, metadata: { ...slice.metadata, labels }, endpoints })];
}

function draftSlice(service: Service, family: string, ports: readonly ResolvedPort[], endpoints: readonly Endpoint[]) {
  const { name, namespace } = service.metadata;
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      generateName: `${name}-`,
      ...(namespace === undefined ? {} : { namespace }),
      labels: labelsOf(service),
      ownerReferences: [controllerReference(service, services)],
    },
    addressType: family,
    endpoints,
    ports,
  };
}

function labelsOf(service: Service): Readonly<Record<string, string>> {
  const { [HEADLESS_LABEL]: _headless, ...labels } = service.metadata.labels ?? {};
  return {
    ...labels,
    [SERVICE_NAME_LABEL]: service.metadata.name,
    [MANAGED_BY_LABEL]: MANAGER,
    ...(isHeadless(service) ? { [HEADLESS_LABEL]: '' } : {}),
  };
}

function endpointOf(pod: Pod, family: string, { service, zones }: EndpointSliceSnapshot): Endpoint {
  const serving = readySinceMs(pod) !== undefined;
  const terminating = pod.metadata.deletionTimestamp !== undefined;
  const ready = service.spec.publishNotReadyAddresses === true || (serving && !terminating);
  const { namespace = '', name, uid } = pod.metadata;
  const { nodeName } = pod.spec;
  const zone = zones.get(nodeName ?? '');
  const hostname = hostnameIn(pod, service);
  return {
    addresses: addressesOf(pod, family).slice(0, 1),
    conditions: { ready, serving, terminating },
    ...(hostname === undefined ? {} : { hostname }),
    ...(nodeName === undefined ? {} : { nodeName }),
    targetRef: { kind: 'Pod', namespace, name, uid },
    ...(zone === undefined ? {} : { zone }),
  };
}

/** The pod it stands for; an address that moves to another pod is another endpoint. */
function identityOf({ addresses, targetRef }: Endpoint): string {
  return `${targetRef?.uid ?? ''} ${addresses.join(' ')}`;
}

function take<Value>(values: Map<string, Value>, key: string): readonly Value[] {
  const value = values.get(key);
  values.delete(key);
  return value === undefined ? [] : [value];
}

function hasPorts(slice: EndpointSlice, ports: readonly ResolvedPort[]): boolean {
  const present = (slice.ports ?? []).map(({ name = '', port = 0, protocol = 'TCP', appProtocol }): ResolvedPort => {
    return { name, port, protocol, ...(appProtocol === undefined ? {} : { appProtocol }) };
  });
  return isDeepStrictEqual(present, ports);
}

function chunk(endpoints: readonly Endpoint[]): readonly (readonly Endpoint[])[] {
  const count = Math.ceil(endpoints.length / ENDPOINTS_PER_SLICE_MAX);
  return Array.from({ length: count }, (_, index) =>
    endpoints.slice(index * ENDPOINTS_PER_SLICE_MAX, (index + 1) * ENDPOINTS_PER_SLICE_MAX),
  );
}

function isOurs({ metadata }: EndpointSlice): boolean {
  return metadata.labels?.[MANAGED_BY_LABEL] === MANAGER;
}

function serviceKeyOf({ metadata }: EndpointSlice): ObjectKey {
  return parseKey(`${metadata.namespace ?? ''}/${metadata.labels?.[SERVICE_NAME_LABEL] ?? ''}`);
}
