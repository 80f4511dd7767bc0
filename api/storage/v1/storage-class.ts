/** StorageClasses and VolumeAttributesClasses: defaults, rules, and what may change. Source: upstream's pkg/apis/storage/validation. */
import type { StorageClass, TopologySelectorTerm, VolumeAttributesClass } from '../../generated/types.ts';
import { duplicate, forbiddenField, invalidValue, notSupported, required } from '../../meta/field-path.ts';
import { jsonEquals } from '../../meta/json.ts';
import { dns1123SubdomainProblems, qualifiedNameProblems } from '../../meta/names.ts';
import type { FieldProblem } from '../../meta/status.ts';
import { validateImmutable, validateObjectMeta, validateOneOf } from '../../meta/validation.ts';
import { validateDriverName, validateParameters } from './csi-names.ts';

const meta = { isNamespaced: false, nameRule: dns1123SubdomainProblems } as const;

export function applyStorageClassDefaults(storageClass: StorageClass): StorageClass {
  return {
    ...storageClass,
    reclaimPolicy: storageClass.reclaimPolicy ?? 'Delete',
    volumeBindingMode: storageClass.volumeBindingMode ?? 'Immediate',
  };
}

export function validateStorageClass(storageClass: StorageClass): readonly FieldProblem[] {
  const { provisioner, parameters = {}, reclaimPolicy = '', allowedTopologies = [] } = storageClass;
  const provisionerProblems =
    provisioner === ''
      ? [required('provisioner')]
      : qualifiedNameProblems(provisioner.toLowerCase()).map((problem) => invalidValue('provisioner', provisioner.toLowerCase(), problem));
  const isPolicyKnown = reclaimPolicy === '' || reclaimPolicy === 'Delete' || reclaimPolicy === 'Retain';
  return [
    ...validateObjectMeta(storageClass.metadata, meta),
    ...provisionerProblems,
    ...validateParameters(parameters, 'parameters', { mayBeEmpty: true }),
    ...(isPolicyKnown ? [] : [notSupported('reclaimPolicy', reclaimPolicy, ['Delete', 'Retain'])]),
    ...validateOneOf(storageClass.volumeBindingMode, ['Immediate', 'WaitForFirstConsumer'], 'volumeBindingMode'),
    ...allowedTopologies.flatMap((term, index) => validateTopology(term, `allowedTopologies[${index}]`)),
  ];
}

function validateTopology({ matchLabelExpressions = [] }: TopologySelectorTerm, field: string): readonly FieldProblem[] {
  const keys = matchLabelExpressions.map(({ key }) => key);
  return matchLabelExpressions.flatMap(({ key, values }, index) => {
    const path = `${field}.matchLabelExpressions[${index}]`;
    const problems = qualifiedNameProblems(key).map((problem) => invalidValue(`${path}.key`, key, problem));
    if (keys.indexOf(key) < index) problems.push(duplicate(`${path}.key`, key));
    if (values.length === 0) problems.push(required(`${path}.values`));
    return [...problems, ...values.flatMap((value, at) => (values.indexOf(value) < at ? [duplicate(`${path}.values[${at}]`, value)] : []))];
  });
}

export function validateStorageClassUpdate(storageClass: StorageClass, previous: StorageClass): readonly FieldProblem[] {
  const problems: FieldProblem[] = [];
  if (!jsonEquals(storageClass.parameters ?? {}, previous.parameters ?? {})) {
    problems.push(forbiddenField('parameters', 'updates to parameters are forbidden.'));
  }
  for (const field of ['provisioner', 'reclaimPolicy'] as const) {
    if (storageClass[field] !== previous[field]) problems.push(forbiddenField(field, `updates to ${field} are forbidden.`));
  }
  return [...problems, ...validateImmutable(storageClass.volumeBindingMode, previous.volumeBindingMode, 'volumeBindingMode')];
}

export function validateVolumeAttributesClass(attributesClass: VolumeAttributesClass): readonly FieldProblem[] {
  return [
    ...validateObjectMeta(attributesClass.metadata, meta),
    ...validateDriverName(attributesClass.driverName, 'driverName'),
    ...validateParameters(attributesClass.parameters ?? {}, 'parameters', { mayBeEmpty: false }),
  ];
}

export function validateVolumeAttributesClassUpdate(
  attributesClass: VolumeAttributesClass,
  previous: VolumeAttributesClass,
): readonly FieldProblem[] {
  const problems: FieldProblem[] = [];
  if (attributesClass.driverName !== previous.driverName) {
    problems.push(forbiddenField('driverName', 'updates to driverName are forbidden.'));
  }
  if (!jsonEquals(attributesClass.parameters ?? {}, previous.parameters ?? {})) {
    problems.push(forbiddenField('parameters', 'updates to parameters are forbidden.'));
  }
  return problems;
}
