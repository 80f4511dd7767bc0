/** The v2 document as the protobuf that kubectl reads: looked at field by field, without our own tables. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import protobuf from 'protobufjs';
import { encodeOpenApiV2 } from './encode-v2.ts';

/** The little of gnostic's messages that the cases below touch. */
const { root } = protobuf.parse(`
syntax = "proto3";
message Any { string yaml = 2; }
message NamedAny { string name = 1; Any value = 2; }
message TypeItem { repeated string value = 1; }
message ItemsItem { repeated Schema schema = 1; }
message Additional { oneof oneof { Schema schema = 1; bool boolean = 2; } }
message NamedSchema { string name = 1; Schema value = 2; }
message Schemas { repeated NamedSchema entries = 1; }
message Schema {
  string _ref = 1; string format = 2; string description = 4; Any default = 5; double maximum = 7; int64 max_length = 11;
  repeated string required = 19; repeated Any enum = 20; Additional additional_properties = 21; TypeItem type = 22; ItemsItem items = 23;
  Schemas properties = 25; repeated NamedAny vendor_extension = 31;
}
message Query { bool required = 1; string in = 2; string name = 4; string type = 6; bool unique_items = 20; }
message Path { bool required = 1; string in = 2; string name = 4; string type = 5; bool unique_items = 19; }
message NonBody { oneof oneof { Query query = 3; Path path = 4; } }
message Body { string name = 2; string in = 3; bool required = 4; Schema schema = 5; }
message Parameter { oneof oneof { Body body = 1; NonBody non_body = 2; } }
message ParametersItem { oneof oneof { Parameter parameter = 1; } }
message SchemaItem { oneof oneof { Schema schema = 1; } }
message Response { string description = 1; SchemaItem schema = 2; }
message ResponseValue { oneof oneof { Response response = 1; } }
message NamedResponse { string name = 1; ResponseValue value = 2; }
message Responses { repeated NamedResponse codes = 1; }
message Operation { string operation_id = 5; repeated string produces = 6; repeated string consumes = 7; repeated ParametersItem parameters = 8; Responses responses = 9; repeated NamedAny vendor_extension = 13; }
message PathItem { Operation get = 2; Operation patch = 8; repeated ParametersItem parameters = 9; }
message NamedPath { string name = 1; PathItem value = 2; }
message Paths { repeated NamedPath path = 2; }
message Info { string title = 1; string version = 2; }
message Document { string swagger = 1; Info info = 2; Paths paths = 8; Schemas definitions = 9; }
`);

function decode(document: Parameters<typeof encodeOpenApiV2>[0]): object {
  const type = root.lookupType('Document');
  return type.toObject(type.decode(encodeOpenApiV2(document)), { longs: Number });
}

test('a schema keeps its types, lists, maps and bounds, and its extensions as YAML', () => {
  const properties = {
    list: { type: 'array', items: { $ref: '#/definitions/Other' }, 'x-kubernetes-patch-merge-key': 'name' },
    map: { type: 'object', additionalProperties: { type: 'string' } },
    open: { type: 'object', additionalProperties: true },
    text: { type: 'string', format: 'byte', enum: ['a', 1], default: { b: [] }, maxLength: 3, maximum: 1.5 },
  };
  assert.deepEqual(decode({ definitions: { Thing: { description: 'A thing.', required: ['list'], properties } } }), {
    definitions: {
      entries: [
        {
          name: 'Thing',
          value: {
            description: 'A thing.',
            required: ['list'],
            properties: {
              entries: [
                {
                  name: 'list',
                  value: {
                    type: { value: ['array'] },
                    items: { schema: [{ _ref: '#/definitions/Other' }] },
                    vendorExtension: [{ name: 'x-kubernetes-patch-merge-key', value: { yaml: '"name"' } }],
                  },
                },
                { name: 'map', value: { type: { value: ['object'] }, additionalProperties: { schema: { type: { value: ['string'] } } } } },
                { name: 'open', value: { type: { value: ['object'] }, additionalProperties: { boolean: true } } },
                {
                  name: 'text',
                  value: {
                    type: { value: ['string'] },
                    format: 'byte',
                    enum: [{ yaml: '"a"' }, { yaml: '1' }],
                    default: { yaml: '{"b":[]}' },
                    maxLength: 3,
                    maximum: 1.5,
                  },
                },
              ],
            },
          },
        },
      ],
    },
  });
});

test('an operation keeps its parameters by where they stand, its answers, and what it acts on', () => {
  const get = {
    operationId: 'read',
    consumes: ['application/json'],
    produces: ['application/yaml'],
    parameters: [
      { name: 'dryRun', in: 'query', type: 'string', uniqueItems: true },
      { name: 'body', in: 'body', required: true, schema: { type: 'object' } },
    ],
    responses: { 200: { description: 'OK', schema: { $ref: '#/definitions/Thing' } } },
    'x-kubernetes-action': 'get',
  };
  const document = {
    swagger: '2.0',
    info: { title: 'Kubernetes', version: 'v1' },
    paths: { '/things/{name}': { get, parameters: [{ name: 'name', in: 'path', required: true, type: 'string' }] } },
  };
  const query = { in: 'query', name: 'dryRun', type: 'string', uniqueItems: true };
  const body = { name: 'body', in: 'body', required: true, schema: { type: { value: ['object'] } } };
  assert.deepEqual(decode(document), {
    swagger: '2.0',
    info: { title: 'Kubernetes', version: 'v1' },
    paths: {
      path: [
        {
          name: '/things/{name}',
          value: {
            get: {
              operationId: 'read',
              consumes: ['application/json'],
              produces: ['application/yaml'],
              parameters: [{ parameter: { nonBody: { query } } }, { parameter: { body } }],
              responses: {
                codes: [{ name: '200', value: { response: { description: 'OK', schema: { schema: { _ref: '#/definitions/Thing' } } } } }],
              },
              vendorExtension: [{ name: 'x-kubernetes-action', value: { yaml: '"get"' } }],
            },
            parameters: [{ parameter: { nonBody: { path: { in: 'path', name: 'name', required: true, type: 'string' } } } }],
          },
        },
      ],
    },
  });
});
