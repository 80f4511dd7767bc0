/**
 * The three things that a provisioner does, each with its events and writes: a volume for a claim, a larger one, none any more. What fails is told on the object
 * in upstream's words and thrown, so that the caller tries again later. Events and conditions: kubernetes-csi external-provisioner and external-resizer.
 */
import { persistentvolumeclaims, persistentvolumes } from '#api/generated/resources.ts';
import type { PersistentVolume, PersistentVolumeClaim, StorageClass } from '#api/generated/types.ts';
import { keyOf } from '#api/meta/object-key.ts';
import { compareQuantities, formatQuantity, parseQuantity, quantityFromNumber, quantityToNumber } from '#api/meta/quantity.ts';
import { isReason } from '#api/meta/status.ts';
import type { Client } from '#client/client.ts';
import type { EventRecorder } from '#client/event-recorder.ts';
import { type Clock, formatTime } from '#component/clock.ts';
import { DELETION_FINALIZER, PROVISIONED_BY, selectedNodeOf, volumeNameFor } from './plan-provisioning.ts';
import { type EnlargedVolume, type MadeVolume, NoRoomError, type VolumeBackend } from './volume-backend.ts';

export interface ProvisioningDeps {
  readonly client: Client;
  readonly events: EventRecorder;
  readonly clock: Clock;
}

interface ProvisionRequest {
  readonly claim: PersistentVolumeClaim;
  readonly storageClass: StorageClass;
  readonly backend: VolumeBackend;
}

export async function provisionVolume({ claim, storageClass, backend }: ProvisionRequest, deps: ProvisioningDeps): Promise<void> {
  const { namespace = '', name } = claim.metadata;
  const volumeName = volumeNameFor(claim);
  deps.events.record(claim, 'Normal', 'Provisioning', `External provisioner is provisioning volume for claim "${namespace}/${name}"`);
  const sizeBytes = bytesOf(claim.spec.resources?.requests?.storage);
  try {
    const made = await backend.create({ name: volumeName, claim, storageClass, sizeBytes, node: selectedNodeOf(claim) });
    await createVolume(volumeOf({ claim, storageClass, backend }, made), deps);
  } catch (error) {
    const message = `failed to provision volume with StorageClass "${storageClass.metadata.name}": ${messageOf(error)}`;
    deps.events.record(claim, 'Warning', 'ProvisioningFailed', message);
    if (error instanceof NoRoomError) await forgetSelectedNode(claim, deps);
    throw error;
  }
  deps.events.record(claim, 'Normal', 'ProvisioningSucceeded', `Successfully provisioned volume ${volumeName}`);
}

function volumeOf({ claim, storageClass, backend }: ProvisionRequest, { spec, sizeBytes, annotations }: MadeVolume) {
  const { namespace = '', name, uid, resourceVersion } = claim.metadata;
  const policy = storageClass.reclaimPolicy ?? 'Delete';
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: {
      name: volumeNameFor(claim),
      annotations: { ...annotations, [PROVISIONED_BY]: backend.name },
      ...(policy === 'Delete' ? { finalizers: [DELETION_FINALIZER] } : {}),
    },
    spec: {
      ...spec,
      accessModes: claim.spec.accessModes ?? [],
      capacity: { storage: quantityOf(sizeBytes) },
      claimRef: { apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace, name, uid, resourceVersion },
      persistentVolumeReclaimPolicy: policy,
      storageClassName: storageClass.metadata.name,
      volumeMode: claim.spec.volumeMode ?? 'Filesystem',
      ...(storageClass.mountOptions === undefined ? {} : { mountOptions: storageClass.mountOptions }),
    },
  };
}

async function createVolume(volume: ReturnType<typeof volumeOf>, { client }: ProvisioningDeps): Promise<void> {
  try {
    await client.resource(persistentvolumes).create(volume);
  } catch (error) {
    if (!isReason(error, 'AlreadyExists')) throw error;
  }
}

/** The scheduler then looks for another node. */
async function forgetSelectedNode({ metadata }: PersistentVolumeClaim, { client }: ProvisioningDeps): Promise<void> {
  const { namespace = '', name, uid } = metadata;
  const patch = { metadata: { uid, annotations: { 'volume.kubernetes.io/selected-node': null } } };
  await client.resource(persistentvolumeclaims).patch({ namespace, name }, 'merge', patch);
}

export async function deleteVolume(
  { volume, backend }: { readonly volume: PersistentVolume; readonly backend: VolumeBackend },
  deps: ProvisioningDeps,
): Promise<void> {
  try {
    await backend.delete(volume);
  } catch (error) {
    deps.events.record(volume, 'Warning', 'VolumeFailedDelete', messageOf(error));
    throw error;
  }
  if (volume.metadata.deletionTimestamp === undefined) {
    await ignoreMissing(deps.client.resource(persistentvolumes).delete(keyOf(volume), { preconditions: { uid: volume.metadata.uid } }));
  }
  await letGo(volume, deps);
}

