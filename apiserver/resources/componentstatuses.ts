/** ComponentStatuses, as the API server serves them; `pipeline/component-status.ts` makes them when asked. */
import { componentstatuses as type } from '#api/generated/resources.ts';
import type { ComponentStatus } from '#api/generated/types.ts';
import { findCondition } from '#api/meta/condition.ts';
import { nameColumn, textColumn } from './columns.ts';
import { defineResource } from './define-resource.ts';

const healthOf = ({ conditions }: ComponentStatus) => findCondition(conditions, 'Healthy');
const words: Readonly<Record<string, string>> = { True: 'Healthy', False: 'Unhealthy' };

export const componentstatuses = defineResource<ComponentStatus>(type, {
  shortNames: ['cs'],
  columns: [
    nameColumn,
    textColumn('Status', 'Whether it is well.', (component) => words[healthOf(component)?.status ?? ''] ?? 'Unknown'),
    textColumn('Message', 'What it says itself.', (component) => healthOf(component)?.message ?? ''),
    textColumn('Error', 'What is wrong.', (component) => healthOf(component)?.error ?? ''),
  ],
  validate: () => [],
});
