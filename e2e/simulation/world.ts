/** What scenarios ask of a world: objects of a kind, who owns whom, which pods live. Pure. */
import type { Pod } from '#api/generated/types.ts';
import type { ApiObject, ResourceType } from '#api/meta/resource-type.ts';
import { storagePrefix } from '../../apiserver/storage-key.ts';
import type { World } from './simulate.ts';

export function allOf<T extends ApiObject>(world: World, type: ResourceType<T>, namespace = 'default'): readonly T[] {
  const prefix = storagePrefix(type, namespace);
  return [...world].filter(([key]) => key.startsWith(prefix)).flatMap(([, object]) => (isOf(type, object) ? [object] : []));
}

export function only<T extends ApiObject>(world: World, type: ResourceType<T>): T | undefined {
  return allOf(world, type)[0];
}

function isOf<T extends ApiObject>(type: ResourceType<T>, object: ApiObject): object is T {
  return object.kind === type.kind;
}

/** Neither deleted nor ended. */
export function isLive({ metadata, status }: Pod): boolean {
  return metadata.deletionTimestamp === undefined && status?.phase !== 'Succeeded' && status?.phase !== 'Failed';
}

export function isReady({ metadata, status }: Pod): boolean {
  return (
    metadata.deletionTimestamp === undefined &&
    status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') === true
  );
}

/** Objects whose controlling owner is not there, by name; the garbage collector may take a while, so ask at rest. */
export function orphans(world: World, objects: readonly ApiObject[]): readonly string[] {
  const uids = new Set([...world.values()].map(({ metadata }) => metadata.uid));
  return objects
    .filter(({ metadata }) => (metadata.ownerReferences ?? []).some(({ uid }) => !uids.has(uid)))
    .map(({ metadata }) => metadata.name);
}

/** Addresses that more than one live pod has. */
export function sharedAddresses(pods: readonly Pod[]): readonly string[] {
  const byAddress = Map.groupBy(pods.filter(isLive), ({ status }) => status?.podIP ?? '');
  return [...byAddress].filter(([address, holders]) => address !== '' && holders.length > 1).map(([address]) => address);
}
