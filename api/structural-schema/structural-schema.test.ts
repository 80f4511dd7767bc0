import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Json, JsonObject } from '../meta/json.ts';
import { applySchemaDefaults, hasDefaults } from './default.ts';
import { findAt, JsonPathError, parseJsonPath } from './json-path.ts';
import { pruneResource } from './prune.ts';
import { parseSchema } from './schema.ts';
import { validateSchema } from './validate-schema.ts';
import { validateValue } from './validate-value.ts';

const text = { type: 'string' };
const whole = { type: 'integer' };
const anObject = (properties: JsonObject, more: JsonObject = {}): JsonObject => ({ type: 'object', properties, ...more });
const aList = (items: JsonObject, more: JsonObject = {}): JsonObject => ({ type: 'array', items, ...more });
const aMap = (additionalProperties: Json): JsonObject => ({ type: 'object', additionalProperties });
const open: JsonObject = { 'x-kubernetes-preserve-unknown-fields': true };
const embedded: JsonObject = { 'x-kubernetes-embedded-resource': true };

const pruning: readonly { it: string; schema: JsonObject; value: JsonObject; left?: JsonObject; unknown?: readonly string[] }[] = [
  { it: 'keeps what the schema names', schema: anObject({ a: text }), value: { a: 'x' } },
  { it: 'keeps what every resource has', schema: anObject({}), value: { apiVersion: 'v1', kind: 'A', metadata: { name: 'a' } } },
  { it: 'drops the rest, with its path', schema: anObject({ a: anObject({}) }), value: { a: { b: 1 } }, left: { a: {} }, unknown: ['a.b'] },
  { it: 'goes into lists', schema: anObject({ a: aList(anObject({})) }), value: { a: [{ b: 1 }] }, left: { a: [{}] }, unknown: ['a[0].b'] },
  {
    it: 'goes into maps',
    schema: anObject({ a: aMap(anObject({})) }),
    value: { a: { k: { b: 1 } } },
    left: { a: { k: {} } },
    unknown: ['a.k.b'],
  },
  { it: 'leaves what is preserved', schema: anObject({ a: anObject({}, open) }), value: { a: { b: { c: [1] } } } },
  {
    it: 'prunes what is described within what is preserved',
    schema: anObject({ a: anObject({ b: anObject({}) }, open) }),
    value: { a: { b: { c: 1 }, d: 2 } },
    left: { a: { b: {}, d: 2 } },
    unknown: ['a.b.c'],
  },
  {
    it: 'knows a resource within the resource',
    schema: anObject({ a: anObject({ spec: anObject({}) }, embedded) }),
    value: { a: { apiVersion: 'v1', kind: 'A', metadata: { x: 1 }, spec: {}, odd: 1 } },
    left: { a: { apiVersion: 'v1', kind: 'A', metadata: { x: 1 }, spec: {} } },
    unknown: ['a.odd'],
  },
  {
    it: 'has no metadata elsewhere',
    schema: anObject({ a: anObject({}) }),
    value: { a: { metadata: {} } },
    left: { a: {} },
    unknown: ['a.metadata'],
  },
  {
    it: 'takes `__proto__` for a name',
    schema: anObject({}),
    value: JSON.parse('{"__proto__":{"a":1}}'),
    left: {},
    unknown: ['__proto__'],
  },
];
for (const { it, schema, value, left = value, unknown = [] } of pruning) {
  test(`pruning ${it}`, () => {
    const pruned = pruneResource(parseSchema(schema), value);
    assert.deepEqual(pruned, { value: left, unknownFields: unknown });
    if (left === value) assert.equal(pruned.value, value);
  });
}

