/**
 * What the server must know of a kind to serve it: one value per resource, written once, read by the pipeline, the tables, discovery and the
 * watch cache. A custom resource definition produces the same value at run time. `resources/index.ts` is the list of the built-in ones.
 * Upstream calls these parts strategy, table convertor and attribute function (k8s.io/apiserver, registry/rest).
 */
import type { MergeType } from '#api/apply/merge-type.ts';
import type { ApiObject, ResourceType } from '#api/meta/resource-type.ts';
import type { FieldProblem } from '#api/meta/status.ts';

/** One column of `kubectl get`. `priority` 0 is always shown, 1 with `-o wide`. */
export interface Column<T extends ApiObject> {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | 'date';
  readonly format?: string;
  readonly description: string;
  readonly priority?: number;
  value(object: T, nowMs: number): string | number | boolean | null;
}

export interface ResourceDefinition<T extends ApiObject = ApiObject> {
  readonly type: ResourceType<T>;
  /** How its fields are owned and merged; absent: as the schema that the type names says. */
  readonly mergeType?: MergeType;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly columns: readonly Column<T>[];
  /** Pure; run on every write before validation, and again after admission. */
  applyDefaults(object: T): T;
  /** All problems at once, in upstream's words. */
  validate(object: T): readonly FieldProblem[];
  /** Problems of a change: immutable fields. `validate` is run as well. */
  validateUpdate(object: T, previous: T): readonly FieldProblem[];
  /** Before a create is stored: no status from the user, generation 1 where the kind counts generations. */
  prepareForCreate(object: T): T;
  /** Before an update through the main resource is stored: the old status stays, generation rises when the spec changed. */
  prepareForUpdate(object: T, previous: T): T;
  /** Before an update through `/status` is stored: everything but the status stays. */
  prepareForStatusUpdate(object: T, previous: T): T;
  /** Values for field selectors by path; every kind has `metadata.name` and `metadata.namespace`. */
  selectableFields(object: T): Readonly<Record<string, string>>;
  /** Seconds an object lives on after DELETE unless the request says otherwise; absent for kinds that go at once. */
  gracePeriodSeconds?(object: T): number;
}
