/**
 * What the server must know of a kind to serve it: one value per resource, written once, read by the pipeline, the tables, discovery and the
 * watch cache. A custom resource definition produces the same value at run time. `resources/index.ts` is the list of the built-in ones.
 * Upstream calls these parts strategy, table convertor and attribute function (k8s.io/apiserver, registry/rest).
 */
import type { MergeType } from '#api/apply/merge-type.ts';
import type { Decoded } from '#api/decode.ts';
import type { JsonObject } from '#api/meta/json.ts';
import type { ApiObject, ResourceType } from '#api/meta/resource-type.ts';
import type { FieldProblem } from '#api/meta/status.ts';
import type { Schema } from '#api/structural-schema/schema.ts';

/** One column of `kubectl get`. `priority` 0 is always shown, 1 with `-o wide`. */
export interface Column<T extends ApiObject> {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | 'date';
  readonly format?: string;
  readonly description: string;
  readonly priority?: number;
  value(object: T, nowMs: number): string | number | boolean | null;
}

/**
 * For a version of a kind that is not the one it is stored in: what is stored, and the way there and back. Both ways are pure and lose nothing. Objects are
 * converted where they come out of the storage and where they go in; in between, the pipeline works on the version that was asked for.
 */
export interface StoredForm<T extends ApiObject> {
  readonly definition: ResourceDefinition<ApiObject>;
  /** Throws BadRequest for an object that the stored version cannot say. */
  toStored(object: T): ApiObject;
  fromStored(stored: ApiObject): T;
  /** What field selectors of this version are called in the stored one, where the names differ. */
  readonly fieldLabels?: Readonly<Record<string, string>>;
}

/** What of an object's metadata may come with its status. Upstream's strategies of nearly all kinds guard the spec there and nothing else. */
export const STATUS_METADATA = ['annotations', 'finalizers', 'labels', 'ownerReferences'] as const;

export type StatusMetadata = (typeof STATUS_METADATA)[number];

export interface ResourceDefinition<T extends ApiObject = ApiObject> {
  readonly type: ResourceType<T>;
  /** How its fields are owned and merged; absent: as the schema that the type names says. */
  readonly mergeType?: MergeType;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly columns: readonly Column<T>[];
  /** Absent for the version that is stored, which nearly all are. */
  readonly storedAs?: StoredForm<T>;
  /** Pure; run on every write before validation, and again after admission. */
  applyDefaults(object: T): T;
  /** All problems at once, in upstream's words. */
  validate(object: T): readonly FieldProblem[];
  /** Problems that only a new object can have. `validate` is run as well. */
  validateCreate?(object: T): readonly FieldProblem[];
  /** Problems of a change: immutable fields. `validate` is run as well. `subresource` is empty for the object itself. */
  validateUpdate(object: T, previous: T, subresource: string): readonly FieldProblem[];
  /** Before a create is stored: no status from the user, generation 1 where the kind counts generations. */
  prepareForCreate(object: T): T;
  /** Before an update through the main resource is stored: the old status stays, generation rises when the spec changed. */
  prepareForUpdate(object: T, previous: T): T;
  /** What of the metadata a write to `/status` changes along with it. */
  readonly statusMetadata: readonly StatusMetadata[];
  /** Before an update through `/status` is stored: everything but the status and `statusMetadata` stays. */
  prepareForStatusUpdate(object: T, previous: T): T;
  /** Before an update through `/approval` is stored; only of kinds that have it. */
  prepareForApproval?(object: T, previous: T): T;
  /** Values for field selectors by path; every kind has `metadata.name` and `metadata.namespace`. */
  selectableFields(object: T): Readonly<Record<string, string>>;
  /** Seconds an object lives on after DELETE unless the request says otherwise; absent for kinds that go at once. */
  gracePeriodSeconds?(object: T): number;
  /** Only of kinds that were defined at run time. */
  readonly custom?: CustomParts;
}

/** What is different about a kind whose definition is an object itself; `custom-resources/` makes it. */
export interface CustomParts {
  readonly listKind: string;
  /** What its objects look like, for whoever must walk them. */
  readonly schema: Schema;
  /** The same as it was written, for publishing. */
  readonly openApiSchema: JsonObject;
  /** A body as an object of the kind, and what was left out of it. Throws BadRequest. */
  decode(value: JsonObject): Decoded<ApiObject>;
  /** The same for a part of one, of which nothing is filled in. */
  decodePart(value: JsonObject): Decoded<JsonObject>;
  /** In the place of `validate` and `validateUpdate` when an object changes: what was wrong before and did not change is let be. */
  validateChange(object: ApiObject, previous: ApiObject): readonly FieldProblem[];
  /** Stored bytes as this version serves them; the same bytes where nothing differs. Throws for bytes that need a webhook and were not converted ahead. */
  served(bytes: Buffer): Buffer;
  /** Only where a webhook converts between versions: has it convert all of these that need it, so that `served` can show them. Throws what the webhook says. */
  convertAhead?(stored: readonly Buffer[]): Promise<void>;
  /** The object in the version that is stored. */
  toStored(object: ApiObject): ApiObject | Promise<ApiObject>;
  /** An object of another version of the kind in this one. */
  fromVersion(object: ApiObject): ApiObject | Promise<ApiObject>;
  /** Where the numbers of the `scale` subresource are. */
  readonly scale: ScalePaths | undefined;
  /** What clients of a deprecated version are told. */
  readonly deprecationWarning: string | undefined;
  /** The definition is being deleted: nothing new may be created. */
  readonly isTerminating: boolean;
  /** Aborted when this version is no longer served. */
  readonly gone: AbortSignal;
}

/** Paths of members, from the object down. */
export interface ScalePaths {
  readonly specReplicas: readonly string[];
  readonly statusReplicas: readonly string[];
  readonly labelSelector: readonly string[] | undefined;
}
