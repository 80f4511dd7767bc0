/**
 * The question that a conversion webhook is asked and what is made of its answer. A webhook may change everything but what makes an object that object: of metadata,
 * labels and annotations. Pure. Source: k8s.io/apiextensions-apiserver, pkg/apiserver/conversion/webhook_converter.go.
 */
import { isJsonArray, isJsonObject, type Json, type JsonObject, jsonEquals, memberOf } from '#api/meta/json.ts';
import type { FieldProblem } from '#api/meta/status.ts';
import { validateAnnotations, validateLabels } from '#api/meta/validation.ts';
import { REVIEW_VERSIONS } from '#api/meta/webhook-client-config.ts';

const GROUP = 'apiextensions.k8s.io';

export type ConversionReviewVersion = (typeof REVIEW_VERSIONS)[number];

export interface Conversion {
  readonly version: ConversionReviewVersion;
  readonly uid: string;
  readonly desiredApiVersion: string;
}

/** An answer that is none. The message says what is wrong with it behind "conversion webhook for …". */
export class ConversionError extends Error {}

/** The version that the webhook likes best of those there are; undefined for none. */
export function conversionReviewVersionOf(accepted: readonly string[]): ConversionReviewVersion | undefined {
  return accepted.flatMap((version) => REVIEW_VERSIONS.find((known) => known === version) ?? [])[0];
}

/** Takes objects as JSON text, which is sent as it is. */
export function conversionReview({ version, uid, desiredApiVersion }: Conversion, objects: readonly Buffer[]): Buffer {
  const head = { kind: 'ConversionReview', apiVersion: `${GROUP}/${version}` };
  const request = { uid, desiredAPIVersion: desiredApiVersion };
  const start = `${JSON.stringify(head).slice(0, -1)},"request":${JSON.stringify(request).slice(0, -1)},"objects":[`;
  const separated = objects.flatMap((object, index) => (index === 0 ? [object] : [COMMA, object]));
  return Buffer.concat([Buffer.from(start), ...separated, END]);
}

const COMMA = Buffer.from(',');
const END = Buffer.from(']}}');

/** The converted objects in the order of the originals. Throws ConversionError. */
export function readConverted(answer: unknown, conversion: Conversion, originals: readonly JsonObject[]): readonly JsonObject[] {
  const converted = objectsIn(answer, conversion);
  if (converted.length !== originals.length) {
    throw new ConversionError(`returned ${converted.length} objects, expected ${originals.length}`);
  }
  return originals.map((original, index) => {
    const object = converted[index] ?? null;
    const what = originals.length === 1 ? 'invalid object' : `invalid converted object at index ${index}`;
    const where = originals.length === 1 ? 'invalid metadata' : `invalid metadata in object at index ${index}`;
    if (!isJsonObject(object)) throw new ConversionError(`returned ${what}: it is not a JSON object`);
    throwIfOther(original, object, conversion.desiredApiVersion, what);
    const { apiVersion = '', kind = '', metadata: _replaced, ...rest } = object;
    return { apiVersion, kind, metadata: restoredMetadata(original, object, where), ...rest };
  });
}

function objectsIn(answer: unknown, { version, uid }: Conversion): readonly Json[] {
  const review = isJsonObject(answer) ? answer : {};
  const response = memberOf(review, 'response') ?? null;
  if (version === 'v1') throwIfToOther(review);
  if (!isJsonObject(response)) throw new ConversionError('failed: no response provided');
  // Before v1 nobody checked what an answer was to.
  const answered = textOf(response.uid);
  if (version === 'v1' && answered !== uid) {
    throw new ConversionError(`failed: expected response.uid=${JSON.stringify(uid)}, got ${JSON.stringify(answered)}`);
  }
  const result = isJsonObject(response.result) ? response.result : {};
  const [status, message] = [textOf(result.status), textOf(result.message)];
  if (status !== 'Success') {
    throw new ConversionError(`failed: ${message === '' ? `response.result.status was '${status}', not 'Success'` : message}`);
  }
  const objects = memberOf(response, 'convertedObjects') ?? [];
  if (!isJsonArray(objects)) throw new ConversionError('failed: response.convertedObjects is not a list');
  return objects;
}

function throwIfToOther(review: JsonObject): void {
  const [apiVersion, kind] = [textOf(review.apiVersion), textOf(review.kind)];
  if (apiVersion === `${GROUP}/v1` && kind === 'ConversionReview') return;
  const got = apiVersion.includes('/') ? apiVersion : `/${apiVersion}`;
  throw new ConversionError(`failed: expected webhook response of ${GROUP}/v1, Kind=ConversionReview, got ${got}, Kind=${kind}`);
}

function throwIfOther(original: JsonObject, converted: JsonObject, desiredApiVersion: string, what: string): void {
  const place = what === 'invalid object' ? 'invalid object at index 0' : what;
  const [version, kind] = [textOf(converted.apiVersion), textOf(converted.kind)];
  if (version !== desiredApiVersion) {
    throw new ConversionError(`returned ${place}: invalid groupVersion (expected ${desiredApiVersion}, received ${version})`);
  }
  if (kind !== original.kind) {
    throw new ConversionError(`returned ${place}: invalid kind (expected ${textOf(original.kind)}, received ${kind})`);
  }
  const [before, after] = [metadataOf(original), metadataOf(converted)];
  for (const [field, label] of SAME) {
    if (textOf(before[field]) === textOf(after[field])) continue;
    throw new ConversionError(`returned ${what}: must have the same ${label}: ${textOf(before[field])} != ${textOf(after[field])}`);
  }
}

const SAME = [
  ['name', 'name'],
  ['namespace', 'namespace'],
  ['uid', 'UID'],
] as const;

/** The original's, with the labels and annotations of the converted object. */
function restoredMetadata(original: JsonObject, converted: JsonObject, where: string): JsonObject {
  if (!Object.hasOwn(converted, 'metadata')) throw new ConversionError(`returned ${where}: missing metadata in converted object`);
  const { labels: _labels, annotations: _annotations, ...kept } = metadataOf(original);
  const labels = textsIn(original, converted, 'labels', where);
  const annotations = textsIn(original, converted, 'annotations', where);
  return { ...kept, ...(labels === undefined ? {} : { labels }), ...(annotations === undefined ? {} : { annotations }) };
}

const rules = { labels: validateLabels, annotations: validateAnnotations } as const;

function textsIn(original: JsonObject, converted: JsonObject, name: keyof typeof rules, where: string): JsonObject | undefined {
  const value = memberOf(metadataOf(converted), name) ?? undefined;
  if (value === undefined) return undefined;
  if (!isJsonObject(value)) throw new ConversionError(`returned ${where}: invalid metadata.${name} in converted object`);
  const texts: Record<string, string> = {};
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== 'string')
      throw new ConversionError(`returned ${where}: metadata.${name}[${key}] must be a string in converted object`);
    texts[key] = text;
  }
  const isSame = jsonEquals(texts, memberOf(metadataOf(original), name));
  const problems = isSame ? [] : rules[name](texts, `metadata.${name}`);
  if (problems.length > 0) throw new ConversionError(`returned ${where}: ${shown(problems)}`);
  return texts;
}

function shown(problems: readonly FieldProblem[]): string {
  const texts = problems.map(({ field, message }) => `${field}: ${message}`);
  return texts.length === 1 ? (texts[0] ?? '') : `[${texts.join(', ')}]`;
}

function metadataOf({ metadata }: JsonObject): JsonObject {
  return isJsonObject(metadata) ? metadata : {};
}

function textOf(value: Json | undefined): string {
  return typeof value === 'string' ? value : '';
}
