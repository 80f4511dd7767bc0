/** Namespaces, as the API server serves them. Their finalizers change through `/finalize` alone. */

import { applyNamespaceDefaults, NAMESPACE_FINALIZER, validateNamespace } from '#api/core/v1/namespace.ts';
import { namespaces as type } from '#api/generated/resources.ts';
import type { Namespace } from '#api/generated/types.ts';
import { ageColumn, nameColumn, textColumn } from './columns.ts';
import { defineResource } from './define-resource.ts';

export const namespaces = defineResource<Namespace>(type, {
  shortNames: ['ns'],
  columns: [
    nameColumn,
    textColumn('Status', 'Active, or Terminating while it is emptied.', (namespace) => namespace.status?.phase ?? ''),
    ageColumn,
  ],
  applyDefaults: applyNamespaceDefaults,
  validate: validateNamespace,
  initialStatus: () => ({ phase: 'Active' }),
  prepareForCreate: withFinalizer,
  prepareForUpdate: (namespace, previous) => ({ ...namespace, spec: previous.spec }),
  selectableFields: (namespace) => ({ name: namespace.metadata.name ?? '', 'status.phase': namespace.status?.phase ?? '' }),
});

/** The namespace controller takes the finalizer away once the namespace is empty. */
function withFinalizer(namespace: Namespace): Namespace {
  const finalizers = namespace.spec.finalizers ?? [];
  if (finalizers.includes(NAMESPACE_FINALIZER)) return namespace;
  return { ...namespace, spec: { ...namespace.spec, finalizers: [...finalizers, NAMESPACE_FINALIZER] } };
}
