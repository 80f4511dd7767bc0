/**
 * From the bytes of a body to a plain value, JSON, YAML or protobuf, with the keys that occur twice. What the kinds are is `decode-body.ts`'s affair.
 * Must never throw anything but an ApiError, whatever the bytes are.
 */
import { type Document, isScalar, parseDocument, type Scalar, visit } from 'yaml';
import { ApiError } from '#api/meta/status.ts';
import { DUPLICATES_REPORTED_MAX, type DuplicateKey, findDuplicateKeys, lineOf } from './find-duplicate-keys.ts';
import { type MediaType, PROTOBUF } from './negotiate.ts';
import { type Envelope, readEnvelope, readProtobufMembers } from './protobuf/protobuf-object.ts';
import { ProtobufError } from './protobuf/wire.ts';

export interface ParsedBody {
  readonly value: unknown;
  /** Keys that occur more than once. */
  readonly duplicates: readonly DuplicateKey[];
}

/** Parsers and decoders recurse; no object of the API comes near this. */
const NESTING_DEPTH_MAX = 200;
const TOO_DEEP = `exceeded max depth of ${NESTING_DEPTH_MAX}`;

/** Anchors can make a short text huge; each may be repeated this often in total, which no manifest written by hand reaches. */
const YAML_ALIASES_MAX = 1_000;

/** How much of a body an error message shows. */
const SUMMARY_BYTES_MAX = 30;

/** `expectedKind` is for the message; `model` says what a protobuf message is made of. Throws BadRequest for bytes that cannot be parsed. */
export function parseBody(body: Buffer, mediaType: MediaType, expectedKind: string, model: string = expectedKind): ParsedBody {
  if (mediaType === PROTOBUF) return parseProtobuf(body, expectedKind, model);
  try {
    const parsed = mediaType === 'application/json' ? parseJson(body) : parseYaml(body);
    if (isTooDeep(parsed.value)) throw new Error(TOO_DEEP);
    return parsed;
  } catch (error) {
    const format = mediaType === 'application/json' ? 'json parse error' : 'yaml parse error';
    throw unrecognized(`couldn't get version/kind; ${format}: ${messageOf(error)}`, body, expectedKind);
  }
}

/** An envelope that says another kind is opened, but not read: whoever knows what was asked for refuses it. */
function parseProtobuf(body: Buffer, expectedKind: string, model: string): ParsedBody {
  const { apiVersion, kind, raw } = openEnvelope(body, expectedKind);
  if (kind !== '' && kind !== expectedKind) return { value: { apiVersion, kind }, duplicates: [] };
  try {
    const members = readProtobufMembers(model, raw);
    if (isTooDeep(members)) throw new ProtobufError(TOO_DEEP);
    // A client may leave kind and version to the path.
    const type = kind === '' ? {} : { apiVersion, kind };
    return { value: { ...members, ...type }, duplicates: [] };
  } catch (error) {
    if (!(error instanceof ProtobufError)) throw error;
    const version = JSON.stringify(apiVersion.split('/').at(-1));
    throw new ApiError('BadRequest', `${expectedKind} in version ${version} cannot be handled as a ${expectedKind}: ${error.message}`);
  }
}

function openEnvelope(body: Buffer, expectedKind: string): Envelope {
  try {
    return readEnvelope(body);
  } catch (error) {
    if (!(error instanceof ProtobufError)) throw error;
    throw unrecognized(error.message, body, expectedKind);
  }
}

function unrecognized(why: string, body: Buffer, expectedKind: string): ApiError {
  return new ApiError('BadRequest', `the object provided is unrecognized (must be of type ${expectedKind}): ${why} (${summaryOf(body)})`);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function parseJson(body: Buffer): ParsedBody {
  const text = body.toString('utf8');
  const value: unknown = JSON.parse(text);
  return { value, duplicates: findDuplicateKeys(text) };
}

function parseYaml(body: Buffer): ParsedBody {
  const text = body.toString('utf8');
  const document = parseDocument(text, { uniqueKeys: false, prettyErrors: false });
  const [error] = document.errors;
  if (error) throw error;
  const value: unknown = document.toJS({ maxAliasCount: YAML_ALIASES_MAX });
  return { value: value ?? {}, duplicates: findRepeatedKeys(document, text) };
}

/** The library's own search compares each key of a map with all before it, which a large map would stall the server with. */
function findRepeatedKeys(document: Document, text: string): readonly DuplicateKey[] {
  const duplicates: DuplicateKey[] = [];
  const lookAt = (keys: readonly Scalar[]): void => {
    const seen = new Set<string>();
    for (const { value, range } of keys) {
      const key = String(value);
      if (seen.has(key) && duplicates.length < DUPLICATES_REPORTED_MAX)
        duplicates.push({ path: undefined, key, line: lineOf(text, range?.[0] ?? 0) });
      seen.add(key);
    }
  };
  visit(document, { Map: (_key, map) => lookAt(map.items.map(({ key }) => key).filter((key) => isScalar(key))) });
  return duplicates;
}

function isTooDeep(value: unknown): boolean {
  let level: readonly unknown[] = [value];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > NESTING_DEPTH_MAX) return true;
    level = level.flatMap((item) => (typeof item === 'object' && item !== null ? Object.values(item) : []));
  }
  return false;
}

/** Such keys line by line, in the words of upstream's parser of YAML. */
export function yamlDuplicates(duplicates: readonly DuplicateKey[]): string {
  const lines = duplicates.map(({ key, line }) => `  line ${line}: key ${JSON.stringify(key)} already set in map`);
  return `yaml: unmarshal errors:\n${lines.join('\n')}`;
}

/** As upstream: text that looks like JSON is shown, anything else in hexadecimal. */
function summaryOf(body: Buffer): string {
  if (body.length === 0) return '<empty>';
  const head = body.subarray(0, SUMMARY_BYTES_MAX);
  const shown = body[0] === 0x7b ? head.toString('utf8') : head.toString('hex');
  return body.length > SUMMARY_BYTES_MAX ? `${shown} ...` : shown;
}
