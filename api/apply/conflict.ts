/**
 * What an apply is refused with: which fields it would take from whom, in upstream's words, which kubectl shows and people search for.
 * Source: k8s.io/apimachinery, pkg/util/managedfields/internal/conflict.go and pkg/api/errors (NewApplyConflict).
 */
import { ApiError } from '../meta/status.ts';
import type { ManagerId } from './managers.ts';
import { formatPath } from './path-element.ts';

export interface Conflict {
  readonly manager: ManagerId;
  readonly path: readonly string[];
}

/** `conflicts` has at least one. */
export function applyConflict(conflicts: readonly Conflict[]): ApiError {
  const byManager = [...Map.groupBy(conflicts, ({ manager }) => formatManager(manager))];
  const sorted = byManager.toSorted(([left], [right]) => (left < right ? -1 : 1)).flatMap(([, held]) => held);
  const causes = sorted.map(({ manager, path }) => ({
    reason: 'FieldManagerConflict',
    message: `conflict with ${formatManager(manager)}`,
    field: formatPath(path),
  }));
  return new ApiError('Conflict', messageOf(sorted), { details: { causes } });
}

function messageOf(conflicts: readonly Conflict[]): string {
  const [first] = conflicts;
  if (conflicts.length === 1 && first !== undefined) {
    return `Apply failed with 1 conflict: conflict with ${formatManager(first.manager)}: ${formatPath(first.path)}`;
  }
  const byManager = Map.groupBy(conflicts, ({ manager }) => formatManager(manager));
  const lines = [...byManager].flatMap(([manager, held]) => [
    `conflicts with ${manager}:`,
    ...held.map(({ path }) => `- ${formatPath(path)}`),
  ]);
  return `Apply failed with ${conflicts.length} conflicts: ${lines.join('\n')}`;
}

function formatManager({ manager, operation, apiVersion, subresource }: ManagerId): string {
  const name = `${JSON.stringify(manager)}${subresource === '' ? '' : ` with subresource ${JSON.stringify(subresource)}`}`;
  return operation === 'Update' ? `${name} using ${apiVersion}` : name;
}
