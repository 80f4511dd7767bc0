/** What bindings of roles show, with and without a namespace. */
import type { RbacSubject, RoleRef } from '#api/generated/types.ts';
import type { ApiObject } from '#api/meta/resource-type.ts';
import { ageColumn, nameColumn, textColumn, wide } from './columns.ts';
import type { Column } from './resource-definition.ts';

interface AnyBinding extends ApiObject {
  readonly roleRef: RoleRef;
  readonly subjects?: readonly RbacSubject[];
}

export const bindingColumns: readonly Column<AnyBinding>[] = [
  nameColumn,
  textColumn('Role', 'The role that is given.', ({ roleRef }) => `${roleRef.kind}/${roleRef.name}`),
  ageColumn,
  wide(textColumn('Users', 'Users who get it.', (binding) => namesOf(binding, 'User'))),
  wide(textColumn('Groups', 'Groups that get it.', (binding) => namesOf(binding, 'Group'))),
  wide(textColumn('ServiceAccounts', 'ServiceAccounts that get it.', (binding) => namesOf(binding, 'ServiceAccount'))),
];

function namesOf({ subjects = [] }: AnyBinding, kind: string): string {
  const chosen = subjects.filter((subject) => subject.kind === kind);
  return chosen.map(({ name, namespace }) => (kind === 'ServiceAccount' && namespace ? `${namespace}/${name}` : name)).join(', ');
}
