/**
 * Binds claims to volumes: finds a volume that fits, or asks the class's provisioner for one, reserves the volume, then lets the claim name it, then tells both
 * that they are bound; and notices when a bound claim has lost its volume. Each step is a write of its own, and the next one is decided on what the caches
 * show of it: killed anywhere, it goes on. Its other half is `volume-binder.ts`. Upstream: pkg/controller/volume/persistentvolume.
 */

import {
  BIND_COMPLETED,
  BOUND_BY_CONTROLLER,
  classOf,
  findVolumeFor,
  hasAnnotation,
  isReservedFor,
  mismatchOf,
  SELECTED_NODE,
} from '#api/core/v1/volume-matching.ts';
import { persistentvolumeclaims, persistentvolumes } from '#api/generated/resources.ts';
import type { PersistentVolume, PersistentVolumeClaim, Pod, StorageClass } from '#api/generated/types.ts';
import { jsonEquals } from '#api/meta/json.ts';
import { keyOf, type ObjectKey } from '#api/meta/object-key.ts';
import { type Action, update, updateStatus } from '#client/apply-actions.ts';
import { type ControllerDefinition, onChange, onRelatedChange } from '#client/controller.ts';
import type { SharedCaches } from './shared-caches.ts';

/** On a claim: who is to make its volume. Provisioners of before Kubernetes 1.23 look for the second. */
export const STORAGE_PROVISIONER = 'volume.kubernetes.io/storage-provisioner';
const STORAGE_PROVISIONER_BETA = 'volume.beta.kubernetes.io/storage-provisioner';
/** The provisioner of classes whose volumes are made by hand. */
const NO_PROVISIONER = 'kubernetes.io/no-provisioner';
const IS_DEFAULT_CLASS = 'storageclass.kubernetes.io/is-default-class';

export interface ClaimSnapshot {
  readonly claim: PersistentVolumeClaim;
  readonly volumes: readonly PersistentVolume[];
  /** What the claim names. */
  readonly volume: PersistentVolume | undefined;
  readonly storageClass: StorageClass | undefined;
  /** The newest of those that are marked as the default. */
  readonly defaultClass: StorageClass | undefined;
  /** Pods that mount the claim and have no node yet. */
  readonly waitingPods: readonly string[];
}

export function claimBinder(caches: SharedCaches): ControllerDefinition<ClaimSnapshot> {
  const { persistentVolumeClaims, persistentVolumes, storageClasses, pods } = caches;
  const pending = () => persistentVolumeClaims.store.list().filter((claim) => !hasAnnotation(claim, BIND_COMPLETED));
  return {
    name: 'persistentvolume-binder',
    informers: [persistentVolumeClaims, persistentVolumes, storageClasses, pods],
    triggers: [
      onChange(persistentVolumeClaims),
      onRelatedChange(persistentVolumes, (volume) => [
        ...claimKeysOf(volume),
        ...persistentVolumeClaims.store
          .list()
          .filter(({ spec }) => spec.volumeName === volume.metadata.name)
          .map(keyOf),
        ...(volume.spec.claimRef === undefined ? pending().map(keyOf) : []),
      ]),
      onRelatedChange(storageClasses, () => pending().map(keyOf)),
    ],
    snapshot: (key) => snapshotClaim(key, caches),
    reconcile: reconcileClaim,
  };
}

export function snapshotClaim(key: ObjectKey, caches: SharedCaches): ClaimSnapshot | undefined {
  const claim = caches.persistentVolumeClaims.store.find(key);
  if (claim === undefined) return undefined;
  const defaults = caches.storageClasses.store.list().filter(({ metadata }) => metadata.annotations?.[IS_DEFAULT_CLASS] === 'true');
  const [defaultClass] = defaults.toSorted(byAge);
  return {
    claim,
    volumes: caches.persistentVolumes.store.list(),
    volume: caches.persistentVolumes.store.find({ namespace: '', name: claim.spec.volumeName ?? '' }),
    storageClass: caches.storageClasses.store.find({ namespace: '', name: classOf(claim) }),
    defaultClass,
    waitingPods: caches.pods.store
      .list(key.namespace)
      .filter((pod) => (pod.spec.nodeName ?? '') === '' && mounts(pod, key.name))
      .map(({ metadata }) => metadata.name),
  };
}

function mounts({ metadata, spec }: Pod, claimName: string): boolean {
  return (spec.volumes ?? []).some(
    ({ name, persistentVolumeClaim, ephemeral }) =>
      persistentVolumeClaim?.claimName === claimName || (ephemeral !== undefined && `${metadata.name}-${name}` === claimName),
  );
}

