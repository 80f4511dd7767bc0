/** How to delete, from the body (DeleteOptions) or, when there is none, from the query. Source: apimachinery's DeleteOptions and its validation. */
import type { DeleteOptions } from '#api/generated/types.ts';
import { invalidValue, notSupported } from '#api/meta/field-path.ts';
import { isJsonObject } from '#api/meta/json.ts';
import type { ApiObject } from '#api/meta/resource-type.ts';
import { ApiError, conflict, type FieldProblem } from '#api/meta/status.ts';
import { negotiateBody } from '../encoding/negotiate.ts';
import { parseBody } from '../encoding/parse-body.ts';
import { isTrue } from '../request/request-info.ts';
import type { DeletionWish, PropagationPolicy } from './deletion.ts';
import type { ApiRequest } from './request.ts';
import { dryRunProblems, invalidOptions } from './write-options.ts';

export interface DeleteWish extends DeletionWish {
  readonly isDryRun: boolean;
  readonly preconditions: { readonly uid?: string; readonly resourceVersion?: string };
}

type RawOptions = Pick<DeleteOptions, 'dryRun' | 'gracePeriodSeconds' | 'orphanDependents' | 'preconditions' | 'propagationPolicy'>;

const POLICIES: readonly PropagationPolicy[] = ['Foreground', 'Background', 'Orphan'];

/** Throws BadRequest or Invalid. */
export function parseDeleteOptions(request: Pick<ApiRequest, 'body' | 'contentType' | 'query'>): DeleteWish {
  return toWish(request.body.length > 0 ? optionsInBody(request) : optionsInQuery(request.query));
}

/** Of an object that carries them, as an Eviction does. Throws BadRequest or Invalid. */
export function deleteWishOf(options: DeleteOptions): DeleteWish {
  return toWish(rawOptions({ ...options }));
}

function toWish(raw: RawOptions): DeleteWish {
  const problems = problemsOf(raw);
  if (problems.length > 0) throw invalidOptions('DeleteOptions', problems);
  const { uid, resourceVersion } = raw.preconditions ?? {};
  return {
    gracePeriodSeconds: raw.gracePeriodSeconds,
    propagationPolicy: policyOf(raw),
    isDryRun: (raw.dryRun ?? []).length > 0,
    preconditions: { ...(uid === undefined ? {} : { uid }), ...(resourceVersion === undefined ? {} : { resourceVersion }) },
  };
}

/** Throws Conflict when the object is not the one the client meant. */
export function throwIfPreconditionFails(type: ApiRequest['definition']['type'], object: ApiObject, { preconditions }: DeleteWish): void {
  const { name, uid, resourceVersion } = object.metadata;
  if (preconditions.uid !== undefined && preconditions.uid !== uid) {
    throw conflict(type, name, `Precondition failed: UID in precondition: ${preconditions.uid}, UID in object meta: ${uid}`);
  }
  if (preconditions.resourceVersion !== undefined && preconditions.resourceVersion !== resourceVersion) {
    const versions = `ResourceVersion in precondition: ${preconditions.resourceVersion}, ResourceVersion in object meta: ${resourceVersion}`;
    throw conflict(type, name, `Precondition failed: ${versions}`);
  }
}

function optionsInBody({ body, contentType }: Pick<ApiRequest, 'body' | 'contentType'>): RawOptions {
  const { value } = parseBody(body, negotiateBody(contentType, { hasProtobuf: true }), 'DeleteOptions');
  if (!isJsonObject(value)) throw new ApiError('BadRequest', 'the body of a deletion must be DeleteOptions');
  if (value.kind !== undefined && value.kind !== 'DeleteOptions') {
    throw new ApiError('BadRequest', `decoded object cannot be converted to DeleteOptions: its kind is ${JSON.stringify(value.kind)}`);
  }
  const dryRun = value.dryRun;
  return rawOptions({ ...value, dryRun: Array.isArray(dryRun) ? dryRun : dryRun === undefined || dryRun === null ? [] : [dryRun] });
}

function optionsInQuery(query: URLSearchParams): RawOptions {
  const grace = query.get('gracePeriodSeconds');
  const orphan = query.get('orphanDependents');
  return rawOptions({
    dryRun: query.getAll('dryRun').filter((value) => value !== ''),
    gracePeriodSeconds: grace === null || grace === '' ? undefined : Number(grace),
    orphanDependents: orphan === null || orphan === '' ? undefined : isTrue(orphan),
    propagationPolicy: query.get('propagationPolicy') ?? undefined,
  });
}

/** Fields of the wrong type are refused; unknown ones are ignored. */
function rawOptions(value: Readonly<Record<string, unknown>>): RawOptions {
  const { dryRun, gracePeriodSeconds, orphanDependents, propagationPolicy, preconditions } = value;
  const { uid, resourceVersion } = isJsonObject(preconditions) ? preconditions : {};
  return {
    ...(Array.isArray(dryRun) ? { dryRun: dryRun.map(String) } : {}),
    ...optional('gracePeriodSeconds', gracePeriodSeconds, isWholeNumber),
    ...optional('orphanDependents', orphanDependents, isBoolean),
    ...optional('propagationPolicy', propagationPolicy, isText),
    preconditions: { ...optional('uid', uid, isText), ...optional('resourceVersion', resourceVersion, isText) },
  };
}

function optional<K extends string, T>(name: K, value: unknown, is: (value: unknown) => value is T): { [key in K]?: T } {
  if (value === undefined || value === null) return {};
  if (!is(value)) throw new ApiError('BadRequest', `DeleteOptions: ${name} has the wrong type: ${JSON.stringify(value)}`);
  const field: { [key in K]?: T } = {};
  field[name] = value;
  return field;
}

const isWholeNumber = (value: unknown): value is number => typeof value === 'number' && Number.isSafeInteger(value);
const isBoolean = (value: unknown): value is boolean => typeof value === 'boolean';
const isText = (value: unknown): value is string => typeof value === 'string';

function problemsOf({ dryRun = [], orphanDependents, propagationPolicy }: RawOptions): readonly FieldProblem[] {
  const problems: FieldProblem[] = [...dryRunProblems(dryRun)];
  if (propagationPolicy !== undefined && orphanDependents !== undefined) {
    problems.push(invalidValue('propagationPolicy', propagationPolicy, 'orphanDependents and deletionPropagation cannot be both set'));
  }
  if (propagationPolicy !== undefined && !POLICIES.some((policy) => policy === propagationPolicy)) {
    problems.push(notSupported('propagationPolicy', propagationPolicy, [...POLICIES, 'nil']));
  }
  return problems;
}

function policyOf({ orphanDependents, propagationPolicy }: RawOptions): PropagationPolicy | undefined {
  if (orphanDependents !== undefined) return orphanDependents ? 'Orphan' : 'Background';
  return POLICIES.find((policy) => policy === propagationPolicy);
}
