/**
 * Cluster IPs and node ports of Services: each is used once, however many Services are created at a time and however often the server restarts. A
 * reservation is a key that can be created once: an IPAddress object for an IP, as upstream has it, a record of our own for a port. It is made before
 * the Service is stored and given back when that fails; what a crash in between leaves behind, `repair` finds.
 * Source: upstream's pkg/registry/core/service/storage/alloc.go and pkg/registry/core/service/ipallocator.
 */
import { ipaddresses, services } from '#api/generated/resources.ts';
import type { Service } from '#api/generated/types.ts';
import { invalidValue } from '#api/meta/field-path.ts';
import type { ApiObject } from '#api/meta/resource-type.ts';
import { ApiError, invalid } from '#api/meta/status.ts';
import { type Clock, formatTime } from '#component/clock.ts';
import type { Random } from '#component/random.ts';
import { isOfType, parseStored, parseStoredAs } from './encoding/json-value.ts';
import { type AddressRange, addressAt, isInRange, parseRange, placesToTry } from './service-address-range.ts';
import { clusterAddressOf, nodePortsOf, planService, type ServicePlan } from './service-plan.ts';
import { type Storage, StorageError } from './storage/storage.ts';
import type { WatchCache } from './storage/watch-cache.ts';
import { storageKey, storagePrefix } from './storage-key.ts';

export interface AddressSession {
  /** Gives the object with everything allocated that it needs; objects that are no Services come back as they are. May be called again. */
  reserve(object: ApiObject, previous: ApiObject | undefined): Promise<ApiObject>;
  /** The write went through: gives back what the Service no longer uses. */
  keep(): Promise<void>;
  /** The write did not: gives back what was reserved for it. */
  release(): Promise<void>;
}

export interface ServiceAddresses {
  /** For one write. A dry run finds free addresses and reserves none. */
  session(isDryRun: boolean): AddressSession;
  /** After a deletion. */
  releaseAll(object: ApiObject): Promise<void>;
  /** Makes reservations and Services agree again. */
  repair(): Promise<void>;
}

export interface ServiceAddressDeps {
  readonly storage: Storage;
  readonly cache: WatchCache;
  readonly clock: Clock;
  readonly random: Random;
  /** `10.96.0.0/16` */
  readonly serviceCidr: string;
}

const NODE_PORT_MIN = 30_000;
const NODE_PORT_MAX = 32_767;
const NODE_PORT_PREFIX = '/registry/ranges/servicenodeports/';

/** A reservation younger than this may belong to a Service that is being stored right now: requests take a minute at most. */
const ABANDONED_AFTER_MS = 120_000;

interface Reservation {
  readonly key: string;
  readonly object: ApiObject;
}