const defaulting: readonly { it: string; schema: JsonObject; value: JsonObject; filled?: JsonObject }[] = [
  { it: 'fills what is left out', schema: anObject({ a: { ...text, default: 'x' } }), value: {}, filled: { a: 'x' } },
  { it: 'lets be what is there', schema: anObject({ a: { ...text, default: 'x' } }), value: { a: '' } },
  {
    it: 'fills within a default',
    schema: anObject({ a: anObject({ b: { ...whole, default: 2 } }, { default: {} }) }),
    value: {},
    filled: { a: { b: 2 } },
  },
  { it: 'makes no parents', schema: anObject({ a: anObject({ b: { ...whole, default: 2 } }) }), value: {} },
  {
    it: 'fills items',
    schema: anObject({ a: aList(anObject({ b: { ...whole, default: 2 } })) }),
    value: { a: [{}] },
    filled: { a: [{ b: 2 }] },
  },
  {
    it: 'takes a null that may not be for nothing',
    schema: anObject({ a: { ...text, default: 'x' }, b: text }),
    value: { a: null, b: null },
    filled: { a: 'x' },
  },
  { it: 'keeps a null that may be', schema: anObject({ a: { ...text, nullable: true, default: 'x' } }), value: { a: null } },
];
for (const { it, schema, value, filled = value } of defaulting) {
  test(`defaulting ${it}`, () => assert.deepEqual(applySchemaDefaults(parseSchema(schema), value), filled));
}

const junction = (more: JsonObject) => ({ ...anObject({ a: whole, b: whole }), ...more });
const validation: readonly { it: string; schema: JsonObject; value: Json; problems: readonly string[] }[] = [
  {
    it: 'of the wrong type',
    schema: whole,
    value: 'x',
    problems: ['p: Invalid value: "string": p in body must be of type integer: "string"'],
  },
  {
    it: 'with a fraction for an integer',
    schema: whole,
    value: 1.5,
    problems: ['p: Invalid value: "number": p in body must be of type integer: "number"'],
  },
  { it: 'that is null', schema: text, value: null, problems: ['p: Invalid value: "null": p in body must be of type string: "null"'] },
  { it: 'that may be null', schema: { ...text, nullable: true }, value: null, problems: [] },
  {
    it: 'beyond its bounds',
    schema: { ...whole, maximum: 3, exclusiveMaximum: true },
    value: 3,
    problems: ['p: Invalid value: 3: p in body should be less than 3'],
  },
  {
    it: 'that is no multiple',
    schema: { ...whole, multipleOf: 5 },
    value: 7,
    problems: ['p: Invalid value: 7: p in body should be a multiple of 5'],
  },
  { it: 'too long in characters', schema: { ...text, maxLength: 1 }, value: 'éé', problems: ['p: Too long: may not be more than 1 bytes'] },
  {
    it: 'too short',
    schema: { ...text, minLength: 2 },
    value: '💡',
    problems: ['p: Invalid value: "💡": p in body should be at least 2 chars long'],
  },
  {
    it: 'that does not match',
    schema: { ...text, pattern: '^a+\\z' },
    value: 'b',
    problems: ['p: Invalid value: "b": p in body should match \'^a+\\z\''],
  },
  {
    it: 'not in the list',
    schema: { ...whole, enum: [1, 2] },
    value: 3,
    problems: ['p: Unsupported value: 3: supported values: "1", "2"'],
  },
  {
    it: 'in no format',
    schema: { ...text, format: 'date-time' },
    value: 'now',
    problems: ['p: Invalid value: "now": p in body must be of type date-time: "now"'],
  },
  { it: 'in a format nobody knows', schema: { ...text, format: 'odd' }, value: 'x', problems: [] },
  {
    it: 'with too many items',
    schema: aList(whole, { maxItems: 1 }),
    value: [1, 2],
    problems: ['p: Too many: 2: must have at most 1 items'],
  },
  {
    it: 'with too few items',
    schema: aList(whole, { minItems: 1 }),
    value: [],
    problems: ['p: Invalid value: 0: p in body should have at least 1 items'],
  },
  {
    it: 'with twice the same item',
    schema: aList(text, { 'x-kubernetes-list-type': 'set' }),
    value: ['a', 'a'],
    problems: ['p[1]: Duplicate value: "a"'],
  },
  { it: 'without what is required', schema: anObject({ a: text }, { required: ['a'] }), value: {}, problems: ['p.a: Required value'] },
  {
    it: 'with a wrong member of a map',
    schema: aMap(whole),
    value: { k: 'x' },
    problems: ['p.k: Invalid value: "string": p.k in body must be of type integer: "string"'],
  },
  {
    it: 'that is neither integer nor text',
    schema: { 'x-kubernetes-int-or-string': true },
    value: [],
    problems: ['p: Invalid value: "array": p in body must be of type integer,string: "array"'],
  },
  {
    it: 'under none of anyOf',
    schema: junction({ anyOf: [{ required: ['a'] }, { required: ['b'] }] }),
    value: {},
    problems: ['<nil>: Invalid value: "": "p" must validate at least one schema (anyOf)', 'p.a: Required value'],
  },
  {
    it: 'under two of oneOf',
    schema: junction({ oneOf: [{ required: ['a'] }, { required: ['b'] }] }),
    value: { a: 1, b: 1 },
    problems: ['<nil>: Invalid value: "": "p" must validate one and only one schema (oneOf). Found 2 valid alternatives'],
  },
  {
    it: 'under not all of allOf',
    schema: junction({ allOf: [{ required: ['a'] }, { required: ['b'] }] }),
    value: { a: 1 },
    problems: ['p.b: Required value', '<nil>: Invalid value: "": "p" must validate all the schemas (allOf)'],
  },
  {
    it: 'under not',
    schema: junction({ not: { required: ['a'] } }),
    value: { a: 1 },
    problems: ['<nil>: Invalid value: "": "p" must not validate the schema (not)'],
  },
];
for (const { it, schema, value, problems } of validation) {
  test(`validation of a value ${it}`, () => {
    const found = validateValue(parseSchema(schema), value, 'p');
    assert.deepEqual(
      found.map(({ field, message }) => `${field}: ${message}`),
      problems,
    );
  });
}

