/**
 * The v2 document as protobuf, which is all that kubectl asks for when it does not find a kind in the v3 documents, and all that older ones know. The document is walked
 * by tables that say which number and form each member has; what has no number there is left out, members that begin with `x-` travel as YAML. Called by `openapi.ts`.
 * Source of the numbers: github.com/google/gnostic, openapiv2/OpenAPIv2.proto.
 */
import { isJsonArray, isJsonObject, type Json, type JsonObject } from '#api/meta/json.ts';
import { BYTES, createWriter, FIXED64, finish, VARINT, type Writer, writeInteger, writeTag } from '../encoding/protobuf/wire.ts';

/** What upstream answers to `application/com.github.proto-openapi.spec.v2@v1.0+protobuf`. */
export const OPENAPI_V2_PROTOBUF = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';

/** Writes a member, its tag included; nothing for a value that is not of its form. */
type Form = (writer: Writer, number: number, value: Json) => void;

interface Message {
  readonly members: Readonly<Record<string, readonly [number: number, form: Form]>>;
  /** Where the members that begin with `x-` go. */
  readonly extensions?: number;
}

/** Takes the v2 document as it is served in JSON. */
export function encodeOpenApiV2(document: JsonObject): Buffer {
  const writer = createWriter();
  writeMembers(writer, documentMessage, document);
  return finish(writer);
}

function writeMembers(writer: Writer, { members, extensions }: Message, object: JsonObject): void {
  for (const [name, value] of Object.entries(object)) {
    const member = Object.hasOwn(members, name) ? members[name] : undefined;
    if (member !== undefined) member[1](writer, member[0], value);
    else if (extensions !== undefined && name.startsWith('x-'))
      writeNamed(writer, extensions, name, (number) => yaml(writer, number, value));
  }
}

function within(writer: Writer, number: number, write: () => void): void {
  writeTag(writer, number, BYTES).fork();
  write();
  writer.ldelim();
}

/** One entry of a map: its name is field 1, its value field 2. */
function writeNamed(writer: Writer, number: number, name: string, writeValue: (number: number) => void): void {
  within(writer, number, () => {
    text(writer, 1, name);
    writeValue(2);
  });
}

const text: Form = (writer, number, value) => {
  if (typeof value === 'string') writeTag(writer, number, BYTES).string(value);
};
const flag: Form = (writer, number, value) => {
  if (typeof value === 'boolean') writeTag(writer, number, VARINT).bool(value);
};
const integer: Form = (writer, number, value) => {
  if (typeof value === 'number') writeInteger(writeTag(writer, number, VARINT), value);
};
const double: Form = (writer, number, value) => {
  if (typeof value === 'number') writeTag(writer, number, FIXED64).double(value);
};
/** Of anything: JSON is YAML. */
const yaml: Form = (writer, number, value) => within(writer, number, () => text(writer, 2, JSON.stringify(value)));

const each =
  (form: Form): Form =>
  (writer, number, values) => {
    for (const value of isJsonArray(values) ? values : [values]) form(writer, number, value);
  };

/** Given late, because schemas are made of schemas. */
const message =
  (of: () => Message): Form =>
  (writer, number, value) => {
    if (isJsonObject(value)) within(writer, number, () => writeMembers(writer, of(), value));
  };

/** Around a form: a message with that one field. */
const inside =
  (inner: number, form: Form): Form =>
  (writer, number, value) =>
    within(writer, number, () => form(writer, inner, value));

/** An object whose members are entries; `entries` is their field within the message that holds them. */
const map =
  (form: Form, entries = 1): Form =>
  (writer, number, value) => {
    if (!isJsonObject(value)) return;
    within(writer, number, () => {
      for (const [name, inner] of Object.entries(value)) writeNamed(writer, entries, name, (field) => form(writer, field, inner));
    });
  };

const schema = message(() => schemaMessage);

const additionalProperties: Form = (writer, number, value) => {
  if (typeof value === 'boolean') inside(2, flag)(writer, number, value);
  else inside(1, schema)(writer, number, value);
};

