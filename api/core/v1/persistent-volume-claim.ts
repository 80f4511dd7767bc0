/** PersistentVolumeClaims: defaults, rules, and what may change. Source: upstream's pkg/apis/core/validation, ValidatePersistentVolumeClaim. */
import type {
  PersistentVolumeClaim,
  PersistentVolumeClaimSpec,
  TypedLocalObjectReference,
  TypedObjectReference,
} from '../../generated/types.ts';
import { forbiddenField, invalidValue, notSupported, required } from '../../meta/field-path.ts';
import { jsonEquals } from '../../meta/json.ts';
import { dns1123LabelProblems, dns1123SubdomainProblems } from '../../meta/names.ts';
import { compareQuantities, parseQuantity } from '../../meta/quantity.ts';
import type { FieldProblem } from '../../meta/status.ts';
import { validateLabelSelector, validateObjectMeta } from '../../meta/validation.ts';
import { withDefined } from '../../meta/with-defined.ts';
import { applyResourceListDefaults } from './resource-list.ts';

export const accessModes = ['ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOnce', 'ReadWriteOncePod'] as const;
export const volumeModes = ['Block', 'Filesystem'] as const;

export function applyClaimDefaults(claim: PersistentVolumeClaim): PersistentVolumeClaim {
  const { spec } = claim;
  const { limits, requests } = spec.resources ?? {};
  return {
    ...claim,
    spec: withDefined(spec, {
      ...withBothDataSources(spec),
      volumeMode: spec.volumeMode ?? 'Filesystem',
      resources: withDefined(spec.resources ?? {}, {
        limits: limits && applyResourceListDefaults(limits),
        requests: requests && applyResourceListDefaults(requests),
      }),
    }),
  };
}

/** The reference is the newer form of the source; whichever is given fills in the other, unless it leads to another namespace. */
function withBothDataSources({ dataSource, dataSourceRef }: PersistentVolumeClaimSpec): Partial<PersistentVolumeClaimSpec> {
  if (dataSource !== undefined && dataSourceRef === undefined) return { dataSourceRef: dataSource };
  const isElsewhere = Boolean(dataSourceRef?.namespace);
  const isKnown = dataSourceRef?.kind === 'PersistentVolumeClaim' || dataSourceRef?.kind === 'VolumeSnapshot';
  if (dataSourceRef === undefined || dataSource !== undefined || isElsewhere || !isKnown) return {};
  const { namespace: _, ...source } = dataSourceRef;
  return { dataSource: source };
}

export function validateClaim(claim: PersistentVolumeClaim): readonly FieldProblem[] {
  return [
    ...validateObjectMeta(claim.metadata, { isNamespaced: true, nameRule: dns1123SubdomainProblems }),
    ...validateClaimSpec(claim.spec, 'spec'),
  ];
}

/** Of a claim, or of a template of claims. */
export function validateClaimSpec(spec: PersistentVolumeClaimSpec, field: string): readonly FieldProblem[] {
  return [
    ...((spec.accessModes ?? []).length === 0 ? [required(`${field}.accessModes`, 'at least 1 access mode is required')] : []),
    ...(spec.selector === undefined ? [] : validateLabelSelector(spec.selector, `${field}.selector`)),
    ...validateAccessModes(spec.accessModes ?? [], `${field}.accessModes`),
    ...validateStorage(spec.resources?.requests?.storage, `${field}.resources[storage]`),
    ...validateClassName(spec.storageClassName, `${field}.storageClassName`),
    ...(spec.volumeMode === undefined || volumeModes.some((mode) => mode === spec.volumeMode)
      ? []
      : [notSupported(`${field}.volumeMode`, spec.volumeMode, volumeModes)]),
    ...validateDataSources(spec, field),
    ...validateClassName(spec.volumeAttributesClassName, `${field}.volumeAttributesClassName`),
  ];
}

/** Also of a volume. */
export function validateAccessModes(modes: readonly string[], field: string): readonly FieldProblem[] {
  const unknown = modes.filter((mode) => !accessModes.some((known) => known === mode));
  const problems = unknown.map((mode) => notSupported(field, mode, accessModes));
  const isShared = modes.some((mode) => mode !== 'ReadWriteOncePod' && !unknown.includes(mode));
  if (modes.includes('ReadWriteOncePod') && isShared) {
    problems.push(forbiddenField(field, 'may not use ReadWriteOncePod with other access modes'));
  }
  return problems;
}

