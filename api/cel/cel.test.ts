import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { authorizerValue } from './authorizer.ts';
import { createCompiler, evaluationProblem, toOptional } from './expression.ts';
import { toApplyConfiguration, toJsonPatch } from './objects.ts';
import { rewriteSource } from './rewrite-source.ts';

const compiler = createCompiler(
  { object: 'thing', any: 'dyn', authorizer: 'kubernetes.authorization.Authorizer' },
  {
    'thing.spec': { replicas: 'int', names: 'list<string>' },
    thing: { spec: 'thing.spec' },
  },
);

const authorizer = authorizerValue(
  ({ verb, resource, path, serviceAccount }) => ({
    allowed: resource === 'pods' || path === '/healthz' || serviceAccount?.name === 'robot',
    reason: `asked ${verb}`,
  }),
  { group: '', resource: 'pods', subresource: '', namespace: 'default', name: 'a' },
);

function evaluate(source: string): unknown {
  const expression = compiler.compile(source);
  if (typeof expression === 'string') throw new Error(expression);
  return expression.evaluate({
    object: { spec: { replicas: 3n, names: ['b', 'a'] } },
    any: { a: 1n, none: toOptional(undefined) },
    authorizer,
  });
}

/** Each is true. */
const truths: readonly string[] = [
  // Texts
  '"a1b22".find("[0-9]+") == "1"',
  '"a1b22".findAll("[0-9]+") == ["1", "22"]',
  '"a1b22".findAll("[0-9]+", 1) == ["1"]',
  '"x".matches("^(a+)+$") == false && matches("xy", "y$")',
  '"a matches(b)".contains("matches(")',
  '"abc".charAt(1) == "b" && "abc".charAt(3) == ""',
  '"a.b.c".split(".") == ["a", "b", "c"] && "a.b.c".split(".", 2) == ["a", "b.c"]',
  '["a", "b"].join("-") == "a-b" && "aaa".replace("a", "b", 2) == "bba"',
  '"Hello".lowerAscii() == "hello" && " a ".trim() == "a" && "abc".substring(1, 2) == "b"',
  'strings.quote("a\\"b") == "\\"a\\\\\\"b\\""',
  '"%s is %d, %.2f, %e, %b, %x, %X, %o, 100%%".format(["a", 3, 1.5, 1234.5, 5, 255, "hi", 8]) == "a is 3, 1.50, 1.234500e+03, 101, ff, 6869, 10, 100%"',
  '"%s".format([[1, "a", {"k": true}]]) == "[1, a, {k: true}]"',
  // Lists and sets
  '[1, 2, 2].isSorted() && ![2, 1].isSorted() && [1.5, 2.5].sum() == 4.0 && [].sum() == 0',
  '[3, 1, 2].min() == 1 && ["a", "c"].max() == "c" && [1, 2, 1].indexOf(1) == 0 && [1, 2, 1].lastIndexOf(1) == 2 && [[1]].indexOf([1]) == 0',
  'sets.contains([1, 2, 3], [3, 1]) && !sets.contains([1], [2]) && sets.equivalent([1, 2], [2, 1, 1]) && sets.intersects([1], [1, 2]) && !sets.intersects([], [1])',
  // Two variables
  '[5, 6].all(i, v, v == i + 5) && {"a": 1}.exists(k, v, k == "a" && v == 1) && [1, 1].existsOne(i, v, i == 1)',
  '[1, 2, 3].transformList(i, v, i > 0, v * 2) == [4, 6] && {"a": 1}.transformList(k, v, k) == ["a"]',
  '{"a": 1, "b": 2}.transformMap(k, v, v > 1, v + 1) == {"b": 3} && {"a": "x"}.transformMapEntry(k, v, {v: k}) == {"x": "a"}',
  '[0, 1].exists(i, v, 1 / v == 1)',
  // Optional values
  'any.?a.orValue(2) == 1 && any.?b.orValue(2) == 2 && !any.?b.c.hasValue() && optional.of(1).value() == 1 && any[?"a"].hasValue()',
  // URLs
  'isURL("https://example.com") && isURL("/path") && !isURL("no url") && !isURL("https://a b")',
  'url("https://user@example.com:80/a%20b?k=1&k=2").getHost() == "example.com:80" && url("https://[::1]:80/").getHostname() == "::1"',
  'url("https://example.com:80/a%20b?k=1").getEscapedPath() == "/a%20b" && url("https://a/?k=1&k=2").getQuery()["k"] == ["1", "2"] && url("/p").getScheme() == ""',
  // Addresses
  'isIP("1.2.3.4") && isIP("::1") && !isIP("1.2.3") && !isIP("::ffff:1.2.3.4") && !isIP("01.2.3.4")',
  'ip("2001:db8::1").family() == 6 && string(ip("2001:DB8:0:0::1")) == "2001:db8::1" && ip.isCanonical("::1") && !ip.isCanonical("::0:1")',
  'ip("::") == ip("0:0::0") && ip("0.0.0.0").isUnspecified() && ip("127.1.1.1").isLoopback() && ip("8.8.8.8").isGlobalUnicast() && !ip("255.255.255.255").isGlobalUnicast()',
  'ip("224.0.0.1").isLinkLocalMulticast() && ip("fe80::1").isLinkLocalUnicast()',
  'isCIDR("10.0.0.0/8") && !isCIDR("10.0.0.0/33") && !isCIDR("10.0.0.0") && cidr("10.0.0.0/8").containsIP("10.1.2.3") && !cidr("10.0.0.0/8").containsIP(ip("::1"))',
  'cidr("10.0.0.0/8").containsCIDR("10.1.0.0/16") && cidr("10.1.2.3/8").masked() == cidr("10.0.0.0/8") && cidr("10.0.0.0/8").prefixLength() == 8 && string(cidr("::1/128").ip()) == "::1"',
  // Quantities and versions
  'isQuantity("1.5Gi") && !isQuantity("1x") && quantity("1k") == quantity("1000") && quantity("50k").add(20).asInteger() == 50020 && quantity("1").sub(quantity("2")).sign() == -1',
  'quantity("200M").isGreaterThan(quantity("0.1G")) && quantity("1").compareTo(quantity("2")) == -1 && !quantity("1.5").isInteger() && quantity("1.5").asApproximateFloat() == 1.5',
  'isSemver("1.2.3-rc.1+b") && !isSemver("v1.2") && isSemver("v1.02", true) && semver("1.0.0-alpha").isLessThan(semver("1.0.0")) && semver("1.2.3").minor() == 2',
  'semver("1.0.0-rc.2").compareTo(semver("1.0.0-rc.10")) == -1 && semver("v1", true) == semver("1.0.0")',
  // Formats
  '!format.dns1123Label().validate("my-name").hasValue() && format.dns1123Label().validate("My_Name").value()[0].contains("RFC 1123")',
  '!format.dns1123LabelPrefix().validate("my-name-").hasValue() && !format.named("nothing").hasValue() && format.uuid().validate("1").hasValue()',
  // Access
  'authorizer.group("").resource("pods").namespace("default").name("a").subresource("log").check("get").allowed()',
  '!authorizer.group("apps").resource("deployments").check("get").allowed() && authorizer.requestResource.check("delete").reason() == "asked delete"',
  'authorizer.path("/healthz").check("get").allowed() && authorizer.serviceAccount("default", "robot").group("x").resource("y").check("z").allowed()',
  'jsonpatch.escapeKey("a/b~c") == "a~1b~0c"',
];
for (const truth of truths) test(`it is true that ${truth}`, () => assert.equal(evaluate(truth), true));

