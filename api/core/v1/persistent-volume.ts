/**
 * PersistentVolumes: defaults, rules, and what may change. The sources of which there can be one here (hostPath, local, nfs, csi) are checked closely, the
 * others as far as that there is exactly one. Source: upstream's pkg/apis/core/v1/defaults.go and pkg/apis/core/validation, ValidatePersistentVolume.
 */
import type { PersistentVolume, PersistentVolumeSpec } from '../../generated/types.ts';
import { forbiddenField, invalidValue, notSupported, required } from '../../meta/field-path.ts';
import { jsonEquals } from '../../meta/json.ts';
import { dns1123SubdomainProblems } from '../../meta/names.ts';
import { parseQuantity } from '../../meta/quantity.ts';
import type { FieldProblem } from '../../meta/status.ts';
import { validateImmutable, validateObjectMeta } from '../../meta/validation.ts';
import { withDefined } from '../../meta/with-defined.ts';
import { validateAccessModes, volumeModes } from './persistent-volume-claim.ts';
import { applyResourceListDefaults } from './resource-list.ts';

/** What is not a source among the members of the spec. */
const COMMON_FIELDS: ReadonlySet<string> = new Set([
  'accessModes',
  'capacity',
  'claimRef',
  'mountOptions',
  'nodeAffinity',
  'persistentVolumeReclaimPolicy',
  'storageClassName',
  'volumeAttributesClassName',
  'volumeMode',
]);

const reclaimPolicies = ['Delete', 'Recycle', 'Retain'] as const;

export function applyVolumeDefaults(volume: PersistentVolume): PersistentVolume {
  return { ...volume, spec: applyVolumeSpecDefaults(volume.spec) };
}

export function applyVolumeSpecDefaults(spec: PersistentVolumeSpec): PersistentVolumeSpec {
  const { hostPath, iscsi, rbd, azureDisk, scaleIO, claimRef } = spec;
  return withDefined(spec, {
    capacity: spec.capacity && applyResourceListDefaults(spec.capacity),
    persistentVolumeReclaimPolicy: spec.persistentVolumeReclaimPolicy || 'Retain',
    volumeMode: spec.volumeMode ?? 'Filesystem',
    claimRef: claimRef && { ...claimRef, kind: claimRef.kind || 'PersistentVolumeClaim', apiVersion: claimRef.apiVersion || 'v1' },
    hostPath: hostPath && { ...hostPath, type: hostPath.type ?? '' },
    iscsi: iscsi && { ...iscsi, iscsiInterface: iscsi.iscsiInterface || 'default' },
    rbd: rbd && { ...rbd, pool: rbd.pool || 'rbd', user: rbd.user || 'admin', keyring: rbd.keyring || '/etc/ceph/keyring' },
    azureDisk: azureDisk && {
      ...azureDisk,
      cachingMode: azureDisk.cachingMode ?? 'ReadWrite',
      kind: azureDisk.kind ?? 'Shared',
      fsType: azureDisk.fsType ?? 'ext4',
      readOnly: azureDisk.readOnly ?? false,
    },
    scaleIO: scaleIO && { ...scaleIO, storageMode: scaleIO.storageMode || 'ThinProvisioned', fsType: scaleIO.fsType || 'xfs' },
  });
}

export function validateVolume(volume: PersistentVolume): readonly FieldProblem[] {
  return [
    ...validateObjectMeta(volume.metadata, { isNamespaced: false, nameRule: dns1123SubdomainProblems }),
    ...validateVolumeSpec(volume.spec, 'spec'),
  ];
}

/** Of a volume, or of one that is described inside a VolumeAttachment. */
export function validateVolumeSpec(spec: PersistentVolumeSpec, field: string): readonly FieldProblem[] {
  const { accessModes = [], persistentVolumeReclaimPolicy: policy = '', volumeMode } = spec;
  const problems: FieldProblem[] = [];
  if (accessModes.length === 0) problems.push(required(`${field}.accessModes`));
  problems.push(...validateAccessModes(accessModes, `${field}.accessModes`));
  problems.push(...validateCapacity(spec.capacity ?? {}, `${field}.capacity`));
  if (policy !== '' && !reclaimPolicies.some((known) => known === policy)) {
    problems.push(notSupported(`${field}.persistentVolumeReclaimPolicy`, policy, reclaimPolicies));
  }
  if (spec.nodeAffinity !== undefined && spec.nodeAffinity.required === undefined) {
    problems.push(required(`${field}.nodeAffinity.required`, 'must specify required node constraints'));
  }
  problems.push(...validateSources(spec, field));
  for (const name of ['storageClassName', 'volumeAttributesClassName'] as const) {
    const value = spec[name];
    if (value) problems.push(...dns1123SubdomainProblems(value).map((problem) => invalidValue(`${field}.${name}`, value, problem)));
  }
  if (volumeMode !== undefined && !volumeModes.some((mode) => mode === volumeMode)) {
    problems.push(notSupported(`${field}.volumeMode`, volumeMode, volumeModes));
  }
  return problems;
}

