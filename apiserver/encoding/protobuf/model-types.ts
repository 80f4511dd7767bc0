/** The message of every model, made on first use from `api/generated/protobuf-fields.ts` (numbers, presence) and `schemas.ts` (types). */
import { protobufFields } from '#api/generated/protobuf-fields.ts';
import { schemas } from '#api/generated/schemas.ts';
import { jsonSchemaTypes } from './json-schema-types.ts';
import { createMessageType, type MessageType } from './message-type.ts';
import { scalarTypes, type ValueType } from './value-type.ts';
import { wellKnownTypes } from './well-known.ts';

const messageTypes = new Map<string, MessageType>();
const valueTypes = new Map([...scalarTypes, ...wellKnownTypes, ...jsonSchemaTypes(getType)]);

/** Undefined when the model has no message, and its kind therefore no protobuf. */
export function findMessageType(model: string): MessageType | undefined {
  const known = messageTypes.get(model);
  if (known !== undefined) return known;
  const schema = Object.hasOwn(schemas, model) ? schemas[model] : undefined;
  const numbers = numbersOf(model);
  if (schema === undefined || numbers === '') return undefined;
  const type = createMessageType({ numbers, schema, getType, numbersOf });
  messageTypes.set(model, type);
  return type;
}

/** A message whose fields are models: lists, and kinds that are part of every other. */
export function createModelMessage(numbers: string, schema: Readonly<Record<string, string>>): MessageType {
  return createMessageType({ numbers, schema, getType });
}

function numbersOf(model: string): string {
  return Object.hasOwn(protobufFields, model) ? (protobufFields[model] ?? '') : '';
}

function getType(name: string): ValueType {
  const type = valueTypes.get(name) ?? findMessageType(name);
  if (type === undefined) throw new Error(`no protobuf type is called ${name}`);
  return type;
}
