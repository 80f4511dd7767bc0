/** Namespaces: defaults, rules and lifecycle. A namespace goes away when its content has: `spec.finalizers` is what waits for that. */
import type { Namespace } from '../../generated/types.ts';
import { dns1123LabelProblems } from '../../meta/names.ts';
import type { FieldProblem } from '../../meta/status.ts';
import { validateObjectMeta } from '../../meta/validation.ts';

/** The label by which selectors can name a namespace. */
export const NAMESPACE_NAME_LABEL = 'kubernetes.io/metadata.name';

/** Held by the namespace controller until nothing is left inside. */
export const NAMESPACE_FINALIZER = 'kubernetes';

export function applyNamespaceDefaults(namespace: Namespace): Namespace {
  const { name } = namespace.metadata;
  const labels = name ? { ...namespace.metadata.labels, [NAMESPACE_NAME_LABEL]: name } : namespace.metadata.labels;
  return {
    ...namespace,
    metadata: { ...namespace.metadata, ...(labels === undefined ? {} : { labels }) },
    status: { ...namespace.status, phase: namespace.status?.phase || 'Active' },
  };
}

export function validateNamespace(namespace: Namespace): readonly FieldProblem[] {
  return validateObjectMeta(namespace.metadata, { isNamespaced: false, nameRule: dns1123LabelProblems });
}

/** Being emptied: nothing new may be created inside. */
export function isNamespaceTerminating(namespace: Namespace): boolean {
  return namespace.status?.phase === 'Terminating' || namespace.metadata.deletionTimestamp !== undefined;
}
