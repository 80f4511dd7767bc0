/** Events: rules. An event lies in the namespace of what it is about; events about cluster-wide objects lie in `default`. */
import type { Event } from '../../generated/types.ts';
import { invalidValue } from '../../meta/field-path.ts';
import { dns1123SubdomainProblems } from '../../meta/names.ts';
import type { FieldProblem } from '../../meta/status.ts';
import { validateObjectMeta } from '../../meta/validation.ts';

export function validateEvent(event: Event): readonly FieldProblem[] {
  const problems = [...validateObjectMeta(event.metadata, { isNamespaced: true, nameRule: dns1123SubdomainProblems })];
  const about = event.involvedObject.namespace ?? '';
  const namespace = event.metadata.namespace ?? '';
  const isMisplaced = about === '' ? namespace !== 'default' && namespace !== 'kube-system' : about !== namespace;
  if (isMisplaced) problems.push(invalidValue('involvedObject.namespace', about, 'does not match event.namespace'));
  return problems;
}
