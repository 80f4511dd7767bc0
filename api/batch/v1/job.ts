/**
 * Jobs: defaults, the labels by which a Job knows its pods, rules, and what may change. The rules of its policies are in `job-policies.ts`, those of its
 * status in `job-status.ts`. Source: upstream's pkg/apis/batch/v1/defaults.go, pkg/apis/batch/validation and pkg/registry/batch/job/strategy.go.
 */
import { applyPodTemplateDefaults, validatePodTemplate } from '../../core/v1/pod-template.ts';
import type { Job, JobSpec, PodTemplateSpec } from '../../generated/types.ts';
import { invalidValue, notSupported, required, tooLong } from '../../meta/field-path.ts';
import { jsonEquals } from '../../meta/json.ts';
import { compileLabelSelector } from '../../meta/label-selector.ts';
import { dns1123LabelProblems, dns1123SubdomainProblems } from '../../meta/names.ts';
import type { FieldProblem } from '../../meta/status.ts';
import {
  validateDomainPrefixedPath,
  validateImmutable,
  validateLabelSelector,
  validateNotNegative,
  validateObjectMeta,
} from '../../meta/validation.ts';
import { withDefined } from '../../meta/with-defined.ts';
import { validatePolicies } from './job-policies.ts';

const BACKOFFS_DEFAULT = 6;
/** With a limit of its own for each index, there is none for the whole. */
const BACKOFFS_MAX = 2 ** 31 - 1;

const INDEXED_PARALLELISM_MAX = 100_000;
const FAILED_INDEXES_MAX = 100_000;
/** Above so many completions, a Job with limits per index must keep its status small. */
const COMPLETIONS_SOFT_MAX = 100_000;
const MANY_COMPLETIONS_PARALLELISM_MAX = 10_000;
const MANY_COMPLETIONS_FAILED_INDEXES_MAX = 10_000;
const MANAGED_BY_CHARACTERS_MAX = 63;

const UID_LABEL = 'batch.kubernetes.io/controller-uid';
const NAME_LABEL = 'batch.kubernetes.io/job-name';
/** The same under the names they had first; clients select by them. */
const OLD_UID_LABEL = 'controller-uid';
const OLD_NAME_LABEL = 'job-name';

export function applyJobDefaults(job: Job): Job {
  const { spec } = job;
  const hasNoCounts = spec.completions === undefined && spec.parallelism === undefined;
  const defaulted = withDefined<JobSpec>(spec, {
    completions: hasNoCounts ? 1 : undefined,
    parallelism: spec.parallelism ?? 1,
    backoffLimit: spec.backoffLimit ?? (spec.backoffLimitPerIndex === undefined ? BACKOFFS_DEFAULT : BACKOFFS_MAX),
    completionMode: spec.completionMode ?? 'NonIndexed',
    suspend: spec.suspend ?? false,
    manualSelector: spec.manualSelector ?? false,
    podFailurePolicy: spec.podFailurePolicy && {
      ...spec.podFailurePolicy,
      rules: spec.podFailurePolicy.rules.map((rule) =>
        withDefined(rule, {
          onPodConditions: rule.onPodConditions?.map((pattern) => ({ ...pattern, status: pattern.status || 'True' })),
        }),
      ),
    },
    podReplacementPolicy: spec.podReplacementPolicy ?? (spec.podFailurePolicy === undefined ? 'TerminatingOrFailed' : 'Failed'),
    template: applyPodTemplateDefaults(spec.template),
  });
  return { ...withTemplateLabels(job), spec: defaulted };
}

/** A Job without labels takes those of its template. */
function withTemplateLabels(job: Job): Job {
  const labels = job.spec.template.metadata?.labels ?? {};
  const hasOwn = Object.keys(job.metadata.labels ?? {}).length > 0;
  return hasOwn || Object.keys(labels).length === 0 ? job : { ...job, metadata: { ...job.metadata, labels } };
}

/** What a new Job gets so that it finds its pods and nobody else's, unless its author looks after that. */
export function withGeneratedSelector(job: Job): Job {
  const { spec, metadata } = job;
  if (spec.manualSelector === true) return job;
  const generated = {
    [UID_LABEL]: metadata.uid,
    [NAME_LABEL]: metadata.name,
    [OLD_UID_LABEL]: metadata.uid,
    [OLD_NAME_LABEL]: metadata.name,
  };
  const labels = { ...generated, ...spec.template.metadata?.labels };
  const selector = spec.selector ?? {};
  return withTemplateLabels({
    ...job,
    spec: {
      ...spec,
      selector: { ...selector, matchLabels: { ...selector.matchLabels, [UID_LABEL]: selector.matchLabels?.[UID_LABEL] ?? metadata.uid } },
      template: { ...spec.template, metadata: { ...spec.template.metadata, labels } },
    },
  });
}

