/** ControllerRevisions: a state that a controller may come back to. What it holds never changes. */
import type { ControllerRevision } from '../../generated/types.ts';
import { required } from '../../meta/field-path.ts';
import { dns1123SubdomainProblems } from '../../meta/names.ts';
import type { FieldProblem } from '../../meta/status.ts';
import { validateImmutable, validateNotNegative, validateObjectMeta } from '../../meta/validation.ts';

export function validateControllerRevision(revision: ControllerRevision): readonly FieldProblem[] {
  return [
    ...validateObjectMeta(revision.metadata, { isNamespaced: true, nameRule: dns1123SubdomainProblems }),
    ...(revision.data === undefined ? [required('data', 'data is mandatory')] : []),
    ...validateNotNegative(revision.revision, 'revision'),
  ];
}

export function validateControllerRevisionUpdate(revision: ControllerRevision, previous: ControllerRevision): readonly FieldProblem[] {
  return validateImmutable(revision.data, previous.data, 'data');
}