const refusals: readonly { it: string; source: string; problem: string }[] = [
  {
    it: 'a field that is not there',
    source: 'object.spec.foo > 1',
    problem: "ERROR: <input>:1:12: undefined field 'foo'\n | object.spec.foo > 1\n | ...........^",
  },
  {
    it: 'a comparison of different things',
    source: "object.spec.replicas > '1'",
    problem:
      "ERROR: <input>:1:22: found no matching overload for '_>_' applied to '(int, string)'\n | object.spec.replicas > '1'\n | .....................^",
  },
  {
    it: 'an unknown variable',
    source: 'foo',
    problem: "ERROR: <input>:1:1: undeclared reference to 'foo' (in container '')\n | foo\n | ^",
  },
  {
    it: 'an unknown function',
    source: 'object.spec.replicas.foo()',
    problem:
      "ERROR: <input>:1:25: found no matching overload for 'foo' applied to 'int.()'\n | object.spec.replicas.foo()\n | ........................^",
  },
  {
    it: 'a second line',
    source: 'true &&\n  foo',
    problem: "ERROR: <input>:2:3: undeclared reference to 'foo' (in container '')\n |   foo\n | ..^",
  },
];
for (const { it, source, problem } of refusals)
  test(`${it} is found before anything is evaluated`, () => assert.equal(compiler.compile(source), problem));