export function validateJob(job: Job): readonly FieldProblem[] {
  const { spec, metadata } = job;
  const { selector, template } = spec;
  const labels = template.metadata?.labels ?? {};
  const matches = selector === undefined || compileLabelSelector(selector)(labels);
  return [
    ...validateObjectMeta(metadata, { isNamespaced: true, nameRule: dns1123SubdomainProblems }),
    ...validateGenerated(job),
    ...validateJobSpec(spec, 'spec'),
    ...(selector === undefined ? [required('spec.selector')] : validateLabelSelector(selector, 'spec.selector')),
    ...(matches ? [] : [invalidValue('spec.template.metadata.labels', labels, '`selector` does not match template `labels`')]),
    ...validateHostname(job),
  ];
}

function validateGenerated({ spec, metadata }: Job): readonly FieldProblem[] {
  if (spec.manualSelector === true || spec.selector === undefined) return [];
  const labels = spec.template.metadata?.labels ?? {};
  const expected = {
    [OLD_UID_LABEL]: metadata.uid,
    [UID_LABEL]: metadata.uid,
    [OLD_NAME_LABEL]: metadata.name,
    [NAME_LABEL]: metadata.name,
  };
  const problems = Object.entries(expected).flatMap(([key, value]) => validateHasLabel(labels, key, value));
  if (compileLabelSelector(spec.selector)(expected)) return problems;
  return [...problems, invalidValue('spec.selector', spec.selector, '`selector` not auto-generated')];
}

function validateHasLabel(labels: Readonly<Record<string, string>>, key: string, expected: string): readonly FieldProblem[] {
  const field = 'spec.template.metadata.labels';
  const actual = Object.hasOwn(labels, key) ? labels[key] : undefined;
  if (actual === undefined) return [required(`${field}[${key}]`, `must be '${expected}'`)];
  return actual === expected ? [] : [invalidValue(`${field}[${key}]`, labels, `must be '${expected}'`)];
}

/** Pods of an indexed Job are called by its name and their index. */
function validateHostname({ spec, metadata }: Job): readonly FieldProblem[] {
  const { completions = 0 } = spec;
  if (spec.completionMode !== 'Indexed' || completions <= 0) return [];
  const last = `${metadata.name}-${completions - 1}`;
  if (dns1123LabelProblems(last).length === 0) return [];
  return [invalidValue('metadata.name', metadata.name, `will not able to create pod with invalid DNS label: ${last}`)];
}

/** Of a Job, or of a CronJob's template of Jobs. */
export function validateJobSpec(spec: JobSpec, field: string): readonly FieldProblem[] {
  const counts = [
    'parallelism',
    'completions',
    'activeDeadlineSeconds',
    'backoffLimit',
    'ttlSecondsAfterFinished',
    'backoffLimitPerIndex',
    'maxFailedIndexes',
  ] as const;
  return [
    ...counts.flatMap((name) => validateNotNegative(spec[name] ?? 0, `${field}.${name}`)),
    ...(spec.maxFailedIndexes !== undefined && spec.backoffLimitPerIndex === undefined
      ? [required(`${field}.backoffLimitPerIndex`, 'when maxFailedIndexes is specified')]
      : []),
    ...validateManagedBy(spec.managedBy, `${field}.managedBy`),
    ...validateCompletionMode(spec, field),
    ...validatePolicies(spec, field),
    ...validatePodTemplate(spec.template, `${field}.template`),
    ...validateRestartPolicy(spec, `${field}.template.spec.restartPolicy`),
  ];
}

function validateManagedBy(managedBy: string | undefined, field: string): readonly FieldProblem[] {
  if (managedBy === undefined) return [];
  const problems = validateDomainPrefixedPath(managedBy, field);
  return managedBy.length > MANAGED_BY_CHARACTERS_MAX ? [...problems, tooLong(field, MANAGED_BY_CHARACTERS_MAX)] : problems;
}

function validateCompletionMode(spec: JobSpec, field: string): readonly FieldProblem[] {
  const { completionMode = 'NonIndexed' } = spec;
  if (completionMode === 'Indexed') return validateIndexed(spec, field);
  if (completionMode !== 'NonIndexed') return [notSupported(`${field}.completionMode`, completionMode, ['Indexed', 'NonIndexed'])];
  const names = ['backoffLimitPerIndex', 'maxFailedIndexes'] as const;
  return names
    .filter((name) => spec[name] !== undefined)
    .map((name) => invalidValue(`${field}.${name}`, spec[name], 'requires indexed completion mode'));
}