test('validation of a change lets be what did not change, by the keys of a list', () => {
  const item = anObject({ id: text, size: { ...whole, maximum: 1 } });
  const schema = parseSchema(anObject({ list: aList(item, { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['id'] }) }));
  const before = { list: [{ id: 'a', size: 5 }] };
  assert.deepEqual(
    validateValue(
      schema,
      {
        list: [
          { id: 'b', size: 1 },
          { id: 'a', size: 5 },
        ],
      },
      '',
      before,
    ),
    [],
  );
  const [problem] = validateValue(schema, { list: [{ id: 'a', size: 6 }] }, '', before);
  assert.equal(problem?.field, 'list[0].size');
});

test('a pattern made to take for ever takes no time', () => {
  const schema = parseSchema({ ...text, pattern: '^(a+)+$' });
  assert.equal(validateValue(schema, `${'a'.repeat(5_000)}!`, 'p').length, 1);
});

const P = 'p.properties[a]';
/** Something of every type, for rules that are written of it. */
const listeners: JsonObject = aList(
  anObject({
    name: text,
    port: { type: 'integer' },
    protocol: text,
    ratio: { type: 'number' },
    since: { ...text, format: 'date-time' },
    labels: { type: 'object', additionalProperties: text },
    target: { 'x-kubernetes-int-or-string': true },
    anything: { 'x-kubernetes-preserve-unknown-fields': true },
    tls: anObject({ mode: text, refs: aList(text) }),
  }),
);