/** Newest first; of the same age, by name. */
function byAge(left: StorageClass, right: StorageClass): number {
  const age = Date.parse(right.metadata.creationTimestamp) - Date.parse(left.metadata.creationTimestamp);
  return age || left.metadata.name.localeCompare(right.metadata.name);
}

function claimKeysOf({ spec: { claimRef } }: PersistentVolume): readonly ObjectKey[] {
  return claimRef?.name === undefined ? [] : [{ namespace: claimRef.namespace ?? '', name: claimRef.name }];
}

export function reconcileClaim(snapshot: ClaimSnapshot): readonly Action[] {
  return hasAnnotation(snapshot.claim, BIND_COMPLETED) ? reconcileBoundClaim(snapshot) : reconcileUnboundClaim(snapshot);
}

function reconcileUnboundClaim(snapshot: ClaimSnapshot): readonly Action[] {
  const { claim, volume, defaultClass } = snapshot;
  if (claim.metadata.deletionTimestamp !== undefined) return [];
  if ((claim.spec.volumeName ?? '') !== '') return volume === undefined ? setPending(claim) : reconcileNamedVolume(volume, claim);
  const found = findVolumeFor(claim, snapshot.volumes, isDelayed(snapshot));
  if (found !== undefined) return bind(found, claim);
  if (claim.spec.storageClassName === undefined && classOf(claim) === '' && defaultClass !== undefined) {
    return [update(persistentvolumeclaims, { ...claim, spec: { ...claim.spec, storageClassName: defaultClass.metadata.name } })];
  }
  return [...setPending(claim), ...awaitVolume(snapshot)];
}

/** The class wants to know the first pod's node before a volume is chosen, and nobody has chosen one. */
function isDelayed({ claim, storageClass }: ClaimSnapshot): boolean {
  return storageClass?.volumeBindingMode === 'WaitForFirstConsumer' && !hasAnnotation(claim, SELECTED_NODE);
}

/** The claim's author wants this very volume. */
function reconcileNamedVolume(volume: PersistentVolume, claim: PersistentVolumeClaim): readonly Action[] {
  if (volume.spec.claimRef === undefined) {
    const mismatch = mismatchOf(volume, claim);
    if (mismatch === undefined) return bind(volume, claim);
    const message = `Cannot bind to requested volume "${volume.metadata.name}": ${mismatch}`;
    return [event(claim, 'Warning', 'VolumeMismatch', message), ...setPending(claim)];
  }
  if (isReservedFor(volume, claim)) return bind(volume, claim);
  return [
    event(claim, 'Warning', 'FailedBinding', `volume "${volume.metadata.name}" already bound to a different claim.`),
    ...setPending(claim),
  ];
}

/** Nothing fits: says what has to happen, and asks the provisioner when it is its turn. */
function awaitVolume(snapshot: ClaimSnapshot): readonly Action[] {
  const { claim, storageClass, waitingPods } = snapshot;
  const name = classOf(claim);
  if (isDelayed(snapshot)) {
    const [pod] = waitingPods;
    if (pod !== undefined) return [event(claim, 'Normal', 'WaitForPodScheduled', `waiting for pod ${pod} to be scheduled`)];
    return [event(claim, 'Normal', 'WaitForFirstConsumer', 'waiting for first consumer to be created before binding')];
  }
  if (name === '') {
    const message = 'no persistent volumes available for this claim and no storage class is set';
    return [event(claim, 'Normal', 'FailedBinding', message)];
  }
  if (storageClass === undefined) {
    return [event(claim, 'Warning', 'ProvisioningFailed', `storageclass.storage.k8s.io "${name}" not found`)];
  }
  const { provisioner } = storageClass;
  if (provisioner === NO_PROVISIONER) {
    return [event(claim, 'Warning', 'ProvisioningFailed', `no volume plugin matched name: ${NO_PROVISIONER}`)];
  }
  const waiting = `Waiting for a volume to be created either by the external provisioner '${provisioner}' or manually by the system administrator.`;
  const advice = 'If volume creation is delayed, please verify that the provisioner is running and correctly registered.';
  return [...setProvisioner(claim, provisioner), event(claim, 'Normal', 'ExternalProvisioning', `${waiting} ${advice}`)];
}

function setProvisioner(claim: PersistentVolumeClaim, provisioner: string): readonly Action[] {
  const wanted = { [STORAGE_PROVISIONER]: provisioner, [STORAGE_PROVISIONER_BETA]: provisioner };
  const { annotations = {} } = claim.metadata;
  if (Object.keys(wanted).every((name) => annotations[name] === provisioner)) return [];
  return [update(persistentvolumeclaims, { ...claim, metadata: { ...claim.metadata, annotations: { ...annotations, ...wanted } } })];
}

