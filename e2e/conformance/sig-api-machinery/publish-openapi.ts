/**
 * What OpenAPI says of custom resources, and what kubectl makes of it. OpenAPI is a document that nobody can watch, so it is asked for until it says
 * what it should.
 */
import assert from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import type { Json } from '../../cluster.ts';
import type { ConformanceTest, TestScope } from '../framework/conformance-test.ts';
import { ANY_SCHEMA, aDefinition, DEFINITIONS, type Defined, define } from '../framework/definition.ts';
import { eventually } from '../framework/expect.ts';

const FOO_SCHEMA: Json = {
  description: 'Foo CRD for Testing',
  type: 'object',
  properties: {
    spec: {
      type: 'object',
      description: 'Specification of Foo',
      properties: {
        bars: {
          type: 'array',
          description: 'List of Bars and their specs.',
          items: {
            type: 'object',
            required: ['name'],
            properties: {
              name: { type: 'string', description: 'Name of Bar.' },
              age: { type: 'string', description: 'Age of Bar.' },
              feeling: { type: 'string', description: 'Whether Bar is feeling great.', enum: ['Great', 'Down'] },
              bazs: { type: 'array', description: 'List of Bazs.', items: { type: 'string' } },
            },
          },
        },
      },
    },
    status: {
      type: 'object',
      description: 'Status of Foo',
      properties: { ready: { type: 'boolean', description: 'Whether all bars are there.' } },
    },
  },
};

const WALDO_SCHEMA: Json = {
  description: 'Waldo CRD for Testing',
  type: 'object',
  properties: {
    spec: {
      description: 'Specification of Waldo',
      type: 'object',
      properties: { dummy: { description: 'Dummy property.', type: 'string' } },
    },
    status: { description: 'Status of Waldo', type: 'object' },
  },
};

