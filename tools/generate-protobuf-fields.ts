/**
 * Generates `api/generated/protobuf-fields.ts`: which number each field of a model has in a protobuf message, and what its absence means there. Run by hand, once per
 * version of Kubernetes: `node tools/generate-protobuf-fields.ts FIELDS.tsv PRESENCE.tsv`. Only numbers and names are carried over.
 *
 * FIELDS.tsv has a header and one line per field of upstream's `generated.proto` files: package, message, field, number, label, type.
 * PRESENCE.tsv tells what those files do not say and upstream's Go types do, one line per field: package, message, field, and `pointer` (on the wire only when set, so
 * that zero is a value) or `always` (JSON has it even when it is zero). All other fields are always on the wire, and zero stands for "not set".
 *
 * A model of `schemas.ts` without a message is left out: its kind has no protobuf. Stops when a type of the schemas and one of the messages do not go together.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const generated = fileURLToPath(new URL('../api/generated/', import.meta.url));

interface Field {
  readonly name: string;
  readonly number: string;
  readonly type: string;
  readonly presence: string | undefined;
}

interface Message {
  /** The package. */
  readonly path: string;
  readonly group: string;
  readonly name: string;
  readonly version: string;
  readonly fields: Field[];
}

/** Wire forms of what the schemas call `any`, and of lists that upstream wraps in a message of their own. */
const SPECIAL_TYPES = new Set([
  'RawExtension',
  'FieldsV1',
  'JSON',
  'JSONSchemaPropsOrArray',
  'JSONSchemaPropsOrBool',
  'JSONSchemaPropsOrStringArray',
  'CustomResourceSubresourceStatus',
]);
const WRAPPED_LISTS = new Set(['ExtraValue', 'Verbs']);

/** Scalar formats of the schemas and the protobuf types they may have. */
const SCALARS: Readonly<Record<string, readonly string[]>> = {
  string: ['string'],
  bytes: ['bytes'],
  boolean: ['bool'],
  int32: ['int32'],
  int64: ['int64'],
  double: ['double'],
  time: ['Time'],
  'micro-time': ['MicroTime'],
  quantity: ['Quantity'],
  'int-or-string': ['IntOrString'],
};

type Schema = ReadonlyMap<string, string>;

/** How the table marks them. */
const PRESENCE_MARKS: Readonly<Record<string, string>> = { pointer: '?', always: '!' };

const [fieldsPath, presencePath] = process.argv.slice(2);
if (fieldsPath === undefined || presencePath === undefined) throw new Error('usage: generate-protobuf-fields.ts FIELDS.tsv PRESENCE.tsv');
const presences = new Map(readRows(presencePath).map(([path, message, field, presence = '']) => [`${path}/${message}/${field}`, presence]));
const messages = readMessages(readRows(fieldsPath).slice(1));
const schemas = readSchemas();
const problems: string[] = [];
const skipped: string[] = [];
const lines = new Map<string, string>();
for (const message of messages.values()) {
  const model = modelOf(message);
  const schema = schemas.get(model);
  if (schema !== undefined && message === fullestOf(model)) render(model, message, schema);
}
if (problems.length > 0) throw new Error(problems.join('\n'));
const missing = [...schemas.keys()].filter((model) => !lines.has(model));
process.stdout.write(`${lines.size} messages; without one: ${missing.join(', ')}; fields on one side only: ${skipped.join(', ')}\n`);
writeFileSync(`${generated}protobuf-fields.ts`, renderFile());

function readRows(path: string): readonly (readonly string[])[] {
  const text = readFileSync(path, 'utf8').trim();
  return text.split('\n').map((line) => line.split('\t'));
}

function readMessages(rows: readonly (readonly string[])[]): ReadonlyMap<string, Message> {
  const found = new Map<string, Message>();
  for (const [path = '', name = '', field = '', number = '', label = '', type = ''] of rows) {
    const [group = '', version = ''] = path.split('.').slice(-2);
    if (!isStable(path, version)) continue;
    const key = `${path}/${name}`;
    const message = found.get(key) ?? { path, group, name, version, fields: [] };
    message.fields.push({ name: field, number, type: shapeOf(label, type), presence: presences.get(`${key}/${field}`) });
    found.set(key, message);
  }
  return found;
}

/** In the schemas' notation: `[]` list of, `{}` map of; types without their packages. */
function shapeOf(label: string, type: string): string {
  const item = /^map<string,(.*)>$/.exec(type)?.[1];
  const name = (item ?? type).split('.').at(-1) ?? '';
  return `${item === undefined ? (label === 'repeated' ? '[]' : '') : '{}'}${name}`;
}

function isStable(path: string, version: string): boolean {
  return /^v[12]$/.test(version) && !/\.(admission|apidiscovery|testapigroup)\./.test(path);
}