export function createServiceAddresses(deps: ServiceAddressDeps): ServiceAddresses {
  const addresses = parseRange(deps.serviceCidr);
  const ports: AddressRange = { first: NODE_PORT_MIN, last: NODE_PORT_MAX };
  const pool = createReservationPool(deps);

  async function reserveAddress(service: Service, wanted: string | undefined, isDryRun: boolean): Promise<string> {
    if (wanted !== undefined) {
      throwUnlessAddress(wanted, addresses, service, deps.serviceCidr);
      if (await pool.take(addressReservation(wanted, service, deps), isDryRun)) return wanted;
      throw addressProblem(service, wanted, 'provided IP is already allocated');
    }
    for (const place of placesToTry(addresses, deps.random)) {
      const address = addressAt(place);
      if (await pool.takeIfFree(addressReservation(address, service, deps), isDryRun)) return address;
    }
    throw new ApiError('InternalError', 'Internal error occurred: failed to allocate a serviceIP: range is full');
  }

  async function reservePort(service: Service, index: number, wanted: number | undefined, isDryRun: boolean): Promise<number> {
    if (wanted !== undefined) {
      if (!isInRange(ports, wanted)) {
        throw portProblem(
          service,
          index,
          wanted,
          `provided port is not in the valid range. The range of valid ports is ${NODE_PORT_MIN}-${NODE_PORT_MAX}`,
        );
      }
      if (await pool.take(portReservation(wanted, service, deps), isDryRun)) return wanted;
      throw portProblem(service, index, wanted, 'provided port is already allocated');
    }
    for (const port of placesToTry(ports, deps.random)) {
      if (await pool.takeIfFree(portReservation(port, service, deps), isDryRun)) return port;
    }
    throw new ApiError('InternalError', 'Internal error occurred: failed to allocate a nodePort: range is full');
  }

  function session(isDryRun: boolean): AddressSession {
    let reserved: string[] = [];
    let abandoned: readonly string[] = [];
    const owner = { namespace: '', name: '' };
    const release = async () => {
      const keys = reserved;
      reserved = [];
      if (!isDryRun) await pool.giveBack(keys, owner);
    };
    const complete = async (service: Service, { address, ports: wantedPorts }: ServicePlan): Promise<Service> => {
      let filled = service;
      if (address.state === 'needed') {
        const ip = await reserveAddress(service, address.wanted, isDryRun);
        reserved.push(storageKey(ipaddresses, '', ip));
        filled = { ...filled, spec: { ...filled.spec, clusterIP: ip, clusterIPs: [ip] } };
      }
      const chosen = new Map<number, number>();
      for (const [index, plan] of wantedPorts.entries()) {
        if (plan.state === 'settled') continue;
        const shared =
          plan.sharedWith === undefined ? undefined : (chosen.get(plan.sharedWith) ?? filled.spec.ports?.[plan.sharedWith]?.nodePort);
        const port = shared ?? (await reservePort(service, index, plan.wanted, isDryRun));
        if (shared === undefined) reserved.push(portKey(port));
        chosen.set(index, port);
      }
      if (chosen.size === 0) return filled;
      const withPorts = (filled.spec.ports ?? []).map((port, index) => ({ ...port, nodePort: chosen.get(index) ?? port.nodePort ?? 0 }));
      return { ...filled, spec: { ...filled.spec, ports: withPorts } };
    };
    return {
      reserve: async (object, previous) => {
        if (!isOfType(services, object)) return object;
        await release();
        owner.namespace = object.metadata.namespace ?? '';
        owner.name = object.metadata.name;
        const before = previous !== undefined && isOfType(services, previous) ? previous : undefined;
        const service = await complete(object, planService(object, before));
        const stillUsed = new Set(keysOf(service));
        abandoned = before === undefined ? [] : keysOf(before).filter((key) => !stillUsed.has(key));
        return service;
      },
      keep: async () => {
        if (!isDryRun) await pool.giveBack(abandoned, owner);
      },
      release,
    };
  }

  return {
    session,
    releaseAll: async (object) => {
      if (!isOfType(services, object)) return;
      await pool.giveBack(keysOf(object), { namespace: object.metadata.namespace ?? '', name: object.metadata.name });
    },
    repair: async () => {
      await pool.removeAbandoned();
      for (const { bytes } of deps.cache.list(storagePrefix(services))) {
        const service = parseStoredAs(services, bytes);
        const ip = clusterAddressOf(service);
        if (ip !== undefined) await pool.takeIfFree(addressReservation(ip, service, deps), false);
        for (const port of nodePortsOf(service)) await pool.takeIfFree(portReservation(port, service, deps), false);
      }
    },
  };
}

interface Owner {
  readonly namespace: string;
  readonly name: string;
}

