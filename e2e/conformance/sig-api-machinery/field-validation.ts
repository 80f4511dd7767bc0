/** What the server says of unknown and duplicate fields under `fieldValidation=Strict`, in built-in and in custom objects. */
import assert from 'node:assert/strict';
import type { Json } from '../../cluster.ts';
import type { ConformanceTest, TestScope } from '../framework/conformance-test.ts';
import { aDefinition, type Defined, define } from '../framework/definition.ts';
import { WORKLOAD_IMAGE } from '../framework/image.ts';

const STRICT = 'fieldManager=field_validation_mgr&fieldValidation=Strict';

const SPEC_PROPERTIES: Json = {
  foo: { type: 'string' },
  cronSpec: { type: 'string', pattern: '^(\\d+|\\*)(/\\d+)?(\\s+(\\d+|\\*)(/\\d+)?){4}$' },
  ports: {
    type: 'array',
    'x-kubernetes-list-map-keys': ['containerPort', 'protocol'],
    'x-kubernetes-list-type': 'map',
    items: {
      type: 'object',
      required: ['containerPort', 'protocol'],
      properties: {
        containerPort: { type: 'integer', format: 'int32' },
        hostIP: { type: 'string' },
        hostPort: { type: 'integer', format: 'int32' },
        name: { type: 'string' },
        protocol: { type: 'string' },
      },
    },
  },
};

const withSpec = (spec: Json): Json => ({ type: 'object', properties: { spec: { type: 'object', ...spec } } });
const SCHEMA = withSpec({ properties: SPEC_PROPERTIES });
const PRESERVING_SCHEMA = withSpec({ properties: SPEC_PROPERTIES, 'x-kubernetes-preserve-unknown-fields': true });
const EMBEDDING_SCHEMA = withSpec({
  'x-kubernetes-preserve-unknown-fields': true,
  properties: {
    ...SPEC_PROPERTIES,
    template: {
      type: 'object',
      'x-kubernetes-embedded-resource': true,
      properties: { metadata: { type: 'object', properties: { name: { type: 'string' } } }, spec: { type: 'object' } },
    },
  },
});

/** JSON as text, because what is tested cannot be written as an object. */
const aDeployment = (metadata: string, spec: string): string => `{
  "apiVersion": "apps/v1", "kind": "Deployment",
  "metadata": { ${metadata} "name": "my-dep", "labels": { "app": "web" } },
  "spec": { ${spec}
    "selector": { "matchLabels": { "app": "web" } },
    "template": { "metadata": { "labels": { "app": "web" } }, "spec": { "containers": [{ "name": "web", "image": "${WORKLOAD_IMAGE}" }] } }
  }
}`;

async function createStrictly(t: TestScope, body: string): Promise<string> {
  const { statusCode, text } = await t.cluster.send({ method: 'POST', path: `${t.resource('apps/v1/deployments').path}?${STRICT}`, body });
  assert.equal(statusCode, 400, text);
  return JSON.parse(text).message;
}

async function refusesUnknownAndDuplicate(t: TestScope): Promise<void> {
  const message = await createStrictly(t, aDeployment('', '"unknownField": "foo", "replicas": 2, "replicas": 3,'));
  assert.ok(message.includes('strict decoding error: unknown field "spec.unknownField", duplicate field "spec.replicas"'), message);
}

async function refusesUnknownMetadata(t: TestScope): Promise<void> {
  const message = await createStrictly(t, aDeployment('"unknownMeta": "foo",', ''));
  assert.ok(message.includes('strict decoding error: unknown field "metadata.unknownMeta"'), message);
}

/** Defined without a schema that says anything when none is given. */
async function defineNoxu(t: TestScope, schema?: Json): Promise<Defined> {
  const version = schema === undefined ? {} : { schema: { openAPIV3Schema: schema } };
  const versions = [
    { name: 'v1beta1', ...version },
    { name: 'v1', ...version, storage: false },
  ];
  const defined = await define(t, aDefinition(t, { group: 'noxu', kind: 'WishIHadChosenNoxu', scope: 'Cluster', versions }));
  // The object has a finalizer, as upstream's: without this its definition would wait for ever.
  t.cleanUp(() => defined.objects().patch('mytest', { metadata: { finalizers: null } }));
  return defined;
}

