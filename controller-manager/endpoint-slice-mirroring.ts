/**
 * Mirrors Endpoints that somebody wrote for a Service without a selector into EndpointSlices, since proxies and DNS read nothing else: one slice per set of ports and
 * address family. Endpoints that say they are not to be mirrored, or that are a leader's lock of old, are left alone. The key is that of the Endpoints, which is that
 * of the Service. Upstream: pkg/controller/endpointslicemirroring.
 */
import { isIPv6 } from 'node:net';
import { isDeepStrictEqual } from 'node:util';
import { endpointslices, endpoints as endpointsType } from '#api/generated/resources.ts';
import type {
  DiscoveryEndpointPort,
  Endpoint,
  EndpointAddress,
  EndpointSlice,
  EndpointSubset,
  Endpoints,
  Service,
} from '#api/generated/types.ts';
import { type ObjectKey, parseKey } from '#api/meta/object-key.ts';
import { controllerReference } from '#api/meta/owner-reference.ts';
import type { Draft } from '#api/meta/resource-type.ts';
import { type Action, create, remove, update } from '#client/apply-actions.ts';
import { type ControllerDefinition, onChange, onRelatedChange } from '#client/controller.ts';
import { SERVICE, SERVICE_NAME_LABEL, type SharedCaches } from './shared-caches.ts';

/** As upstream's --mirroring-max-endpoints-per-subset: a subset becomes one slice. */
const ADDRESSES_PER_SUBSET_MAX = 1_000;
/** As upstream's --mirroring-concurrent-service-endpoint-syncs. */
const WORKERS = 5;

const MANAGED_BY_LABEL = 'endpointslice.kubernetes.io/managed-by';
const MANAGER = 'endpointslicemirroring-controller.k8s.io';
const SKIP_MIRROR_LABEL = 'endpointslice.kubernetes.io/skip-mirror';
const LEADER_ANNOTATION = 'control-plane.alpha.kubernetes.io/leader';
/** About how the Endpoints came about, which is not true of the slices. */
const OWN_ANNOTATIONS: ReadonlySet<string> = new Set([
  'endpoints.kubernetes.io/last-change-trigger-time',
  'kubectl.kubernetes.io/last-applied-configuration',
]);

export interface MirroringSnapshot {
  readonly endpoints: Endpoints | undefined;
  readonly service: Service | undefined;
  /** The slices this controller has made for the Service. */
  readonly slices: readonly EndpointSlice[];
}

export function endpointSliceMirroringController(caches: SharedCaches): ControllerDefinition<MirroringSnapshot> {
  return {
    name: 'endpoint-slice-mirroring',
    informers: [caches.endpoints, caches.services, caches.endpointSlices],
    triggers: [
      onChange(caches.endpoints),
      onChange(caches.services),
      onRelatedChange(caches.endpointSlices, (slice) => (isOurs(slice) ? [serviceKeyOf(slice)] : [])),
    ],
    snapshot: (key) => ({
      endpoints: caches.endpoints.store.find(key),
      service: caches.services.store.find(key),
      slices: caches.endpointSlices.store.listByIndex(SERVICE, `${key.namespace}/${key.name}`).filter(isOurs),
    }),
    reconcile: reconcileMirroring,
    workers: WORKERS,
  };
}

export function reconcileMirroring({ endpoints, service, slices }: MirroringSnapshot): readonly Action[] {
  const isMirrored = endpoints !== undefined && service !== undefined && service.spec.selector === undefined && !isSkipped(endpoints);
  if (!isMirrored) return slices.map((slice) => remove(endpointslices, slice));
  if (endpoints.metadata.deletionTimestamp !== undefined) return [];
  const wanted = wantedSlices(endpoints);
  const unused = [...slices];
  const changes = wanted.map((contents): readonly Action[] => {
    const same = unused.findIndex((slice) => hasShape(slice, contents));
    const [existing] = same < 0 ? [] : unused.splice(same, 1);
    return existing === undefined ? [create(endpointslices, draftSlice(endpoints, contents))] : refresh(existing, endpoints, contents);
  });
  return [...tellOfSkipped(endpoints), ...changes.flat(), ...unused.map((slice) => remove(endpointslices, slice))];
}

interface SliceContents {
  readonly addressType: 'IPv4' | 'IPv6';
  readonly ports: readonly DiscoveryEndpointPort[];
  readonly endpoints: readonly Endpoint[];
}

