/** Turns the problems validation found into the one refusal that names them all. */
import type { ApiObject } from '#api/meta/resource-type.ts';
import { type FieldProblem, invalid } from '#api/meta/status.ts';
import type { ResourceDefinition } from '../resources/resource-definition.ts';

export function throwIfInvalid(definition: ResourceDefinition<ApiObject>, name: string, problems: readonly FieldProblem[]): void {
  if (problems.length > 0) throw invalid(definition.type, name, problems);
}
