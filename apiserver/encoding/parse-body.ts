/**
 * From the bytes of a body to a plain value, JSON, YAML or protobuf, with the keys that occur twice. What the kinds are is `decode-body.ts`'s affair.
 * Must never throw anything but an ApiError, whatever the bytes are.
 */
import { ApiError } from '#api/meta/status.ts';
import { excessOfJson, excessOfValue } from './body-limits.ts';
import { type DuplicateKey, findDuplicateKeys } from './find-duplicate-keys.ts';
import { type MediaType, PROTOBUF } from './negotiate.ts';
import { readYaml } from './parse-yaml.ts';
import { type Envelope, readEnvelope, readProtobufMembers } from './protobuf/protobuf-object.ts';
import { ProtobufError } from './protobuf/wire.ts';

export interface ParsedBody {
  readonly value: unknown;
  /** Keys that occur more than once. */
  readonly duplicates: readonly DuplicateKey[];
}

/** How much of a body an error message shows. */
const SUMMARY_BYTES_MAX = 30;

/** `expectedKind` is for the message; `model` says what a protobuf message is made of. Throws BadRequest for bytes that cannot be parsed. */
export function parseBody(body: Buffer, mediaType: MediaType, expectedKind: string, model: string = expectedKind): ParsedBody {
  if (mediaType === PROTOBUF) return parseProtobuf(body, expectedKind, model);
  try {
    return mediaType === 'application/json' ? parseJson(body) : parseYaml(body);
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
    const excess = excessOfValue(members);
    if (excess !== undefined) throw new ProtobufError(excess);
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
  const excess = excessOfJson(body);
  if (excess !== undefined) throw new Error(excess);
  const text = body.toString('utf8');
  const value: unknown = JSON.parse(text);
  return { value, duplicates: findDuplicateKeys(text) };
}

function parseYaml(body: Buffer): ParsedBody {
  return readYaml(body.toString('utf8'));
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