function validateIndexed(spec: JobSpec, field: string): readonly FieldProblem[] {
  const { completions, parallelism = 0, maxFailedIndexes } = spec;
  const atMost = (name: 'parallelism' | 'maxFailedIndexes', why: string) => invalidValue(`${field}.${name}`, spec[name], why);
  const problems: FieldProblem[] = [];
  if (completions === undefined) problems.push(required(`${field}.completions`, 'when completion mode is Indexed'));
  if (parallelism > INDEXED_PARALLELISM_MAX) {
    problems.push(atMost('parallelism', `must be less than or equal to ${INDEXED_PARALLELISM_MAX} when completion mode is Indexed`));
  }
  if (completions !== undefined && maxFailedIndexes !== undefined && maxFailedIndexes > completions) {
    problems.push(atMost('maxFailedIndexes', 'must be less than or equal to completions'));
  }
  if (maxFailedIndexes !== undefined && maxFailedIndexes > FAILED_INDEXES_MAX) {
    problems.push(atMost('maxFailedIndexes', `must be less than or equal to ${FAILED_INDEXES_MAX}`));
  }
  const isLarge = (completions ?? 0) > COMPLETIONS_SOFT_MAX && spec.backoffLimitPerIndex !== undefined;
  return isLarge ? [...problems, ...validateLarge(spec, field)] : problems;
}

function validateLarge({ parallelism = 0, maxFailedIndexes }: JobSpec, field: string): readonly FieldProblem[] {
  const bound = (max: number) =>
    `must be less than or equal to ${max} when completions are above ${COMPLETIONS_SOFT_MAX} and used with backoff limit per index`;
  const problems: FieldProblem[] = [];
  if (maxFailedIndexes === undefined) {
    problems.push(required(`${field}.maxFailedIndexes`, `must be specified when completions is above ${COMPLETIONS_SOFT_MAX}`));
  }
  if (parallelism > MANY_COMPLETIONS_PARALLELISM_MAX) {
    problems.push(invalidValue(`${field}.parallelism`, parallelism, bound(MANY_COMPLETIONS_PARALLELISM_MAX)));
  }
  if ((maxFailedIndexes ?? 0) > MANY_COMPLETIONS_FAILED_INDEXES_MAX) {
    problems.push(invalidValue(`${field}.maxFailedIndexes`, maxFailedIndexes, bound(MANY_COMPLETIONS_FAILED_INDEXES_MAX)));
  }
  return problems;
}

/** Always restarting would never complete; the default of templates does not do for Jobs. */
function validateRestartPolicy({ template, podFailurePolicy }: JobSpec, field: string): readonly FieldProblem[] {
  const { restartPolicy = '' } = template.spec ?? {};
  if (restartPolicy === 'Always' || restartPolicy === '') return [required(field, 'valid values: "OnFailure", "Never"')];
  if (restartPolicy !== 'OnFailure' && restartPolicy !== 'Never') return [notSupported(field, restartPolicy, ['OnFailure', 'Never'])];
  if (podFailurePolicy === undefined || restartPolicy === 'Never') return [];
  return [invalidValue(field, restartPolicy, 'only "Never" is supported when podFailurePolicy is specified')];
}

export function validateJobUpdate(job: Job, previous: Job): readonly FieldProblem[] {
  const fixed = ['selector', 'completionMode', 'podFailurePolicy', 'backoffLimitPerIndex', 'managedBy', 'successPolicy'] as const;
  return [
    ...validateCompletionsUpdate(job.spec, previous.spec),
    ...validateImmutable(fixedTemplate(job.spec.template, previous), fixedTemplate(previous.spec.template, previous), 'spec.template'),
    ...fixed.flatMap((name) => validateImmutable(job.spec[name], previous.spec[name], `spec.${name}`)),
  ];
}

/** An indexed Job may be resized as long as all its indexes run at once. */
function validateCompletionsUpdate(spec: JobSpec, previous: JobSpec): readonly FieldProblem[] {
  if (spec.completionMode !== 'Indexed') return validateImmutable(spec.completions, previous.completions, 'spec.completions');
  if (spec.completions === undefined || spec.completions === previous.completions || spec.completions === spec.parallelism) return [];
  return [invalidValue('spec.completions', spec.completions, 'can only be modified in tandem with spec.parallelism')];
}

/** While a Job is suspended and has not started, its queue may still say where its pods go. */
function fixedTemplate(template: PodTemplateSpec, previous: Job): PodTemplateSpec {
  const mayMove = previous.spec.suspend === true && previous.status?.startTime === undefined;
  if (!mayMove || template.spec === undefined) return template;
  const { nodeSelector: _selector, tolerations: _tolerations, schedulingGates: _gates, affinity, ...spec } = template.spec;
  const { nodeAffinity: _node, ...otherAffinity } = affinity ?? {};
  const { labels: _labels, annotations: _annotations, ...metadata } = template.metadata ?? {};
  return { ...template, metadata, spec: jsonEquals(otherAffinity, {}) ? spec : { ...spec, affinity: otherAffinity } };
}
