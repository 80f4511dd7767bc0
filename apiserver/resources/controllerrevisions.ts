/** ControllerRevisions, as the API server serves them. */
import { validateControllerRevision, validateControllerRevisionUpdate } from '#api/apps/v1/controller-revision.ts';
import { controllerrevisions as type } from '#api/generated/resources.ts';
import type { ControllerRevision } from '#api/generated/types.ts';
import { ageColumn, NONE, nameColumn, textColumn } from './columns.ts';
import { defineResource } from './define-resource.ts';

export const controllerrevisions = defineResource<ControllerRevision>(type, {
  columns: [
    nameColumn,
    textColumn('Controller', 'Whose state it is.', controllerOf),
    textColumn('Revision', 'Which of its states.', ({ revision }) => revision),
    ageColumn,
  ],
  validate: validateControllerRevision,
  validateUpdate: validateControllerRevisionUpdate,
});

/** `statefulset.apps/web` */
function controllerOf({ metadata }: ControllerRevision): string {
  const owner = metadata.ownerReferences?.find(({ controller }) => controller === true);
  if (owner === undefined) return NONE;
  const group = owner.apiVersion.includes('/') ? `.${owner.apiVersion.split('/')[0]}` : '';
  return `${owner.kind.toLowerCase()}${group}/${owner.name}`;
}