/** The next step of a binding, until there is none. */
function bind(volume: PersistentVolume, claim: PersistentVolumeClaim): readonly Action[] {
  return reserveVolume(volume, claim) ?? setVolumeBound(volume) ?? nameVolume(claim, volume) ?? setClaimBound(claim, volume) ?? [];
}

function reserveVolume(volume: PersistentVolume, claim: PersistentVolumeClaim): readonly Action[] | undefined {
  const { claimRef } = volume.spec;
  if (isReservedFor(volume, claim) && claimRef?.uid === claim.metadata.uid) return undefined;
  const { name, namespace = '', uid, resourceVersion } = claim.metadata;
  const reference = { apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace, name, uid, resourceVersion };
  const mark = isReservedFor(volume, claim) ? {} : { [BOUND_BY_CONTROLLER]: 'yes' };
  const metadata = { ...volume.metadata, annotations: { ...volume.metadata.annotations, ...mark } };
  return [update(persistentvolumes, { ...volume, metadata, spec: { ...volume.spec, claimRef: reference } })];
}

function setVolumeBound(volume: PersistentVolume): readonly Action[] | undefined {
  return volume.status?.phase === 'Bound' ? undefined : [updateStatus(persistentvolumes, { ...volume, status: { phase: 'Bound' } })];
}

function nameVolume(claim: PersistentVolumeClaim, volume: PersistentVolume): readonly Action[] | undefined {
  const isNamed = claim.spec.volumeName === volume.metadata.name;
  if (isNamed && hasAnnotation(claim, BIND_COMPLETED)) return undefined;
  const marks = { [BIND_COMPLETED]: 'yes', ...(isNamed ? {} : { [BOUND_BY_CONTROLLER]: 'yes' }) };
  const metadata = { ...claim.metadata, annotations: { ...claim.metadata.annotations, ...marks } };
  return [update(persistentvolumeclaims, { ...claim, metadata, spec: { ...claim.spec, volumeName: volume.metadata.name } })];
}

/** The capacity is told once: afterwards it is for whoever resizes the volume to say what its file system has. */
function setClaimBound(claim: PersistentVolumeClaim, { spec }: PersistentVolume): readonly Action[] | undefined {
  const { status } = claim;
  const isBound = status?.phase === 'Bound' && status.capacity !== undefined;
  const wanted = {
    ...status,
    phase: 'Bound',
    accessModes: spec.accessModes ?? [],
    capacity: isBound ? status.capacity : (spec.capacity ?? {}),
    ...(spec.volumeAttributesClassName === undefined ? {} : { currentVolumeAttributesClassName: spec.volumeAttributesClassName }),
  };
  return jsonEquals(status, wanted) ? undefined : [updateStatus(persistentvolumeclaims, { ...claim, status: wanted })];
}

function reconcileBoundClaim({ claim, volume }: ClaimSnapshot): readonly Action[] {
  if ((claim.spec.volumeName ?? '') === '') {
    return lose(claim, 'ClaimLost', 'Bound claim has lost reference to PersistentVolume. Data on the volume is lost!');
  }
  if (volume === undefined) return lose(claim, 'ClaimLost', 'Bound claim has lost its PersistentVolume. Data on the volume is lost!');
  const { claimRef } = volume.spec;
  if (claimRef === undefined || claimRef.uid === claim.metadata.uid) return bind(volume, claim);
  return lose(claim, 'ClaimMisbound', 'Two claims are bound to the same volume, this one is bound incorrectly');
}

function lose(claim: PersistentVolumeClaim, reason: string, message: string): readonly Action[] {
  if (claim.status?.phase === 'Lost') return [];
  const { accessModes: _modes, capacity: _capacity, ...rest } = claim.status ?? {};
  return [updateStatus(persistentvolumeclaims, { ...claim, status: { ...rest, phase: 'Lost' } }), event(claim, 'Warning', reason, message)];
}

function setPending(claim: PersistentVolumeClaim): readonly Action[] {
  const { accessModes, capacity, ...rest } = claim.status ?? {};
  if (rest.phase === 'Pending' && accessModes === undefined && capacity === undefined) return [];
  return [updateStatus(persistentvolumeclaims, { ...claim, status: { ...rest, phase: 'Pending' } })];
}

function event(regarding: PersistentVolumeClaim, type: 'Normal' | 'Warning', reason: string, message: string): Action {
  return { verb: 'event', regarding, type, reason, message };
}