/** Subsets with the same ports become one. */
function wantedSlices({ subsets = [] }: Endpoints): readonly SliceContents[] {
  const contents = new Map<string, SliceContents>();
  for (const subset of subsets) {
    const ports = (subset.ports ?? []).map(toSlicePort);
    for (const { address, ready } of mirroredAddresses(subset)) {
      const addressType = isIPv6(address.ip) ? 'IPv6' : 'IPv4';
      const key = JSON.stringify([addressType, ports]);
      const known = contents.get(key) ?? { addressType, ports, endpoints: [] };
      contents.set(key, { ...known, endpoints: [...known.endpoints, toEndpoint(address, ready)] });
    }
  }
  return [...contents.values()];
}

/** The ready ones first, so that of too many those are left out that nobody would be sent to. */
function mirroredAddresses({ addresses = [], notReadyAddresses = [] }: EndpointSubset) {
  const all = [
    ...addresses.map((address) => ({ address, ready: true })),
    ...notReadyAddresses.map((address) => ({ address, ready: false })),
  ];
  return all.slice(0, ADDRESSES_PER_SUBSET_MAX);
}

function toEndpoint({ ip, hostname, nodeName, targetRef }: EndpointAddress, ready: boolean): Endpoint {
  return {
    addresses: [ip],
    conditions: { ready },
    ...(hostname === undefined ? {} : { hostname }),
    ...(nodeName === undefined ? {} : { nodeName }),
    ...(targetRef === undefined ? {} : { targetRef }),
  };
}

function toSlicePort({ name = '', port, protocol = 'TCP', appProtocol }: DiscoveryEndpointPort): DiscoveryEndpointPort {
  return { name, ...(port === undefined ? {} : { port }), protocol, ...(appProtocol === undefined ? {} : { appProtocol }) };
}

function refresh(slice: EndpointSlice, endpoints: Endpoints, contents: SliceContents): readonly Action[] {
  const { labels, annotations } = describe(endpoints);
  const isSame =
    isDeepStrictEqual(slice.endpoints ?? [], contents.endpoints) &&
    isDeepStrictEqual(slice.metadata.labels ?? {}, labels) &&
    isDeepStrictEqual(slice.metadata.annotations ?? {}, annotations);
  if (isSame) return [];
  return [update(endpointslices, { ...slice, metadata: { ...slice.metadata, labels, annotations }, endpoints: contents.endpoints })];
}

function draftSlice(endpoints: Endpoints, contents: SliceContents): Draft<EndpointSlice> {
  const { name, namespace } = endpoints.metadata;
  const { labels, annotations } = describe(endpoints);
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      generateName: `${name}-`,
      ...(namespace === undefined ? {} : { namespace }),
      labels,
      ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
      ownerReferences: [controllerReference(endpoints, endpointsType)],
    },
    ...contents,
  };
}

function describe({ metadata }: Endpoints) {
  const labels: Readonly<Record<string, string>> = {
    ...metadata.labels,
    [SERVICE_NAME_LABEL]: metadata.name,
    [MANAGED_BY_LABEL]: MANAGER,
  };
  const annotations = Object.fromEntries(Object.entries(metadata.annotations ?? {}).filter(([name]) => !OWN_ANNOTATIONS.has(name)));
  return { labels, annotations };
}

function tellOfSkipped(endpoints: Endpoints): readonly Action[] {
  const skipped = (endpoints.subsets ?? []).reduce((sum, { addresses = [], notReadyAddresses = [] }) => {
    return sum + Math.max(0, addresses.length + notReadyAddresses.length - ADDRESSES_PER_SUBSET_MAX);
  }, 0);
  if (skipped === 0) return [];
  const message = `A max of ${ADDRESSES_PER_SUBSET_MAX} addresses can be mirrored to EndpointSlices per Endpoints subset. ${skipped} addresses were skipped`;
  return [{ verb: 'event', regarding: endpoints, type: 'Warning', reason: 'TooManyAddressesToMirror', message }];
}

function hasShape(slice: EndpointSlice, { addressType, ports }: SliceContents): boolean {
  return slice.addressType === addressType && isDeepStrictEqual((slice.ports ?? []).map(toSlicePort), ports);
}

function isSkipped({ metadata }: Endpoints): boolean {
  return metadata.labels?.[SKIP_MIRROR_LABEL] === 'true' || metadata.annotations?.[LEADER_ANNOTATION] !== undefined;
}

function isOurs({ metadata }: EndpointSlice): boolean {
  return metadata.labels?.[MANAGED_BY_LABEL] === MANAGER;
}

function serviceKeyOf({ metadata }: EndpointSlice): ObjectKey {
  return parseKey(`${metadata.namespace ?? ''}/${metadata.labels?.[SERVICE_NAME_LABEL] ?? ''}`);
}
