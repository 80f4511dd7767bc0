/**
 * Cluster IPs and node ports of Services: each is used once, however many Services are created at a time and however often the server restarts. A
 * reservation is a key that can be created once: an IPAddress object for an IP, as upstream has it, a record of our own for a port. It is made before
 * the Service is stored and given back when that fails; what a crash in between leaves behind, `repair` finds.
 * Source: upstream's pkg/registry/core/service/storage/alloc.go and pkg/registry/core/service/ipallocator.
 */
import { nodePortOutOfRange } from '#api/core/v1/service.ts';
import { services } from '#api/generated/resources.ts';
import type { Service } from '#api/generated/types.ts';
import { invalidValue } from '#api/meta/field-path.ts';
import type { ApiObject } from '#api/meta/resource-type.ts';
import { ApiError, invalid } from '#api/meta/status.ts';
import { isOfType, parseStoredAs } from './encoding/json-value.ts';
import { type AddressRange, addressAt, isInRange, parseRange, placesToTry } from './service-address-range.ts';
import { clusterAddressOf, nodePortsOf, planService, type ServicePlan } from './service-plan.ts';
import {
  addressReservation,
  createReservationPool,
  keysOf,
  portReservation,
  type Reservation,
  type ReservationDeps,
  type ReservationPool,
} from './service-reservations.ts';
import { storagePrefix } from './storage-key.ts';

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

export interface ServiceAddressDeps extends ReservationDeps {
  /** `10.96.0.0/16` */
  readonly serviceCidr: string;
}

const NODE_PORT_MIN = 30_000;
const NODE_PORT_MAX = 32_767;

export function createServiceAddresses(deps: ServiceAddressDeps): ServiceAddresses {
  const pool = createReservationPool(deps);
  const allocator = createAllocator(deps, pool);
  return {
    session: (isDryRun) => createSession(allocator, pool, isDryRun),
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

/** What was allocated, and the key that stands for it. */
interface Allocated<T> {
  readonly value: T;
  readonly key: string;
}

interface Allocator {
  /** `wanted` undefined: any. Throws Invalid when it is taken or out of range. */
  address(service: Service, wanted: string | undefined, isDryRun: boolean): Promise<Allocated<string>>;
  /** The same for the node port of the Service's port at `index`. */
  port(service: Service, index: number, wanted: number | undefined, isDryRun: boolean): Promise<Allocated<number>>;
}

function createAllocator(deps: ServiceAddressDeps, pool: ReservationPool): Allocator {
  const addresses = parseRange(deps.serviceCidr);
  const ports: AddressRange = { first: NODE_PORT_MIN, last: NODE_PORT_MAX };

  async function takeWanted<T>(value: T, reservation: Reservation, isDryRun: boolean, taken: () => ApiError): Promise<Allocated<T>> {
    if (await pool.take(reservation, isDryRun)) return { value, key: reservation.key };
    throw taken();
  }

  return {
    address: async (service, wanted, isDryRun) => {
      if (wanted !== undefined) {
        if (!isInRange(addresses, wanted)) throw addressOutOfRange(service, wanted, deps.serviceCidr);
        const taken = () => addressProblem(service, wanted, 'provided IP is already allocated');
        return takeWanted(wanted, addressReservation(wanted, service, deps), isDryRun, taken);
      }
      for (const place of placesToTry(addresses, deps.random)) {
        const reservation = addressReservation(addressAt(place), service, deps);
        if (await pool.takeIfFree(reservation, isDryRun)) return { value: addressAt(place), key: reservation.key };
      }
      throw new ApiError('InternalError', 'Internal error occurred: failed to allocate a serviceIP: range is full');
    },
    port: async (service, index, wanted, isDryRun) => {
      if (wanted !== undefined) {
        if (!isInRange(ports, wanted))
          throw invalid(services, service.metadata.name, [nodePortOutOfRange(index, wanted, NODE_PORT_MIN, NODE_PORT_MAX)]);
        const taken = () => portProblem(service, index, wanted, 'provided port is already allocated');
        return takeWanted(wanted, portReservation(wanted, service, deps), isDryRun, taken);
      }
      for (const port of placesToTry(ports, deps.random)) {
        const reservation = portReservation(port, service, deps);
        if (await pool.takeIfFree(reservation, isDryRun)) return { value: port, key: reservation.key };
      }
      throw new ApiError('InternalError', 'Internal error occurred: failed to allocate a nodePort: range is full');
    },
  };
}

function createSession(allocator: Allocator, pool: ReservationPool, isDryRun: boolean): AddressSession {
  let reserved: string[] = [];
  let abandoned: readonly string[] = [];
  let owner = { namespace: '', name: '' };
  const release = async () => {
    const keys = reserved;
    reserved = [];
    if (!isDryRun) await pool.giveBack(keys, owner);
  };
  const remember = <T>({ value, key }: Allocated<T>): T => {
    reserved.push(key);
    return value;
  };
  return {
    reserve: async (object, previous) => {
      if (!isOfType(services, object)) return object;
      await release();
      owner = { namespace: object.metadata.namespace ?? '', name: object.metadata.name };
      const before = previous !== undefined && isOfType(services, previous) ? previous : undefined;
      const plan = planService(object, before);
      const withAddress = await fillAddress(object, plan, async (wanted) => remember(await allocator.address(object, wanted, isDryRun)));
      const service = await fillPorts(withAddress, plan, async (index, wanted) =>
        remember(await allocator.port(object, index, wanted, isDryRun)),
      );
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

async function fillAddress(
  service: Service,
  { address }: ServicePlan,
  allocate: (wanted: string | undefined) => Promise<string>,
): Promise<Service> {
  if (address.state === 'settled') return service;
  const ip = await allocate(address.wanted);
  return { ...service, spec: { ...service.spec, clusterIP: ip, clusterIPs: [ip] } };
}

async function fillPorts(
  service: Service,
  { ports: plans }: ServicePlan,
  allocate: (index: number, wanted: number | undefined) => Promise<number>,
): Promise<Service> {
  const ports = [...(service.spec.ports ?? [])];
  for (const [index, plan] of plans.entries()) {
    const port = ports[index];
    if (plan.state === 'settled' || port === undefined) continue;
    const shared = plan.sharedWith === undefined ? undefined : ports[plan.sharedWith]?.nodePort;
    ports[index] = { ...port, nodePort: shared ?? (await allocate(index, plan.wanted)) };
  }
  return plans.every(({ state }) => state === 'settled') ? service : { ...service, spec: { ...service.spec, ports } };
}

function addressOutOfRange(service: Service, address: string, cidr: string): ApiError {
  return addressProblem(service, address, `the provided IP (${address}) is not in the valid range. The range of valid IPs is ${cidr}`);
}

function addressProblem(service: Service, address: string, why: string): ApiError {
  const problem = invalidValue('spec.clusterIPs', [address], `failed to allocate IP ${address}: ${why}`);
  return invalid(services, service.metadata.name, [problem]);
}

function portProblem(service: Service, index: number, port: number, why: string): ApiError {
  return invalid(services, service.metadata.name, [invalidValue(`spec.ports[${index}].nodePort`, port, why)]);
}