const schemas: readonly { it: string; part: JsonObject; problems: readonly string[] }[] = [
  { it: 'without a type', part: {}, problems: [`${P}.type: Required value: must not be empty for specified object fields`] },
  {
    it: 'of no known type',
    part: { type: 'float' },
    problems: [`${P}.type: Unsupported value: "float": supported values: "array", "boolean", "integer", "number", "object", "string"`],
  },
  { it: 'of a list without items', part: { type: 'array' }, problems: [`${P}.items: Required value: must be specified`] },
  {
    it: 'with a tuple',
    part: { type: 'array', items: [text] },
    problems: [`${P}.items: Forbidden: items must be a schema object and not an array`],
  },
  {
    it: 'of a map with properties',
    part: anObject({ b: text }, { additionalProperties: text }),
    problems: [`${P}.additionalProperties: Forbidden: additionalProperties and properties are mutual exclusive`],
  },
  { it: 'with a reference', part: { ...text, $ref: '#/x' }, problems: [`${P}.$ref: Forbidden: $ref is not supported`] },
  {
    it: 'with unique items',
    part: aList(text, { uniqueItems: true }),
    problems: [`${P}.uniqueItems: Forbidden: uniqueItems cannot be set to true since the runtime complexity becomes quadratic`],
  },
  { it: 'that says integer or string the usual way', part: { 'x-kubernetes-int-or-string': true, anyOf: [whole, text] }, problems: [] },
  {
    it: 'with a type in a junctor',
    part: { ...text, anyOf: [whole] },
    problems: [`${P}.anyOf[0].type: Forbidden: must be empty to be structural`],
  },
  {
    it: 'whose junctor speaks of what is not there',
    part: anObject({}, { anyOf: [{ properties: { b: { minLength: 1 } } }] }),
    problems: [`${P}.properties[b]: Required value: because it is defined in ${P}.anyOf[0].properties[b]`],
  },
  {
    it: 'whose default is wrong',
    part: { ...whole, default: 'x' },
    problems: [`${P}.default: Invalid value: "string": ${P}.default in body must be of type integer: "string"`],
  },
  {
    it: 'whose default has too much',
    part: anObject({}, { default: { b: 1 } }),
    problems: [`${P}.default: Invalid value: {"b":1}: must not have unknown fields`],
  },
  {
    it: 'whose list keys are not there',
    part: aList(anObject({}), { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['k'] }),
    problems: [`${P}.x-kubernetes-list-map-keys: Invalid value: ["k"]: entries must all be names of item properties`],
  },
  {
    it: 'with half a resource',
    part: { type: 'object', ...embedded },
    problems: [
      `${P}.properties: Required value: must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields`,
    ],
  },
  {
    it: 'with a rule that is no expression',
    part: { ...text, 'x-kubernetes-validations': [{ rule: 'self ==' }] },
    problems: [
      `${P}.x-kubernetes-validations[0].rule: Invalid value: "self ==": compilation failed: ERROR: <input>:1:8: Syntax error: Unexpected token: EOF\n | self ==\n | .......^`,
    ],
  },
  {
    it: 'with a rule about a field that it does not have',
    part: anObject({ b: text }, { 'x-kubernetes-validations': [{ rule: 'has(self.b) && self.c == ""' }] }),
    problems: [
      `${P}.x-kubernetes-validations[0].rule: Invalid value: "has(self.b) && self.c == \\"\\"": compilation failed: ERROR: <input>:1:20: undefined field 'c'\n | has(self.b) && self.c == ""\n | ...................^`,
    ],
  },
  {
    it: 'with a rule that asks whether a field is there that it does not have',
    part: anObject({ b: text }, { 'x-kubernetes-validations': [{ rule: 'has(self.c)' }] }),
    problems: [
      `${P}.x-kubernetes-validations[0].rule: Invalid value: "has(self.c)": compilation failed: ERROR: <input>:1:9: undefined field 'c'\n | has(self.c)\n | ........^`,
    ],
  },
  {
    it: 'with a rule that compares what cannot be compared',
    part: { type: 'integer', 'x-kubernetes-validations': [{ rule: 'self > "1"' }] },
    problems: [
      `${P}.x-kubernetes-validations[0].rule: Invalid value: "self > \\"1\\"": compilation failed: ERROR: <input>:1:6: found no matching overload for '_>_' applied to '(int, string)'\n | self > "1"\n | .....^`,
    ],
  },
  {
    it: 'with a rule that gives no answer',
    part: { type: 'integer', 'x-kubernetes-validations': [{ rule: 'self + 1' }] },
    problems: [`${P}.x-kubernetes-validations[0].rule: Invalid value: "self + 1": must evaluate to a bool`],
  },
  ...[
    'self.all(l1, self.exists_one(l2, l1.name == l2.name && l1.port == l2.port))',
    'self.all(l, l.protocol in ["HTTP", "TCP"] ? !has(l.tls) : true)',
    'self.all(l, !has(l.tls) || l.tls.mode != "" && size(l.tls.refs) > 0)',
    'self.size() > 0 ? self[0].port > 0 : true',
    'self.map(l, l.port).sum() < 100000 && self.map(l, l.name).isSorted()',
    'self.all(l, l.?tls.?mode.orValue("x") != "" && l.?tls.mode.hasValue() == has(l.tls))',
    'self.filter(l, has(l.tls)).all(l, l.tls == self[0].tls || l.tls.refs == [] || "a" in l.tls.refs)',
    'self.all(l, !has(l.labels) || l.labels.all(k, k.startsWith("a") && l.labels[k] != ""))',
    'self.all(l, l.since > timestamp("2020-01-01T00:00:00Z") && l.since - l.since < duration("1h"))',
    'self.all(l, l.ratio >= 0.5 && l.ratio > 0 && double(l.port) * l.ratio > 1.0)',
    'self.all(l, type(l.target) == int ? l.target > 0 : l.target.endsWith("%"))',
    'self.all(i, l, i < 10 && isIP(l.name) || quantity(l.name).isLessThan(quantity("1Gi")))',
    'self.all(l, ("%s:%d".format([l.name, l.port])).matches("^[a-z]+:[0-9]+$"))',
    'self.all(l, l.anything.foo == 1 || l.anything == null)',
  ].map((rule) => ({ it: `with the rule ${rule}`, part: { ...listeners, 'x-kubernetes-validations': [{ rule }] }, problems: [] })),
  {
    it: 'with a rule about changes of items nobody can follow',
    part: aList({ ...text, 'x-kubernetes-validations': [{ rule: 'self == oldSelf' }] }),
    problems: [
      `${P}.items.x-kubernetes-validations[0].rule: Invalid value: "self == oldSelf": oldSelf cannot be used on the uncorrelatable portion of the schema within ${P}`,
    ],
  },
];
for (const { it, part, problems } of schemas) {
  test(`a schema ${it} is ${problems.length === 0 ? 'accepted' : 'refused'}`, () => {
    const found = validateSchema(anObject({ a: part }), 'p');
    assert.deepEqual(
      found.map(({ field, message }) => `${field}: ${message}`),
      problems,
    );
  });
}

