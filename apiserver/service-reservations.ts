/**
 * Reservations of addresses and node ports: keys that can be created once, each with the Service it belongs to. `service-addresses.ts` decides what is reserved
 * and when; here is how, and how what nobody owns any more is found.
 */
import { ipaddresses, services } from '#api/generated/resources.ts';
import type { Service } from '#api/generated/types.ts';
import type { ApiObject } from '#api/meta/resource-type.ts';
import { type Clock, formatTime } from '#component/clock.ts';
import type { Random } from '#component/random.ts';
import { parseStored, parseStoredAs } from './encoding/json-value.ts';
import { clusterAddressOf, nodePortsOf } from './service-plan.ts';
import { type Storage, StorageError } from './storage/storage.ts';
import type { WatchCache } from './storage/watch-cache.ts';
import { storageKey, storagePrefix } from './storage-key.ts';

const NODE_PORT_PREFIX = '/registry/ranges/servicenodeports/';

/** A reservation younger than this may belong to a Service that is being stored right now: requests take a minute at most. */
const ABANDONED_AFTER_MS = 120_000;

export interface ReservationDeps {
  readonly storage: Storage;
  readonly cache: WatchCache;
  readonly clock: Clock;
  readonly random: Random;
}

export interface Reservation {
  readonly key: string;
  readonly object: ApiObject;
}

export interface Owner {
  readonly namespace: string;
  readonly name: string;
}

export type ReservationPool = ReturnType<typeof createReservationPool>;

export function createReservationPool({ storage, cache, clock }: ReservationDeps) {
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

/** What a Service holds. */
export function keysOf(service: Service): readonly string[] {
  const ip = clusterAddressOf(service);
  return [...(ip === undefined ? [] : [storageKey(ipaddresses, '', ip)]), ...nodePortsOf(service).map(portKey)];
}

function portKey(port: number): string {
  return `${NODE_PORT_PREFIX}${port}`;
}

type Source = Pick<ReservationDeps, 'clock' | 'random'>;

export function addressReservation(address: string, service: Service, source: Source): Reservation {
  const labels = { 'ipaddress.kubernetes.io/ip-family': 'IPv4', 'ipaddress.kubernetes.io/managed-by': 'ipallocator.k8s.io' };
  const object = { apiVersion: 'networking.k8s.io/v1', kind: 'IPAddress', ...reservationParts(address, service, source, labels) };
  return { key: storageKey(ipaddresses, '', address), object };
}

export function portReservation(port: number, service: Service, source: Source): Reservation {
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