const NESTED_SCHEMA: Json = {
  description: 'preserve-unknown-properties in nested field for Testing',
  type: 'object',
  properties: {
    spec: { description: 'Specification of Waldo', type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
    status: { description: 'Status of Waldo', type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
  },
};

const versionsOf = (schema: Json, names: readonly string[]) => names.map((name) => ({ name, schema: { openAPIV3Schema: schema } }));

/** `com.example.foo-1a2b3c.v1.Foo` */
function definitionName({ group, kind }: Defined, version: string): string {
  return `${group.split('.').reverse().join('.')}.${version}.${kind}`;
}

async function publishedDefinitions(t: TestScope): Promise<Json> {
  const document = await t.cluster.request({ path: '/openapi/v2' });
  return document.definitions;
}

/** What the server adds to every custom resource is left out of the comparison. */
function withoutAdded(schema: Json): Json {
  const { 'x-kubernetes-group-version-kind': _type, properties = {}, ...rest } = schema;
  const { apiVersion: _apiVersion, kind: _kind, metadata: _metadata, ...own } = properties;
  return Object.keys(own).length === 0 ? rest : { ...rest, properties: own };
}

async function untilPublished(t: TestScope, defined: Defined, version: string, schema?: Json): Promise<void> {
  const name = definitionName(defined, version);
  let published: Json;
  await eventually(`OpenAPI has ${name}`, async () => {
    published = (await publishedDefinitions(t))[name];
    return published !== undefined && (schema === undefined || isDeepStrictEqual(withoutAdded(published), schema));
  }).catch((cause) => {
    throw new Error(`OpenAPI says of ${name}: ${JSON.stringify(published)}`, { cause });
  });
}

async function untilUnpublished(t: TestScope, defined: Defined, version: string): Promise<void> {
  const name = definitionName(defined, version);
  await eventually(`OpenAPI no longer has ${name}`, async () => (await publishedDefinitions(t))[name] === undefined);
}

interface Published {
  readonly group: string;
  readonly kind: string;
  readonly schema: Json;
  readonly versions?: readonly string[];
}

async function publish(t: TestScope, { group, kind, schema, versions = ['v1'] }: Published): Promise<Defined> {
  const defined = await define(t, aDefinition(t, { group, kind, versions: versionsOf(schema, versions) }));
  for (const version of versions) await untilPublished(t, defined, version, schema === ANY_SCHEMA ? undefined : schema);
  return defined;
}

/** Deletes the definition, and asserts that OpenAPI forgets it. */
async function unpublish(t: TestScope, defined: Defined, versions: readonly string[]): Promise<void> {
  await t.resource(DEFINITIONS, '').delete(defined.definition.metadata.name);
  for (const version of versions) await untilUnpublished(t, defined, version);
}

const object = (defined: Defined, name: string, rest: Json): string =>
  JSON.stringify({ kind: defined.kind, apiVersion: defined.apiVersion(), metadata: { name }, ...rest });

/** kubectl creates it, deletes it, applies it and deletes it again. */
async function isAccepted(t: TestScope, defined: Defined, rest: Json): Promise<void> {
  const manifest = object(defined, 'test-cr', rest);
  for (const verb of ['create', 'apply']) {
    await t.kubectl([verb, '-f', '-'], manifest);
    await t.kubectl(['delete', `${defined.plural}.${defined.group}`, 'test-cr']);
  }
}

async function isRefused(t: TestScope, defined: Defined, rest: Json, why: RegExp): Promise<void> {
  const manifest = object(defined, 'test-cr', rest);
  for (const verb of ['create', 'apply']) {
    const { code, stderr } = await t.tryKubectl([verb, '-f', '-'], manifest);
    assert.notEqual(code, 0, `kubectl ${verb} of ${manifest}`);
    assert.match(stderr, why);
  }
}

async function explains(t: TestScope, what: string, pattern: RegExp): Promise<void> {
  assert.match(await t.kubectl(['explain', what]), pattern);
}

async function validatesWithSchema(t: TestScope): Promise<void> {
  const foo = await publish(t, { group: 'foo', kind: 'Foo', schema: FOO_SCHEMA });
  await isAccepted(t, foo, { spec: { bars: [{ name: 'test-bar' }] } });
  await isRefused(t, foo, { spec: { bars: [{ name: 'test-bar', feeling: 'NonExistentValue' }] } }, /Unsupported value: "NonExistentValue"/);
  await isRefused(t, foo, { spec: { foo: true } }, /unknown field "(?:spec\.)?foo"/);
  await isRefused(t, foo, { spec: { bars: [{ age: '10' }] } }, /missing required field "name"|spec\.bars\[0\]\.name: Required value/);
  const resource = `${foo.plural}.${foo.group}`;
  const explainOf = (path: string) => (path === '' ? resource : `${foo.plural}.${path}`);
  await explains(
    t,
    resource,
    /DESCRIPTION:[\s\S]*Foo CRD for Testing[\s\S]*FIELDS:[\s\S]*apiVersion[\s\S]*<string>[\s\S]*spec[\s\S]*<Object>[\s\S]*Specification of Foo/,
  );
  await explains(t, explainOf('metadata'), /FIELDS:[\s\S]*creationTimestamp[\s\S]*<string>/);
  await explains(
    t,
    explainOf('spec'),
    /DESCRIPTION:[\s\S]*Specification of Foo[\s\S]*FIELDS:[\s\S]*bars[\s\S]*<\[\]Object>[\s\S]*List of Bars and their specs/,
  );
  await explains(
    t,
    explainOf('spec.bars'),
    /bars[\s\S]*<\[\]Object>[\s\S]*DESCRIPTION:[\s\S]*List of Bars and their specs[\s\S]*FIELDS:[\s\S]*bazs[\s\S]*<\[\]string>[\s\S]*List of Bazs[\s\S]*name[\s\S]*<string>[\s\S]*Name of Bar/,
  );
  const { code, stderr } = await t.tryKubectl(['explain', explainOf('spec.bars2')]);
  assert.notEqual(code, 0);
  assert.match(stderr, /field "bars2" does not exist/);
  await unpublish(t, foo, ['v1']);
}

async function acceptsAnythingWithoutSchema(t: TestScope): Promise<void> {
  const empty = await publish(t, { group: 'empty', kind: 'Empty', schema: ANY_SCHEMA });
  await isAccepted(t, empty, { a: { b: [{ c: 'd' }] } });
  await explains(t, `${empty.plural}.${empty.group}`, /DESCRIPTION:[\s\S]*<empty>/);
  await unpublish(t, empty, ['v1']);
}

async function preservesAtRoot(t: TestScope): Promise<void> {
  const schema = {
    ...WALDO_SCHEMA,
    description: 'preserve-unknown-properties at root for Testing',
    'x-kubernetes-preserve-unknown-fields': true,
  };
  const defined = await define(t, aDefinition(t, { group: 'unknown-at-root', kind: 'RootKeeper', versions: versionsOf(schema, ['v1']) }));
  await untilPublished(t, defined, 'v1');
  await isAccepted(t, defined, { a: { b: [{ c: 'd' }] } });
  await explains(t, `${defined.plural}.${defined.group}`, /KIND:[\s\S]*RootKeeper/);
  await unpublish(t, defined, ['v1']);
}

async function preservesNested(t: TestScope): Promise<void> {
  const definition = aDefinition(t, { group: 'unknown-in-nested', kind: 'NestedKeeper', versions: versionsOf(NESTED_SCHEMA, ['v1']) });
  const defined = await define(t, definition);
  await untilPublished(t, defined, 'v1');
  await isAccepted(t, defined, { spec: { a: null, b: [{ c: 'd' }] } });
  await explains(t, `${defined.plural}.${defined.group}`, /DESCRIPTION:[\s\S]*preserve-unknown-properties in nested field for Testing/);
  await unpublish(t, defined, ['v1']);
}

async function publishesGroups(t: TestScope): Promise<void> {
  const foo = await publish(t, { group: 'foo', kind: 'Foo', schema: FOO_SCHEMA });
  const waldo = await publish(t, { group: 'waldo', kind: 'Waldo', schema: WALDO_SCHEMA, versions: ['v1beta1'] });
  assert.notEqual(foo.group, waldo.group);
  await untilPublished(t, foo, 'v1', FOO_SCHEMA);
  await unpublish(t, foo, ['v1']);
  await unpublish(t, waldo, ['v1beta1']);
}

async function publishesVersions(t: TestScope): Promise<void> {
  const several = await publish(t, { group: 'multi-ver', kind: 'Several', schema: FOO_SCHEMA, versions: ['v2', 'v3'] });
  await unpublish(t, several, ['v2', 'v3']);
  const foo = await publish(t, { group: 'common-group', kind: 'Foo', schema: FOO_SCHEMA, versions: ['v4'] });
  const waldo = await publish(t, { group: 'common-group', kind: 'Waldo', schema: WALDO_SCHEMA, versions: ['v5'] });
  assert.equal(foo.group, waldo.group);
  await untilPublished(t, foo, 'v4', FOO_SCHEMA);
  await unpublish(t, foo, ['v4']);
  await unpublish(t, waldo, ['v5']);
}

async function publishesKinds(t: TestScope): Promise<void> {
  const foo = await publish(t, { group: 'common-group', kind: 'Foo', schema: FOO_SCHEMA, versions: ['v6'] });
  const waldo = await publish(t, { group: 'common-group', kind: 'Waldo', schema: WALDO_SCHEMA, versions: ['v6'] });
  await untilPublished(t, foo, 'v6', FOO_SCHEMA);
  await unpublish(t, foo, ['v6']);
  await unpublish(t, waldo, ['v6']);
}

async function followsRename(t: TestScope): Promise<void> {
  const several = await publish(t, { group: 'multi-ver', kind: 'Several', schema: FOO_SCHEMA, versions: ['v2', 'v3'] });
  const patch = [
    { op: 'test', path: '/spec/versions/1/name', value: 'v3' },
    { op: 'replace', path: '/spec/versions/1/name', value: 'v4' },
  ];
  await t.resource(DEFINITIONS, '').patch(several.definition.metadata.name, patch, { type: 'json' });
  await untilPublished(t, several, 'v4', FOO_SCHEMA);
  await untilUnpublished(t, several, 'v3');
  await untilPublished(t, several, 'v2', FOO_SCHEMA);
  await unpublish(t, several, ['v2', 'v4']);
}

async function forgetsUnserved(t: TestScope): Promise<void> {
  const several = await publish(t, { group: 'multi-to-single', kind: 'Several', schema: FOO_SCHEMA, versions: ['v5', 'v6alpha1'] });
  await t.resource(DEFINITIONS, '').change(several.definition.metadata.name, (definition) => {
    definition.spec.versions[1].served = false;
  });
  await untilUnpublished(t, several, 'v6alpha1');
  await untilPublished(t, several, 'v5', FOO_SCHEMA);
  await unpublish(t, several, ['v5']);
}

const PREFIX = '[sig-api-machinery] CustomResourcePublishOpenAPI [Privileged:ClusterAdmin]';

export const publishOpenApiTests: readonly ConformanceTest[] = [
  { name: `${PREFIX} works for CRD with validation schema [Conformance]`, run: validatesWithSchema },
  { name: `${PREFIX} works for CRD without validation schema [Conformance]`, run: acceptsAnythingWithoutSchema },
  { name: `${PREFIX} works for CRD preserving unknown fields at the schema root [Conformance]`, run: preservesAtRoot },
  { name: `${PREFIX} works for CRD preserving unknown fields in an embedded object [Conformance]`, run: preservesNested },
  { name: `${PREFIX} works for multiple CRDs of different groups [Conformance]`, run: publishesGroups },
  { name: `${PREFIX} works for multiple CRDs of same group but different versions [Conformance]`, run: publishesVersions },
  { name: `${PREFIX} works for multiple CRDs of same group and version but different kinds [Conformance]`, run: publishesKinds },
  { name: `${PREFIX} updates the published spec when one version gets renamed [Conformance]`, run: followsRename },
  { name: `${PREFIX} removes definition from spec when one version gets changed to not be served [Conformance]`, run: forgetsUnserved },
];
