/**
 * Places in a JSON schema that hold a schema or something else: a list of schemas (`items`), yes or no (`additionalProperties`), names (`dependencies`). In protobuf
 * each is a message with both. Source: k8s.io/apiextensions-apiserver, pkg/apis/apiextensions/v1/marshal.go.
 */
import { isJsonArray, isJsonObject, type Json } from '#api/meta/json.ts';
import { bytesOf, type ValueType } from './value-type.ts';
import { createWellKnownType, type Read, type Write } from './well-known.ts';
import { BYTES, VARINT, type WireField, writeTag } from './wire.ts';

/** By their names in `protobuf-fields.ts`. `schemaType` finds the type of a schema, which has these in it. */
export function jsonSchemaTypes(schemaType: () => ValueType): ReadonlyMap<string, ValueType> {
  const readSchema = ({ value }: WireField, depth: number) => schemaType().read(bytesOf(value), depth + 1);
  const writeSchema = (number: number): Write => {
    return (writer, value) => schemaType().write(writeTag(writer, number, BYTES), value);
  };
  const readSchemaAt = (fields: readonly WireField[], number: number, depth: number): Json | undefined => {
    const field = fields.findLast((one) => one.number === number);
    return field === undefined ? undefined : readSchema(field, depth);
  };

  const readOrArray: Read = (fields, depth) => {
    const items = fields.filter(({ number }) => number === 2).flatMap((field) => readSchema(field, depth) ?? []);
    return items.length > 0 ? items : readSchemaAt(fields, 1, depth);
  };
  const writeOrArray: Write = (writer, value) => {
    if (isJsonObject(value)) writeSchema(1)(writer, value);
    for (const item of isJsonArray(value) ? value : []) writeSchema(2)(writer, item);
  };

  const readOrBool: Read = (fields, depth) => {
    const allows = fields.findLast(({ number }) => number === 1)?.value ?? 0;
    return readSchemaAt(fields, 2, depth) ?? allows !== 0;
  };
  const writeOrBool: Write = (writer, value) => {
    writeTag(writer, 1, VARINT).bool(value === true || isJsonObject(value));
    if (isJsonObject(value)) writeSchema(2)(writer, value);
  };

  const readOrStrings: Read = (fields, depth) => {
    const names = fields.filter(({ number }) => number === 2).map(({ value }) => bytesOf(value).toString('utf8'));
    return names.length > 0 ? names : readSchemaAt(fields, 1, depth);
  };
  const writeOrStrings: Write = (writer, value) => {
    if (isJsonObject(value)) writeSchema(1)(writer, value);
    for (const name of isJsonArray(value) ? value : []) writeTag(writer, 2, BYTES).string(String(name));
  };

  return new Map([
    ['JSONSchemaPropsOrArray', createWellKnownType(readOrArray, writeOrArray)],
    ['JSONSchemaPropsOrBool', createWellKnownType(readOrBool, writeOrBool)],
    ['JSONSchemaPropsOrStringArray', createWellKnownType(readOrStrings, writeOrStrings)],
  ]);
}
