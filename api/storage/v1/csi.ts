/**
 * What CSI drivers and the cluster tell each other: CSIDrivers, CSINodes, CSIStorageCapacities and VolumeAttachments. Defaults, rules, and what may change.
 * Source: upstream's pkg/apis/storage/v1/defaults.go and pkg/apis/storage/validation.
 */
import { validateVolumeSpec } from '../../core/v1/persistent-volume.ts';
import type {
  CSIDriver,
  CSIDriverSpec,
  CSINode,
  CSINodeDriver,
  CSIStorageCapacity,
  StorageTokenRequest,
  VolumeAttachment,
  VolumeAttachmentSource,
} from '../../generated/types.ts';
import { duplicate, forbiddenField, invalidValue, notSupported, required } from '../../meta/field-path.ts';
import { dns1123SubdomainProblems, qualifiedNameProblems } from '../../meta/names.ts';
import { parseQuantity } from '../../meta/quantity.ts';
import type { FieldProblem } from '../../meta/status.ts';
import { validateImmutable, validateLabelSelector, validateNotNegative, validateObjectMeta } from '../../meta/validation.ts';
import { validateDriverName } from './csi-names.ts';

const NODE_ID_CHARACTERS_MAX = 256;
const TOKEN_SECONDS_MIN = 600;
const TOKEN_SECONDS_MAX = 2 ** 32;

const clusterWide = { isNamespaced: false, nameRule: dns1123SubdomainProblems } as const;
const fsGroupPolicies = ['File', 'None', 'ReadWriteOnceWithFSType'] as const;
const lifecycleModes = ['Ephemeral', 'Persistent'] as const;

export function applyCsiDriverDefaults(driver: CSIDriver): CSIDriver {
  const { spec } = driver;
  const modes = spec.volumeLifecycleModes ?? [];
  const defaults: CSIDriverSpec = {
    attachRequired: true,
    podInfoOnMount: false,
    storageCapacity: false,
    fsGroupPolicy: 'ReadWriteOnceWithFSType',
    requiresRepublish: false,
    seLinuxMount: false,
  };
  return { ...driver, spec: { ...defaults, ...spec, volumeLifecycleModes: modes.length === 0 ? ['Persistent'] : modes } };
}

export function validateCsiDriver({ metadata, spec }: CSIDriver): readonly FieldProblem[] {
  const { fsGroupPolicy = '', volumeLifecycleModes: modes = [], tokenRequests = [] } = spec;
  return [
    ...validateObjectMeta(metadata, clusterWide),
    ...validateDriverName(metadata.name, 'metadata.name'),
    ...(fsGroupPolicies.some((known) => known === fsGroupPolicy)
      ? []
      : [notSupported('spec.fsGroupPolicy', fsGroupPolicy, fsGroupPolicies)]),
    ...modes
      .filter((mode) => !lifecycleModes.some((known) => known === mode))
      .map((mode) => notSupported('spec.volumeLifecycleModes', mode, lifecycleModes)),
    ...tokenRequests.flatMap((request, index) => validateTokenRequest(request, index, tokenRequests)),
  ];
}

function validateTokenRequest(
  { audience, expirationSeconds: seconds }: StorageTokenRequest,
  index: number,
  all: readonly StorageTokenRequest[],
): readonly FieldProblem[] {
  const field = `spec.tokenRequests[${index}]`;
  const isTwin = all.findIndex((other) => other.audience === audience) < index;
  const problems = isTwin ? [duplicate(`${field}.audience`, audience)] : [];
  if (seconds === undefined) return problems;
  if (seconds < TOKEN_SECONDS_MIN) {
    return [...problems, invalidValue(`${field}.expirationSeconds`, seconds, 'may not specify a duration less than 10 minutes')];
  }
  if (seconds <= TOKEN_SECONDS_MAX) return problems;
  return [...problems, invalidValue(`${field}.expirationSeconds`, seconds, 'may not specify a duration larger than 2^32 seconds')];
}

export function validateCsiDriverUpdate(driver: CSIDriver, previous: CSIDriver): readonly FieldProblem[] {
  const modes = 'volumeLifecycleModes';
  return [
    ...validateImmutable(driver.spec.attachRequired, previous.spec.attachRequired, 'spec.attachedRequired'),
    ...validateImmutable(driver.spec[modes], previous.spec[modes], `spec.${modes}`),
  ];
}