interface Answer {
  readonly statusCode: number;
  readonly text: string;
}

const SPEC_LINES = `
  cronSpec: "* * * * */5"
  ports:
  - name: x
    containerPort: 80
    protocol: TCP`;

/** An apply of the object that `rest` completes after its metadata; `metadata` is another line of that. */
function applyStrictly(t: TestScope, defined: Defined, parts: { readonly metadata?: string; readonly rest: string }): Promise<Answer> {
  const body = `
apiVersion: ${defined.apiVersion()}
kind: ${defined.kind}
metadata:
  name: mytest${parts.metadata ?? ''}
  finalizers:
  - test-finalizer${parts.rest}${SPEC_LINES}`;
  const path = `${defined.objects().path}/mytest?${STRICT}`;
  return t.cluster.send({ method: 'PATCH', path, body, contentType: 'application/apply-patch+yaml' });
}

async function appliesValid(t: TestScope): Promise<void> {
  const answer = await applyStrictly(t, await defineNoxu(t, SCHEMA), { rest: '\nspec:\n  foo: foo1' });
  assert.equal(answer.statusCode, 201, answer.text);
}

async function appliesUnknownWithoutSchema(t: TestScope): Promise<void> {
  const answer = await applyStrictly(t, await defineNoxu(t), { rest: '\nspec:\n  unknown: uk1' });
  assert.equal(answer.statusCode, 201, answer.text);
}

async function refusesExtraProperties(t: TestScope): Promise<void> {
  const { text } = await applyStrictly(t, await defineNoxu(t, SCHEMA), { rest: '\nunknownField: unknown\nspec:\n  foo: foo1' });
  assert.ok(text.includes('.unknownField: field not declared in schema'), text);
}

async function refusesUnknownMetadataOfCustom(t: TestScope): Promise<void> {
  const rest = `
spec:
  template:
    apiversion: foo/v1
    kind: Sub
    metadata:
        unknownSubMeta: unknown
        name: subobject
        namespace: ${t.namespace}
  foo: foo1`;
  const { text } = await applyStrictly(t, await defineNoxu(t, EMBEDDING_SCHEMA), { metadata: '\n  unknownMeta: unknown', rest });
  assert.match(text, /\.(?:spec\.template\.metadata\.unknownSubMeta|metadata\.unknownMeta): field not declared in schema/);
}

async function refusesDuplicatesOfCustom(t: TestScope): Promise<void> {
  const rest = '\nspec:\n  unknown: uk1\n  foo: foo1\n  foo: foo2';
  const { text } = await applyStrictly(t, await defineNoxu(t, PRESERVING_SCHEMA), { rest });
  assert.ok(text.includes('line 11: key \\"foo\\" already set in map'), text);
}

export const fieldValidationTests: readonly ConformanceTest[] = [
  {
    name: '[sig-api-machinery] FieldValidation should detect unknown and duplicate fields of a typed object [Conformance]',
    run: refusesUnknownAndDuplicate,
  },
  {
    name: '[sig-api-machinery] FieldValidation should detect unknown metadata fields of a typed object [Conformance]',
    run: refusesUnknownMetadata,
  },
  {
    name: '[sig-api-machinery] FieldValidation should create/apply a valid CR for CRD with validation schema [Conformance]',
    run: appliesValid,
  },
  {
    name: '[sig-api-machinery] FieldValidation should create/apply a CR with unknown fields for CRD with no validation schema [Conformance]',
    run: appliesUnknownWithoutSchema,
  },
  {
    name: '[sig-api-machinery] FieldValidation should create/apply an invalid CR with extra properties for CRD with validation schema [Conformance]',
    run: refusesExtraProperties,
  },
  {
    name: '[sig-api-machinery] FieldValidation should detect unknown metadata fields in both the root and embedded object of a CR [Conformance]',
    run: refusesUnknownMetadataOfCustom,
  },
  {
    name: '[sig-api-machinery] FieldValidation should detect duplicates in a CR when preserving unknown fields [Conformance]',
    run: refusesDuplicatesOfCustom,
  },
];