const failures: readonly { source: string; problem: string }[] = [
  { source: 'any.b', problem: 'no such key: b' },
  { source: '1 / 0 == 1', problem: 'division by zero' },
  {
    source: 'ip("x").family() == 4',
    problem: 'IP Address "x" parse error during conversion from string: ParseAddr("x"): unable to parse IP',
  },
  { source: '"%d".format(["a"])', problem: 'decimal clause can only be used on integers' },
  { source: '"%s".format([])', problem: 'index 0 out of range' },
  { source: 'quantity("1.5").asInteger() == 1', problem: 'cannot convert value to integer' },
  { source: 'int("a") == 1', problem: 'int() type error: cannot convert to int' },
  { source: '[].min() == 1', problem: 'min called on empty list' },
];
for (const { source, problem } of failures) {
  test(`${source} fails with: ${problem}`, () => {
    assert.throws(
      () => evaluate(source),
      (error) => evaluationProblem(error) === problem,
    );
  });
}

test('an object is made by its types, with optional fields and escaped names', () => {
  const made = evaluate(
    'Object{ spec: Object.spec{ replicas: 1 + 2, ?gone: optional.none(), ?here: optional.of("x"), a__dash__b: [1.5, null] }, metadata: Object.metadata{labels: {"a/b": "c"}} }',
  );
  assert.deepEqual(toApplyConfiguration(made), {
    spec: { replicas: 3, here: 'x', 'a-b': [1.5, null] },
    metadata: { labels: { 'a/b': 'c' } },
  });
});

test('an object of a type that belongs elsewhere is refused', () => {
  assert.throws(
    () => toApplyConfiguration(evaluate('Object{spec: Object.status{}}')),
    /unexpected type name "Object.status", expected "Object.spec"/,
  );
});

test('a JSON patch is a list of operations', () => {
  const made = evaluate(
    'true ? [JSONPatch{op: "add", path: "/metadata/labels/" + jsonpatch.escapeKey("a/b"), value: Object.spec{x: object.spec.names}}] : []',
  );
  assert.deepEqual(toJsonPatch(made), [{ op: 'add', path: '/metadata/labels/a~1b', value: { x: ['b', 'a'] } }]);
  assert.throws(() => toJsonPatch(evaluate('[JSONPatch{op: 1}]')), /JSONPatchType.op should be string/);
  assert.throws(() => toJsonPatch(evaluate('[JSONPatch{foo: 1}]')), /no such field 'foo'/);
});

test('what is in texts and comments is no code', () => {
  const source = `"Object{" + 'matches(' + r"""has(""" // Object{`;
  assert.equal(rewriteSource(source, 'checking').text, source);
  assert.equal(compiler.compile('"oldSelf" == "" // object').toString(), '[object Object]');
});

test('any text compiles or says why not, and every position of it is one of the source', () => {
  const piece = fc.constantFrom(
    'Object',
    'JSONPatch',
    '{',
    '}',
    '(',
    ')',
    '[',
    ']',
    '"',
    "'",
    'a',
    ':',
    ',',
    '?',
    '.',
    ' ',
    '//',
    '\n',
    'has',
    'matches',
    '1',
    'r"""',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
      const source = pieces.join('');
      const { text, positionOf } = rewriteSource(source, 'running');
      const result = compiler.compile(source);
      const isInside = [...text].every((_, index) => positionOf(index) >= 0 && positionOf(index) < source.length);
      return isInside && (typeof result === 'object' || result.startsWith('ERROR: <input>:'));
    }),
  );
});