export function validateCsiNode({ metadata, spec }: CSINode): readonly FieldProblem[] {
  const names = spec.drivers.map(({ name }) => name);
  return [
    ...validateObjectMeta(metadata, clusterWide),
    ...spec.drivers.flatMap((driver, index) => {
      const field = `spec.drivers[${index}]`;
      const isTwin = names.indexOf(driver.name) < index;
      return [...validateNodeDriver(driver, field), ...(isTwin ? [duplicate(`${field}.name`, driver.name)] : [])];
    }),
  ];
}

function validateNodeDriver({ name, nodeID, allocatable, topologyKeys = [] }: CSINodeDriver, field: string): readonly FieldProblem[] {
  const problems = [...validateDriverName(name, `${field}.name`)];
  if (nodeID === '') problems.push(required(`${field}.nodeID`));
  if (nodeID.length > NODE_ID_CHARACTERS_MAX) {
    problems.push(invalidValue(`${field}.nodeID`, nodeID, `must be ${NODE_ID_CHARACTERS_MAX} characters or less`));
  }
  problems.push(...validateNotNegative(allocatable?.count ?? 0, `${field}.allocatable.count`));
  for (const [index, key] of topologyKeys.entries()) {
    if (key === '') problems.push(required(field));
    if (topologyKeys.indexOf(key) < index) problems.push(duplicate(field, key));
    problems.push(...qualifiedNameProblems(key).map((problem) => invalidValue(field, key, problem)));
  }
  return problems;
}

/** A driver says once what it is on a node; how many volumes it takes there may change. */
export function validateCsiNodeUpdate(node: CSINode, previous: CSINode): readonly FieldProblem[] {
  return node.spec.drivers.flatMap(({ allocatable: _now, ...driver }) => {
    const before = previous.spec.drivers.find(({ name }) => name === driver.name);
    if (before === undefined) return [];
    const { allocatable: _before, ...old } = before;
    return validateImmutable(driver, old, 'spec.drivers');
  });
}

export function validateCsiStorageCapacity(capacity: CSIStorageCapacity): readonly FieldProblem[] {
  const amounts = ['capacity', 'maximumVolumeSize'] as const;
  return [
    ...validateObjectMeta(capacity.metadata, { isNamespaced: true, nameRule: dns1123SubdomainProblems }),
    ...(capacity.nodeTopology === undefined ? [] : validateLabelSelector(capacity.nodeTopology, 'nodeTopology')),
    ...dns1123SubdomainProblems(capacity.storageClassName).map((problem) =>
      invalidValue('storageClassName', capacity.storageClassName, problem),
    ),
    ...amounts
      .filter((name) => parseQuantity(capacity[name] ?? '0').nanos < 0n)
      .map((name) => invalidValue(name, capacity[name], 'must be greater than or equal to 0')),
  ];
}

export function validateCsiStorageCapacityUpdate(capacity: CSIStorageCapacity, previous: CSIStorageCapacity): readonly FieldProblem[] {
  const fixed = ['nodeTopology', 'storageClassName'] as const;
  return fixed.flatMap((name) => validateImmutable(capacity[name], previous[name], name));
}

export function validateVolumeAttachment({ metadata, spec }: VolumeAttachment): readonly FieldProblem[] {
  return [
    ...validateObjectMeta(metadata, clusterWide),
    ...validateAttachmentSource(spec.source, 'spec.source'),
    ...dns1123SubdomainProblems(spec.nodeName).map((problem) => invalidValue('spec.nodeName', spec.nodeName, problem)),
    ...validateDriverName(spec.attacher, 'spec.attacher'),
  ];
}

function validateAttachmentSource(
  { inlineVolumeSpec: inline, persistentVolumeName: name }: VolumeAttachmentSource,
  field: string,
): readonly FieldProblem[] {
  const one = 'must specify exactly one of inlineVolumeSpec and persistentVolumeName';
  if (inline !== undefined && name !== undefined) return [forbiddenField(field, one)];
  if (inline !== undefined) return validateVolumeSpec(inline, `${field}.inlineVolumeSpec`);
  if (name === undefined) return [required(field, one)];
  if (name === '') return [required(`${field}.persistentVolumeName`, 'must specify non empty persistentVolumeName')];
  return dns1123SubdomainProblems(name).map((problem) => invalidValue(`${field}.persistentVolumeName`, name, problem));
}

export function validateVolumeAttachmentUpdate(attachment: VolumeAttachment, previous: VolumeAttachment): readonly FieldProblem[] {
  return validateImmutable(attachment.spec, previous.spec, 'spec');
}