const paths: readonly { path: string; found: readonly Json[] }[] = [
  {
    path: '.',
    found: [
      {
        a: { 'b.c': 1 },
        list: [
          { id: 'x', n: 1 },
          { id: 'y', n: 2 },
        ],
      },
    ],
  },
  { path: ".a['b.c']", found: [1] },
  { path: '.a.b\\.c', found: [1] },
  { path: '.list[1].id', found: ['y'] },
  { path: '.list[-1].id', found: ['y'] },
  { path: '.list[*].id', found: ['x', 'y'] },
  { path: '.list[?(@.id=="y")].n', found: [2] },
  { path: '.list[?(@.n>1)].id', found: ['y'] },
  { path: '.none.at.all', found: [] },
];
for (const { path, found } of paths) {
  test(`the path ${path} finds ${JSON.stringify(found)}`, () => {
    const value = {
      a: { 'b.c': 1 },
      list: [
        { id: 'x', n: 1 },
        { id: 'y', n: 2 },
      ],
    };
    assert.deepEqual(findAt(parseJsonPath(path), value), found);
  });
}
test('what is no path is refused', () => assert.throws(() => parseJsonPath('.a[?(1+1)]'), JsonPathError));

const aSchema = fc.letrec<{ node: JsonObject }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom<JsonObject>({ type: 'string', default: 'd' }, whole, { ...text, nullable: true }, { type: 'object', ...open }),
    fc.dictionary(fc.constantFrom('a', 'b', 'c'), tie('node')).map((properties) => anObject(properties)),
    tie('node').map((items) => aList(items)),
    tie('node').map((inner) => aMap(inner)),
  ),
})).node;
const aValue = fc
  .dictionary(fc.constantFrom('a', 'b', 'c', 'd'), fc.jsonValue({ maxDepth: 4 }))
  .map((value): JsonObject => JSON.parse(JSON.stringify(value)));

test('law: pruning and defaulting are done once and for all', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom('a', 'b', 'c'), aSchema), aValue, (properties, value) => {
      const schema = parseSchema(anObject(properties));
      const pruned = pruneResource(schema, value).value;
      assert.deepEqual(pruneResource(schema, pruned), { value: pruned, unknownFields: [] });
      const filled = applySchemaDefaults(schema, pruned);
      assert.deepEqual(applySchemaDefaults(schema, filled), filled);
      assert.deepEqual(pruneResource(schema, filled).unknownFields, []);
    }),
  );
});

test('law: whatever comes, validation gives problems and throws nothing', () => {
  fc.assert(
    fc.property(aSchema, fc.jsonValue({ maxDepth: 4 }), (schema, value) => {
      const parsed: Json = JSON.parse(JSON.stringify(value));
      assert.ok(Array.isArray(validateValue(parseSchema(schema), parsed, '')));
      assert.ok(Array.isArray(validateSchema(schema, 'p')));
    }),
  );
});

test('a schema knows whether it has defaults', () => {
  assert.equal(hasDefaults(parseSchema(anObject({ a: aList(anObject({ b: { ...text, default: '' } })) }))), true);
  assert.equal(hasDefaults(parseSchema(anObject({ a: text }))), false);
});
