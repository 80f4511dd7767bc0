/**
 * The body of an apply: a part of an object, in YAML or JSON, checked as far as it goes. `apply.ts` and `scale.ts` lay it over what is there. Whatever the bytes
 * are, what is wrong with them is the client's to hear. Source: k8s.io/apiserver, pkg/endpoints/handlers/patch.go (applyPatcher).
 */
import { listProblems } from '#api/apply/list-problems.ts';
import type { MergeType } from '#api/apply/merge-type.ts';
import type { Decoded } from '#api/decode.ts';
import { isJsonObject, type JsonObject, memberOf } from '#api/meta/json.ts';
import type { ResourceDescription } from '#api/meta/resource-type.ts';
import { ApiError } from '#api/meta/status.ts';
import { type ParsedBody, parseBody, yamlDuplicates } from '../encoding/parse-body.ts';
import type { ApiRequest } from './request.ts';
import type { WriteOptions } from './write-options.ts';

export interface Configuration {
  /** In canonical form. */
  readonly fields: JsonObject;
  /** As it was written, for kubectl's annotation. */
  readonly given: JsonObject;
  /** Empty where it says nothing. */
  readonly uid: string;
  readonly resourceVersion: string;
}

/** What is applied: its kind, how its fields merge, and how the part that is sent is read. */
export interface ConfigurationKind {
  readonly type: ResourceDescription;
  readonly mergeType: MergeType;
  decodeFields(given: JsonObject): Decoded<JsonObject>;
}

/** Without parameters such as a character set. */
export function mediaTypeOf(contentType: string | undefined): string {
  return (contentType ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
}

/** Throws BadRequest for what is no configuration of this kind. Fields that the kind does not have are refused whatever `fieldValidation` says. */
export function readConfiguration(
  request: Pick<ApiRequest, 'body' | 'info' | 'repeatedKeys' | 'warn'>,
  { type, mergeType, decodeFields }: ConfigurationKind,
  { fieldValidation }: Pick<WriteOptions, 'fieldValidation'>,
): Configuration {
  const { value, duplicates } = parseConfiguration(request.body, type.kind);
  const given = isJsonObject(value) ? value : {};
  throwIfOtherKind(given, type);
  const { metadata } = given;
  if (isJsonObject(metadata) && (memberOf(metadata, 'managedFields') ?? null) !== null) {
    throw new ApiError('BadRequest', 'metadata.managedFields must be nil');
  }
  const { object: fields, unknownFields } = decodeFields(given);
  const undeclared = unknownFields.map((problem) => `.${pathIn(problem)}: field not declared in schema`);
  throwIfUntyped([...undeclared, ...listProblems(mergeType, fields)], fields, request, type);
  reportDuplicates(request.repeatedKeys ?? duplicates, fieldValidation, request);
  return { fields, given, uid: textIn(fields, 'uid'), resourceVersion: textIn(fields, 'resourceVersion') };
}

/** `{`, `[` and `"`. */
const JSON_OPENINGS: ReadonlySet<number> = new Set([0x7b, 0x5b, 0x22]);

/** Clients send JSON under the name of YAML, which has the same meaning and is read a hundred times faster as what it is. */
function parseConfiguration(body: Buffer, kind: string): ParsedBody {
  try {
    if (JSON_OPENINGS.has(body[0] ?? 0)) return parseBody(body, 'application/json', kind);
  } catch {
    // A flow mapping looks like JSON and is none.
  }
  try {
    return parseBody(body, 'application/yaml', kind);
  } catch (error) {
    throw new ApiError('BadRequest', `error decoding YAML: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

function throwIfOtherKind({ apiVersion, kind }: JsonObject, type: ResourceDescription): void {
  const [group, version] = splitVersion(typeof apiVersion === 'string' ? apiVersion : '');
  if (kind === type.kind && group === type.group && version === type.version) return;
  throw new ApiError('BadRequest', `invalid object type: ${group}/${version}, Kind=${typeof kind === 'string' ? kind : ''}`);
}

function splitVersion(apiVersion: string): readonly [group: string, version: string] {
  const slash = apiVersion.indexOf('/');
  return slash < 0 ? ['', apiVersion] : [apiVersion.slice(0, slash), apiVersion.slice(slash + 1)];
}

function throwIfUntyped(
  problems: readonly string[],
  fields: JsonObject,
  { info }: Pick<ApiRequest, 'info'>,
  { group, version, kind }: ResourceDescription,
): void {
  if (problems.length === 0) return;
  const object = `${textIn(fields, 'namespace') || info.namespace}/${textIn(fields, 'name')}; ${group}/${version}, Kind=${kind}`;
  const shown = problems.length === 1 ? (problems[0] ?? '') : `errors:\n${problems.map((problem) => `  ${problem}`).join('\n')}`;
  throw new ApiError('BadRequest', `failed to create typed patch object (${object}): ${shown}`);
}

function reportDuplicates(
  duplicates: ParsedBody['duplicates'],
  fieldValidation: WriteOptions['fieldValidation'],
  { warn }: Pick<ApiRequest, 'warn'>,
): void {
  if (duplicates.length === 0 || fieldValidation === 'Ignore') return;
  const problem = `error converting YAML to JSON: ${yamlDuplicates(duplicates)}`;
  if (fieldValidation === 'Strict') throw new ApiError('BadRequest', `error strict decoding YAML: ${problem}`);
  warn(problem);
}

/** `unknown field "spec.foo"` → `spec.foo`. */
function pathIn(problem: string): string {
  return /"(.*)"/.exec(problem)?.[1] ?? problem;
}

function textIn(fields: JsonObject, name: 'name' | 'namespace' | 'uid' | 'resourceVersion'): string {
  const { metadata } = fields;
  const value = isJsonObject(metadata) ? memberOf(metadata, name) : undefined;
  return typeof value === 'string' ? value : '';
}