/** Takes our finalizer off. A merge patch replaces the whole list, so it is made from the newest. */
export async function letGo({ metadata }: PersistentVolume, { client }: ProvisioningDeps): Promise<void> {
  const newest = await ignoreMissing(client.resource(persistentvolumes).get({ namespace: '', name: metadata.name }));
  const { uid, resourceVersion, finalizers = [] } = newest?.metadata ?? metadata;
  if (newest === undefined || uid !== metadata.uid || !finalizers.includes(DELETION_FINALIZER)) return;
  const others = finalizers.filter((other) => other !== DELETION_FINALIZER);
  const patch = { metadata: { uid, resourceVersion, finalizers: others.length === 0 ? null : others } };
  await ignoreMissing(client.resource(persistentvolumes).patch({ namespace: '', name: metadata.name }, 'merge', patch));
}

export interface EnlargeRequest {
  readonly claim: PersistentVolumeClaim;
  readonly volume: PersistentVolume;
  readonly backend: VolumeBackend;
  /** A quantity. */
  readonly size: string;
}

export async function enlargeVolume({ claim, volume, backend, size }: EnlargeRequest, deps: ProvisioningDeps): Promise<void> {
  const { name } = volume.metadata;
  deps.events.record(claim, 'Normal', 'Resizing', `External resizer is resizing volume ${name}`);
  const begun = hasBegun(claim, size) ? claim : await writeStatus(claim, begin(claim, size, deps.clock.now()), deps);
  let enlarged: EnlargedVolume;
  try {
    enlarged = await backend.enlarge(volume, bytesOf(size));
  } catch (error) {
    deps.events.record(
      claim,
      'Warning',
      'VolumeResizeFailed',
      `resize volume "${name}" by resizer "${backend.name}" failed: ${messageOf(error)}`,
    );
    throw error;
  }
  const storage = quantityOf(enlarged.sizeBytes);
  if (compareQuantities(parseQuantity(volume.spec.capacity?.storage ?? '0'), parseQuantity(storage)) < 0) {
    await deps.client.resource(persistentvolumes).patch({ namespace: '', name }, 'merge', { spec: { capacity: { storage } } });
  }
  if (enlarged.needsNode) {
    await writeStatus(begun, leaveToNode(begun, deps.clock.now()), deps);
    deps.events.record(claim, 'Normal', 'FileSystemResizeRequired', 'Require file system resize of volume on node');
    return;
  }
  await writeStatus(begun, finishEnlarging(begun, storage), deps);
  deps.events.record(claim, 'Normal', 'VolumeResizeSuccessful', 'Resize volume succeeded');
}

type ClaimStatus = NonNullable<PersistentVolumeClaim['status']>;

/** Written once: each write wakes us again. */
function hasBegun({ status = {} }: PersistentVolumeClaim, size: string): boolean {
  const { allocatedResources, allocatedResourceStatuses, conditions = [] } = status;
  const isTold = conditions.some(({ type, status: value }) => type === 'Resizing' && value === 'True');
  return isTold && allocatedResources?.storage === size && allocatedResourceStatuses?.storage === 'ControllerResizeInProgress';
}

function begin({ status = {} }: PersistentVolumeClaim, size: string, nowMs: number): ClaimStatus {
  return {
    ...status,
    allocatedResources: { ...status.allocatedResources, storage: size },
    allocatedResourceStatuses: { ...status.allocatedResourceStatuses, storage: 'ControllerResizeInProgress' },
    conditions: [...otherConditions(status), { type: 'Resizing', status: 'True', lastTransitionTime: formatTime(nowMs) }],
  };
}

function leaveToNode({ status = {} }: PersistentVolumeClaim, nowMs: number): ClaimStatus {
  const message = 'Waiting for user to (re-)start a pod to finish file system resize of volume on node.';
  const pending = { type: 'FileSystemResizePending', status: 'True', lastTransitionTime: formatTime(nowMs), message };
  return {
    ...status,
    allocatedResourceStatuses: { ...status.allocatedResourceStatuses, storage: 'NodeResizePending' },
    conditions: [...otherConditions(status), pending],
  };
}

/** Also for the node, when it has enlarged the file system. */
export function finishEnlarging({ status = {} }: PersistentVolumeClaim, storage: string): ClaimStatus {
  const { allocatedResourceStatuses, conditions: _conditions, ...rest } = status;
  const { storage: _storage, ...otherStatuses } = allocatedResourceStatuses ?? {};
  return {
    ...rest,
    capacity: { ...status.capacity, storage },
    ...(Object.keys(otherStatuses).length === 0 ? {} : { allocatedResourceStatuses: otherStatuses }),
    conditions: otherConditions(status),
  };
}

function otherConditions({ conditions = [] }: ClaimStatus) {
  return conditions.filter(({ type }) => type !== 'Resizing' && type !== 'FileSystemResizePending');
}

function writeStatus(claim: PersistentVolumeClaim, status: ClaimStatus, { client }: ProvisioningDeps): Promise<PersistentVolumeClaim> {
  return client.resource(persistentvolumeclaims).updateStatus({ ...claim, status });
}

async function ignoreMissing<T>(promise: Promise<T>): Promise<T | undefined> {
  try {
    return await promise;
  } catch (error) {
    if (isReason(error, 'NotFound')) return undefined;
    throw error;
  }
}

function bytesOf(quantity: string | undefined): number {
  return quantity === undefined ? 0 : Math.ceil(quantityToNumber(parseQuantity(quantity)));
}

function quantityOf(bytes: number): string {
  return formatQuantity(quantityFromNumber(bytes, 'binary'));
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
