/**
 * StorageVersionMigrations: that all objects of a resource are to be written anew, in the version that is stored today. Rules, and what may change.
 * Upstream: pkg/apis/storagemigration/validation.
 */
import type { StorageVersionMigration, StorageVersionMigrationStatus } from '../../generated/types.ts';
import { isConditionTrue } from '../../meta/condition.ts';
import { invalidValue, required } from '../../meta/field-path.ts';
import { dns1035LabelProblems, dns1123SubdomainProblems } from '../../meta/names.ts';
import type { FieldProblem } from '../../meta/status.ts';
import { validateConditions } from '../../meta/validate-conditions.ts';
import { validateImmutable, validateObjectMeta } from '../../meta/validation.ts';

export function validateMigration({ metadata, spec }: StorageVersionMigration): readonly FieldProblem[] {
  const { group = '', resource = '' } = spec.resource;
  const problems = (field: string, value: string, found: readonly string[]) =>
    found.map((problem) => invalidValue(`spec.resource.${field}`, value, problem));
  return [
    ...validateObjectMeta(metadata, { isNamespaced: false, nameRule: dns1123SubdomainProblems }),
    ...(group === '' ? [] : problems('group', group, dns1123SubdomainProblems(group))),
    ...(resource === ''
      ? [required('spec.resource.resource', 'resource is required')]
      : problems('resource', resource, dns1035LabelProblems(resource))),
  ];
}

export function validateMigrationUpdate(migration: StorageVersionMigration, previous: StorageVersionMigration): readonly FieldProblem[] {
  return (['group', 'resource'] as const).flatMap((part) =>
    validateImmutable(migration.spec.resource[part], previous.spec.resource[part], `spec.resource.${part}`),
  );
}

export function validateMigrationStatus(migration: StorageVersionMigration, previous: StorageVersionMigration): readonly FieldProblem[] {
  const { conditions = [], resourceVersion = '' } = migration.status ?? {};
  const before = previous.status?.resourceVersion ?? '';
  const problem = (message: string) => invalidValue('status.conditions', conditions, message);
  const [is, was] = [statesOf(migration.status), statesOf(previous.status)];
  return [
    ...versionProblems(resourceVersion, before),
    ...validateConditions(conditions, 'status.conditions'),
    ...(is.succeeded && is.failed ? [problem('Both success and failed conditions cannot be true at the same time')] : []),
    ...(is.succeeded && is.running ? [problem('Running condition cannot be true when success condition is true')] : []),
    ...(is.failed && is.running ? [problem('Running condition cannot be true when failed condition is true')] : []),
    ...(was.succeeded && !is.succeeded ? [problem('Success condition cannot be set to false once it is true')] : []),
    ...(was.failed && !is.failed ? [problem('Failed condition cannot be set to false once it is true')] : []),
  ];
}

function statesOf(status: StorageVersionMigrationStatus | undefined) {
  const isTrue = (type: string) => isConditionTrue(status?.conditions, type);
  return { succeeded: isTrue('Succeeded'), failed: isTrue('Failed'), running: isTrue('Running') };
}

function versionProblems(version: string, before: string): readonly FieldProblem[] {
  const problem = (message: string) => invalidValue('status.resourceVersion', version, message);
  if (version !== '' && !/^-?\d+$/.test(version))
    return [problem(`failed to parse resource version ${JSON.stringify(version)}: invalid syntax`)];
  return [
    ...(version.startsWith('-') ? [problem('must be greater than or equal to 0')] : []),
    ...(before !== '' && before !== version ? [problem('cannot be updated')] : []),
  ];
}