function createReservationPool({ storage, cache, clock }: ServiceAddressDeps) {
  /** False when somebody else has it. What a crash left behind under the same name may be taken over once it is surely nobody's. */
  async function take({ key, object }: Reservation, isDryRun: boolean): Promise<boolean> {
    const owner = ownerOf(object);
    try {
      if (!isDryRun) await storage.create(key, object);
      return !isDryRun || (await storage.get(key)) === undefined;
    } catch (error) {
      if (!(error instanceof StorageError && error.reason === 'exists')) throw error;
      const item = await storage.get(key);
      const present = item && parseStored(item.bytes);
      return present !== undefined && owner !== undefined && isOwnedBy(present, owner) && isOld(present) && !(await isInUse(key, owner));
    }
  }

  const isOld = ({ metadata }: ApiObject) => clock.now() - Date.parse(metadata.creationTimestamp) >= ABANDONED_AFTER_MS;

  async function isInUse(key: string, { namespace, name }: Owner): Promise<boolean> {
    const item = await storage.get(storageKey(services, namespace, name));
    return item !== undefined && keysOf(parseStoredAs(services, item.bytes)).includes(key);
  }

  /** Without asking the database for what the cache knows to be taken. */
  async function takeIfFree(reservation: Reservation, isDryRun: boolean): Promise<boolean> {
    return cache.find(reservation.key) === undefined && (await take(reservation, isDryRun));
  }

  async function giveBack(keys: readonly string[], owner: Owner): Promise<void> {
    for (const key of keys) {
      const item = await storage.get(key);
      if (item === undefined || !isOwnedBy(parseStored(item.bytes), owner)) continue;
      // Two creations of one name: the other one may have succeeded with this very address.
      if (await isInUse(key, owner)) continue;
      await removeUnlessChanged(key, item.revision);
    }
  }

  async function removeUnlessChanged(key: string, revision: bigint): Promise<void> {
    try {
      await storage.delete(key, revision);
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
    }
  }

  async function removeAbandoned(): Promise<void> {
    const all = [...cache.list(storagePrefix(ipaddresses)), ...cache.list(NODE_PORT_PREFIX)];
    for (const { key, bytes, revision } of all) {
      const reservation = parseStored(bytes);
      const owner = ownerOf(reservation);
      if (owner === undefined || !isOld(reservation) || (await isInUse(key, owner))) continue;
      await removeUnlessChanged(key, revision);
    }
  }

  return { take, takeIfFree, giveBack, removeAbandoned };
}

function keysOf(service: Service): readonly string[] {
  const ip = clusterAddressOf(service);
  return [...(ip === undefined ? [] : [storageKey(ipaddresses, '', ip)]), ...nodePortsOf(service).map(portKey)];
}

function portKey(port: number): string {
  return `${NODE_PORT_PREFIX}${port}`;
}

type Source = Pick<ServiceAddressDeps, 'clock' | 'random'>;

function addressReservation(address: string, service: Service, source: Source): Reservation {
  const labels = { 'ipaddress.kubernetes.io/ip-family': 'IPv4', 'ipaddress.kubernetes.io/managed-by': 'ipallocator.k8s.io' };
  const object = { apiVersion: 'networking.k8s.io/v1', kind: 'IPAddress', ...reservationParts(address, service, source, labels) };
  return { key: storageKey(ipaddresses, '', address), object };
}

function portReservation(port: number, service: Service, source: Source): Reservation {
  return {
    key: portKey(port),
    object: { apiVersion: 'v1', kind: 'NodePortReservation', ...reservationParts(String(port), service, source, {}) },
  };
}

function reservationParts(name: string, service: Service, { clock, random }: Source, labels: Readonly<Record<string, string>>) {
  const { namespace = '', name: serviceName } = service.metadata;
  return {
    metadata: { name, uid: random.uuid(), creationTimestamp: formatTime(clock.now()), labels, resourceVersion: '' },
    spec: { parentRef: { group: '', resource: 'services', namespace, name: serviceName } },
  };
}

function ownerOf(reservation: object): Owner | undefined {
  const spec: unknown = Reflect.get(reservation, 'spec');
  const parent: unknown = typeof spec === 'object' && spec !== null ? Reflect.get(spec, 'parentRef') : undefined;
  if (typeof parent !== 'object' || parent === null) return undefined;
  const { namespace, name, resource }: { namespace?: unknown; name?: unknown; resource?: unknown } = parent;
  return resource === 'services' && typeof namespace === 'string' && typeof name === 'string' ? { namespace, name } : undefined;
}

function isOwnedBy(reservation: object, owner: Owner): boolean {
  const found = ownerOf(reservation);
  return found?.namespace === owner.namespace && found.name === owner.name;
}

function throwUnlessAddress(address: string, range: AddressRange, service: Service, cidr: string): void {
  if (isInRange(range, address)) return;
  throw addressProblem(service, address, `the provided IP (${address}) is not in the valid range. The range of valid IPs is ${cidr}`);
}

function addressProblem(service: Service, address: string, why: string): ApiError {
  const problem = invalidValue('spec.clusterIPs', [address], `failed to allocate IP ${address}: ${why}`);
  return invalid(services, service.metadata.name, [problem]);
}

function portProblem(service: Service, index: number, port: number, why: string): ApiError {
  return invalid(services, service.metadata.name, [invalidValue(`spec.ports[${index}].nodePort`, port, why)]);
}