function validateStorage(amount: string | undefined, field: string): readonly FieldProblem[] {
  if (amount === undefined) return [required(field)];
  return parseQuantity(amount).nanos > 0n ? [] : [invalidValue(field, amount, 'must be greater than zero')];
}

function validateClassName(name: string | undefined, field: string): readonly FieldProblem[] {
  return name ? dns1123SubdomainProblems(name).map((problem) => invalidValue(field, name, problem)) : [];
}

function validateDataSources({ dataSource, dataSourceRef }: PersistentVolumeClaimSpec, field: string): readonly FieldProblem[] {
  const problems: FieldProblem[] = [];
  if (dataSource !== undefined) problems.push(...validateSource(dataSource, `${field}.dataSource`));
  if (dataSourceRef === undefined) return problems;
  const { namespace = '' } = dataSourceRef;
  problems.push(...validateSource(dataSourceRef, `${field}.dataSourceRef`));
  if (namespace !== '') {
    problems.push(...dns1123LabelProblems(namespace).map((text) => invalidValue(`${field}.dataSourceRef.namespace`, namespace, text)));
  }
  if (dataSource === undefined) return problems;
  if (namespace !== '') {
    problems.push(invalidValue(field, `${field}.dataSource`, 'may not be specified when dataSourceRef.namespace is specified'));
  } else if (!jsonEquals(sourceId(dataSource), sourceId(dataSourceRef))) {
    problems.push(invalidValue(field, `${field}.dataSource`, 'must match dataSourceRef'));
  }
  return problems;
}

type Source = TypedLocalObjectReference | TypedObjectReference;

function sourceId({ apiGroup = '', kind, name }: Source): object {
  return { apiGroup, kind, name };
}

function validateSource({ apiGroup = '', kind, name }: Source, field: string): readonly FieldProblem[] {
  const problems: FieldProblem[] = [];
  if (name === '') problems.push(required(`${field}.name`));
  if (kind === '') problems.push(required(`${field}.kind`));
  if (apiGroup === '' && kind !== 'PersistentVolumeClaim') {
    problems.push(invalidValue(field, kind, "must be 'PersistentVolumeClaim' when referencing the default apiGroup"));
  }
  if (apiGroup !== '') {
    problems.push(...dns1123SubdomainProblems(apiGroup).map((problem) => invalidValue(`${field}.apiGroup`, apiGroup, problem)));
  }
  return problems;
}

const IMMUTABLE = 'spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims';

/** A claim is what it was made as, but for a bound one that grows, the volume it is bound to, and the class of its attributes. */
export function validateClaimUpdate(claim: PersistentVolumeClaim, previous: PersistentVolumeClaim): readonly FieldProblem[] {
  const isBound = previous.status?.phase === 'Bound';
  const problems: FieldProblem[] = [];
  if (!jsonEquals(fixedPart(claim.spec, previous.spec, isBound), fixedPart(previous.spec, previous.spec, isBound))) {
    problems.push(forbiddenField('spec', IMMUTABLE));
  }
  if (isShrunk(claim, previous)) {
    problems.push(forbiddenField('spec.resources.requests.storage', 'field can not be less than status.capacity'));
  }
  if (previous.spec.volumeAttributesClassName !== undefined && claim.spec.volumeAttributesClassName === undefined) {
    problems.push(forbiddenField('spec.volumeAttributesClassName', 'update from non-nil value to nil is forbidden'));
  }
  return problems;
}

/** What must be the same before and after; a name that was not yet there may be set once. */
function fixedPart(spec: PersistentVolumeClaimSpec, previous: PersistentVolumeClaimSpec, isBound: boolean): object {
  const { storageClassName, volumeName, resources, volumeAttributesClassName, ...rest } = spec;
  const { storage: _, ...requests } = resources?.requests ?? {};
  return {
    ...rest,
    resources: isBound ? { ...resources, requests } : (resources ?? {}),
    volumeName: previous.volumeName ? volumeName : undefined,
    storageClassName: previous.storageClassName === undefined ? undefined : storageClassName,
    volumeAttributesClassName: isBound ? undefined : volumeAttributesClassName,
  };
}

function isShrunk(claim: PersistentVolumeClaim, previous: PersistentVolumeClaim): boolean {
  const wanted = claim.spec.resources?.requests?.storage;
  const before = previous.spec.resources?.requests?.storage;
  const had = previous.status?.capacity?.storage;
  if (wanted === undefined || before === undefined || wanted === before) return false;
  const isSmaller = (other: string) => compareQuantities(parseQuantity(wanted), parseQuantity(other)) < 0;
  return isSmaller(before) && (had === undefined || isSmaller(had));
}