const schemaMessage: Message = {
  members: {
    $ref: [1, text],
    format: [2, text],
    title: [3, text],
    description: [4, text],
    default: [5, yaml],
    multipleOf: [6, double],
    maximum: [7, double],
    exclusiveMaximum: [8, flag],
    minimum: [9, double],
    exclusiveMinimum: [10, flag],
    maxLength: [11, integer],
    minLength: [12, integer],
    pattern: [13, text],
    maxItems: [14, integer],
    minItems: [15, integer],
    uniqueItems: [16, flag],
    maxProperties: [17, integer],
    minProperties: [18, integer],
    required: [19, each(text)],
    enum: [20, each(yaml)],
    additionalProperties: [21, additionalProperties],
    type: [22, inside(1, each(text))],
    items: [23, inside(1, each(schema))],
    allOf: [24, each(schema)],
    properties: [25, map(schema)],
    readOnly: [27, flag],
    example: [30, yaml],
  },
  extensions: 31,
};

const bodyParameter: Message = {
  members: { description: [1, text], name: [2, text], in: [3, text], required: [4, flag], schema: [5, schema] },
  extensions: 6,
};
const queryParameter: Message = {
  members: {
    required: [1, flag],
    in: [2, text],
    description: [3, text],
    name: [4, text],
    type: [6, text],
    format: [7, text],
    uniqueItems: [20, flag],
  },
  extensions: 23,
};
const pathParameter: Message = {
  members: {
    required: [1, flag],
    in: [2, text],
    description: [3, text],
    name: [4, text],
    type: [5, text],
    format: [6, text],
    uniqueItems: [19, flag],
  },
  extensions: 22,
};

const inBody = inside(
  1,
  inside(
    1,
    message(() => bodyParameter),
  ),
);
const elsewhere = (field: number, of: Message) =>
  inside(
    1,
    inside(
      2,
      inside(
        field,
        message(() => of),
      ),
    ),
  );
const inQuery = elsewhere(3, queryParameter);
const inPath = elsewhere(4, pathParameter);
const reference = inside(
  2,
  message(() => ({ members: { $ref: [1, text], description: [2, text] } })),
);

/** Where a parameter stands decides which message it is. */
const parameter: Form = (writer, number, value) => {
  if (!isJsonObject(value)) return;
  if (value.$ref !== undefined) reference(writer, number, value);
  else if (value.in === 'body') inBody(writer, number, value);
  else if (value.in === 'path') inPath(writer, number, value);
  else if (value.in === 'query') inQuery(writer, number, value);
};

const responseMessage: Message = { members: { description: [1, text], schema: [2, inside(1, schema)] }, extensions: 5 };

const operationMessage: Message = {
  members: {
    tags: [1, each(text)],
    summary: [2, text],
    description: [3, text],
    operationId: [5, text],
    produces: [6, each(text)],
    consumes: [7, each(text)],
    parameters: [8, each(parameter)],
    responses: [
      9,
      map(
        inside(
          1,
          message(() => responseMessage),
        ),
      ),
    ],
    schemes: [10, each(text)],
    deprecated: [11, flag],
  },
  extensions: 13,
};

const operation = message(() => operationMessage);
const pathMessage: Message = {
  members: {
    get: [2, operation],
    put: [3, operation],
    post: [4, operation],
    delete: [5, operation],
    options: [6, operation],
    head: [7, operation],
    patch: [8, operation],
    parameters: [9, each(parameter)],
  },
  extensions: 10,
};

const documentMessage: Message = {
  members: {
    swagger: [1, text],
    info: [2, message(() => ({ members: { title: [1, text], version: [2, text], description: [3, text] } }))],
    consumes: [6, each(text)],
    produces: [7, each(text)],
    paths: [
      8,
      map(
        message(() => pathMessage),
        2,
      ),
    ],
    definitions: [9, map(schema)],
  },
  extensions: 16,
};