/** The schemas as text, because a tool imports nothing of the product. */
function readSchemas(): ReadonlyMap<string, Schema> {
  const text = readFileSync(`${generated}schemas.ts`, 'utf8');
  const blocks = [...text.matchAll(/^ {2}(\w+): \{(?:\}|\n([\s\S]*?)\n {2}\})/gm)];
  return new Map(
    blocks.map(([, model = '', body = '']) => {
      const fields = [...body.matchAll(/'?([\w$-]+)'?: '([^']+)'/g)];
      return [model, new Map(fields.map(([, name = '', type = '']) => [name, type.replace(/!$/, '')]))];
    }),
  );
}

/** What `generate-api.ts` calls it: the bare name, or with the group's where two groups have a model of that name. */
function modelOf({ group, name, version }: Message): string {
  if (version === 'v2') return `V2${name}`;
  const grouped = `${group[0]?.toUpperCase()}${group.slice(1)}${name}`;
  return group !== 'core' && schemas.has(grouped) ? grouped : name;
}

function render(model: string, message: Message, schema: Schema): void {
  const found = new Set<string>();
  const parts = message.fields.flatMap((field) => renderField(field, { model, message, schema, found }));
  // The kind and version of an object travel outside its message.
  const lost = [...schema.keys()].filter((name) => !found.has(name) && name !== 'apiVersion' && name !== 'kind');
  skipped.push(...lost.map((name) => `${model}.${name}`));
  lines.set(model, parts.join(' '));
}

/** An older package may have a message of the same name with fewer fields. */
function fullestOf(model: string): Message | undefined {
  const candidates = [...messages.values()].filter((message) => modelOf(message) === model);
  return candidates.sort((left, right) => right.fields.length - left.fields.length)[0];
}

interface Place {
  readonly model: string;
  readonly message: Message;
  readonly schema: Schema;
  /** Fields of the schema that a message accounts for. */
  readonly found: Set<string>;
}

function renderField(field: Field, { model, message, schema, found }: Place): readonly string[] {
  const number = `=${field.number}${PRESENCE_MARKS[field.presence ?? ''] ?? ''}`;
  const name = jsonName(field.name, schema);
  const type = schema.get(name);
  if (type !== undefined) {
    found.add(name);
    return [`${name}${number}${suffixOf(`${model}.${name}`, field.type, type)}`];
  }
  const inner = messages.get(`${message.path}/${field.type}`);
  if (inner === undefined || !isInlined(inner, message, schema)) return skip(`${model}.${field.name}`);
  const parts = inner.fields.flatMap((one) => renderField(one, { model, message: inner, schema, found }));
  if (!schemas.has(inner.name)) lines.set(inner.name, parts.join(' '));
  return [`...${field.type}${number}`];
}

/** A message whose fields stand among the outer one's in JSON; the schema has fields then that the outer message lacks. */
function isInlined(inner: Message, outer: Message, schema: Schema): boolean {
  return inner.fields.some((one) => schema.has(one.name) && !outer.fields.some((own) => own.name === one.name));
}

/** A field that the schemas do not know: of another version, or one that is off. */
function skip(where: string): readonly string[] {
  skipped.push(where);
  return [];
}

/** `:RawExtension` and the like: what the schema's type does not tell. */
function suffixOf(where: string, type: string, schemaType: string): string {
  const inner = type.replace(/^(\[\]|\{\})/, '');
  if (WRAPPED_LISTS.has(inner)) return `:${inner}`;
  const wanted = schemaType.replace(/^(\[\]|\{\})/, '');
  const hasSameShape = type.slice(0, type.length - inner.length) === schemaType.slice(0, schemaType.length - wanted.length);
  if (SPECIAL_TYPES.has(inner)) return hasSameShape && wanted === 'any' ? `:${inner}` : mismatch(where, type, schemaType);
  const isScalar = SCALARS[wanted]?.includes(inner) ?? false;
  return hasSameShape && (isScalar || wanted.endsWith(inner)) ? '' : mismatch(where, type, schemaType);
}

function mismatch(where: string, type: string, schemaType: string): string {
  problems.push(`${where}: ${type} in the message, ${schemaType} in the schema`);
  return '';
}

/** Some names are spelled otherwise in JSON: `$ref`, `x-kubernetes-list-type`, `apiGroup` for `aPIGroup`. */
function jsonName(name: string, schema: Schema): string {
  if (schema.has(name)) return name;
  return [...schema.keys()].find((known) => known.replace(/[$-]/g, '').toLowerCase() === name.toLowerCase()) ?? name;
}

function renderFile(): string {
  const header = '// Generated by tools/generate-protobuf-fields.ts from the field numbers of Kubernetes 1.36. Do not edit.\n\n';
  const note = [
    '/**',
    ' * Numbers of the fields of every model in protobuf. `?` marks a field that is written only when it is set; all others always are. `!` marks one that JSON',
    ' * has even when it is zero. `...` is a message whose fields stand among those of the model in JSON. After a colon: how a list, or what the schemas call',
    ' * `any`, is wrapped. Kinds and versions travel outside.',
    ' */',
  ].join('\n');
  const rows = [...lines].sort(([left], [right]) => (left < right ? -1 : 1)).map(([model, text]) => `  ${model}:\n    '${text}',`);
  return `${header}${note}\nexport const protobufFields: Readonly<Record<string, string>> = {\n${rows.join('\n')}\n};\n`;
}