function validateCapacity(capacity: Readonly<Record<string, string>>, field: string): readonly FieldProblem[] {
  const amounts = Object.entries(capacity);
  if (amounts.length === 0) return [required(field)];
  const isStorageAlone = amounts.length === 1 && Object.hasOwn(capacity, 'storage');
  return [
    ...(isStorageAlone ? [] : [notSupported(field, capacity, ['storage'])]),
    ...amounts
      .filter(([, amount]) => parseQuantity(amount).nanos <= 0n)
      .map(([name, amount]) => invalidValue(`${field}[${name}]`, amount, 'must be greater than zero')),
  ];
}

function sourcesOf(spec: PersistentVolumeSpec): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(spec).filter(([name, value]) => !COMMON_FIELDS.has(name) && value !== undefined));
}

function validateSources(spec: PersistentVolumeSpec, field: string): readonly FieldProblem[] {
  const [first, ...others] = Object.keys(sourcesOf(spec));
  if (first === undefined) return [required(field, 'must specify a volume type')];
  const surplus = others.map((name) => forbiddenField(`${field}.${name}`, 'may not specify more than 1 volume type'));
  const { hostPath, local, nfs, csi } = spec;
  const problems: FieldProblem[] = [];
  if (hostPath !== undefined) problems.push(...validatePath(hostPath.path, `${field}.hostPath.path`));
  if (hostPath?.path === '/' && spec.persistentVolumeReclaimPolicy === 'Recycle') {
    const why = "may not be 'recycle' for a hostPath mount of '/'";
    problems.push(forbiddenField(`${field}.persistentVolumeReclaimPolicy`, why));
  }
  if (local !== undefined) problems.push(...validatePath(local.path, `${field}.local.path`));
  if (local !== undefined && spec.nodeAffinity === undefined) {
    problems.push(required(`${field}.nodeAffinity`, 'Local volume requires node affinity'));
  }
  if (nfs?.server === '') problems.push(required(`${field}.nfs.server`));
  if (nfs?.path === '') problems.push(required(`${field}.nfs.path`));
  else if (nfs !== undefined && !nfs.path.startsWith('/')) {
    problems.push(invalidValue(`${field}.nfs.path`, nfs.path, 'must be an absolute path'));
  }
  if (csi?.driver === '') problems.push(required(`${field}.csi.driver`));
  if (csi?.volumeHandle === '') problems.push(required(`${field}.csi.volumeHandle`));
  return [...surplus, ...problems];
}

function validatePath(path: string, field: string): readonly FieldProblem[] {
  if (path === '') return [required(field)];
  return path.split('/').includes('..') ? [invalidValue(field, path, "must not contain '..'")] : [];
}

/** Where a volume is stays where it is. */
export function validateVolumeUpdate(volume: PersistentVolume, previous: PersistentVolume): readonly FieldProblem[] {
  const [now, before] = [volume.spec, previous.spec];
  const problems: FieldProblem[] = [];
  if (!jsonEquals(sourcesOf(now), sourcesOf(before))) {
    problems.push(forbiddenField('spec.persistentvolumesource', 'spec.persistentvolumesource is immutable after creation'));
  }
  problems.push(...validateImmutable(now.volumeMode, before.volumeMode, 'volumeMode'));
  if (before.nodeAffinity !== undefined) problems.push(...validateImmutable(now.nodeAffinity, before.nodeAffinity, 'nodeAffinity'));
  if (before.volumeAttributesClassName !== undefined && now.volumeAttributesClassName === undefined) {
    problems.push(forbiddenField('spec.volumeAttributesClassName', 'update from non-nil value to nil is forbidden'));
  }
  return problems;
}
