/** The template from which controllers make pods: defaults, rules, and that a controller's selector finds what it makes. */
import type { LabelSelector, PodSpec, PodTemplateSpec } from '../../generated/types.ts';
import { forbiddenField, invalidValue, notSupported } from '../../meta/field-path.ts';
import { compileLabelSelector } from '../../meta/label-selector.ts';
import type { FieldProblem } from '../../meta/status.ts';
import { validateAnnotations, validateLabels } from '../../meta/validation.ts';
import { applyPodSpecDefaults, validatePodSpec } from './pod-spec.ts';

const noSpec: PodSpec = { containers: [] };

export function applyPodTemplateDefaults(template: PodTemplateSpec): PodTemplateSpec {
  return { ...template, spec: applyPodSpecDefaults(template.spec ?? noSpec) };
}

export function validatePodTemplate(template: PodTemplateSpec, field: string): readonly FieldProblem[] {
  return [
    ...validateLabels(template.metadata?.labels ?? {}, `${field}.metadata.labels`),
    ...validateAnnotations(template.metadata?.annotations ?? {}, `${field}.metadata.annotations`),
    ...validatePodSpec(template.spec ?? noSpec, `${field}.spec`),
  ];
}

export interface ControlledTemplate {
  readonly kind: string;
  readonly selector: LabelSelector;
  readonly template: PodTemplateSpec;
}

/** The rules of a template whose pods a controller keeps running: they must match its selector and restart always. */
export function validateControlledTemplate({ kind, selector, template }: ControlledTemplate, field: string): readonly FieldProblem[] {
  const labels = template.metadata?.labels ?? {};
  const problems: FieldProblem[] = [];
  if (!isEmptySelector(selector) && !compileLabelSelector(selector)(labels)) {
    problems.push(invalidValue(`${field}.metadata.labels`, labels, '`selector` does not match template `labels`'));
  }
  problems.push(...validatePodTemplate(template, field));
  if (template.spec?.restartPolicy !== 'Always') {
    problems.push(notSupported(`${field}.spec.restartPolicy`, template.spec?.restartPolicy ?? '', ['Always']));
  }
  if (template.spec?.activeDeadlineSeconds !== undefined) {
    problems.push(forbiddenField(`${field}.spec.activeDeadlineSeconds`, `activeDeadlineSeconds in ${kind} is not Supported`));
  }
  return problems;
}

export function isEmptySelector(selector: LabelSelector): boolean {
  return Object.keys(selector.matchLabels ?? {}).length === 0 && (selector.matchExpressions ?? []).length === 0;
}
