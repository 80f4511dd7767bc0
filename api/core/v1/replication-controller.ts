/** ReplicationControllers, from before there were ReplicaSets: defaults and rules. */
import type { ReplicationController } from '../../generated/types.ts';
import { required } from '../../meta/field-path.ts';
import { dns1123SubdomainProblems } from '../../meta/names.ts';
import type { FieldProblem } from '../../meta/status.ts';
import { validateNotNegative, validateObjectMeta } from '../../meta/validation.ts';
import { withDefined } from '../../meta/with-defined.ts';
import { applyPodTemplateDefaults, validateControlledTemplate } from './pod-template.ts';

/** Without a selector or labels of its own it has those of its template. */
export function applyReplicationControllerDefaults(controller: ReplicationController): ReplicationController {
  const { spec, metadata } = controller;
  const labels = spec.template?.metadata?.labels;
  return {
    ...controller,
    metadata: withDefined(metadata, { labels: Object.keys(metadata.labels ?? {}).length === 0 ? labels : undefined }),
    spec: withDefined(spec, {
      replicas: spec.replicas ?? 1,
      selector: Object.keys(spec.selector ?? {}).length === 0 ? labels : undefined,
      template: spec.template && applyPodTemplateDefaults(spec.template),
    }),
  };
}

export function validateReplicationController(controller: ReplicationController): readonly FieldProblem[] {
  const { spec } = controller;
  const { selector = {}, template } = spec;
  const rules = { kind: 'ReplicationController', selector: { matchLabels: selector } };
  return [
    ...validateObjectMeta(controller.metadata, { isNamespaced: true, nameRule: dns1123SubdomainProblems }),
    ...validateNotNegative(spec.minReadySeconds ?? 0, 'spec.minReadySeconds'),
    ...(Object.keys(selector).length === 0 ? [required('spec.selector')] : []),
    ...validateNotNegative(spec.replicas ?? 0, 'spec.replicas'),
    ...(template === undefined ? [required('spec.template')] : validateControlledTemplate({ ...rules, template }, 'spec.template')),
  ];
}
