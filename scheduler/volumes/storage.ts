/**
 * What the scheduler knows of storage: claims, volumes, classes and drivers. Claims and volumes that it has just decided about are seen as
 * they will be, until the server shows them newer than they were, so that the next pod is not promised the same volume.
 */
import type {
  CSIDriver,
  CSINode,
  CSIStorageCapacity,
  PersistentVolume,
  PersistentVolumeClaim,
  StorageClass,
} from '#api/generated/types.ts';
import type { ApiObject } from '#api/meta/resource-type.ts';

export interface Storage {
  /** By `namespace/name`. */
  findClaim(key: string): PersistentVolumeClaim | undefined;
  findVolume(name: string): PersistentVolume | undefined;
  /** Of a class; the empty one, too. */
  listVolumes(className: string): readonly PersistentVolume[];
  findClass(name: string): StorageClass | undefined;
  findCsiNode(nodeName: string): CSINode | undefined;
  findDriver(name: string): CSIDriver | undefined;
  /** Of a class. */
  listCapacities(className: string): readonly CSIStorageCapacity[];
  readonly assumedVolumes: Assumptions<PersistentVolume>;
  readonly assumedClaims: Assumptions<PersistentVolumeClaim>;
}

/** What is known from the server alone. */
export type StoredStorage = Omit<Storage, 'assumedVolumes' | 'assumedClaims'>;

export interface Assumptions<T extends ApiObject> {
  /** `object` is a change of the state that its resourceVersion says. */
  assume(key: string, object: T): void;
  forget(key: string): void;
  /** What is assumed, unless `known` is newer. */
  apply(key: string, known: T | undefined): T | undefined;
}

export function createStorage(stored: StoredStorage): Storage {
  const assumedVolumes = createAssumptions<PersistentVolume>();
  const assumedClaims = createAssumptions<PersistentVolumeClaim>();
  return {
    ...stored,
    assumedVolumes,
    assumedClaims,
    findClaim: (key) => assumedClaims.apply(key, stored.findClaim(key)),
    findVolume: (name) => assumedVolumes.apply(name, stored.findVolume(name)),
    listVolumes: (className) => stored.listVolumes(className).flatMap((volume) => assumedVolumes.apply(volume.metadata.name, volume) ?? []),
  };
}

function createAssumptions<T extends ApiObject>(): Assumptions<T> {
  const assumed = new Map<string, T>();
  return {
    assume: (key, object) => assumed.set(key, object),
    forget: (key) => assumed.delete(key),
    apply: (key, known) => {
      const object = assumed.get(key);
      if (object === undefined) return known;
      const isStale = known === undefined || BigInt(known.metadata.resourceVersion) > BigInt(object.metadata.resourceVersion);
      if (isStale) assumed.delete(key);
      return isStale ? known : object;
    },
  };
}
