import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  compileLabelSelector,
  formatLabelSelector,
  formatLabels,
  formatRequirements,
  parseLabelRequirements,
  parseLabelSelector,
  SelectorError,
} from './label-selector.ts';

const web = { app: 'web', tier: 'front', weight: '7', empty: '' };

const matches = [
  ['', true],
  ['app=web', true],
  ['app==web', true],
  ['app = web , tier = front', true],
  ['app=api', false],
  ['app!=api', true],
  ['missing!=x', true],
  ['app in (web,api)', true],
  ['app in (api)', false],
  ['app notin (api)', true],
  ['missing notin (a)', true],
  ['app', true],
  ['!app', false],
  ['!missing', true],
  ['missing', false],
  ['empty=', true],
  ['app in (,web)', true],
  ['empty in ()', true],
  ['weight>5', true],
  ['weight<5', false],
  ['app>5', false],
  ['in in (in)', false],
  ['constructor', false],
  ['app=web,tier notin (front)', false],
] as const;
for (const [text, expected] of matches) {
  test(`selector "${text}" ${expected ? 'accepts' : 'refuses'} the labels`, () => assert.equal(parseLabelSelector(text)(web), expected));
}

const wrong = [
  ['app=web,', "found '', expected: identifier after ','"],
  [',app', "found ',', expected: !, identifier, or 'end of string'"],
  ['app web', "unable to parse requirement: found 'web', expected: in, notin, =, ==, !=, gt, lt"],
  ['app in web', "unable to parse requirement: found 'web' expected: '('"],
  ['app in (a b)', "unable to parse requirement: found 'b', expected: ',' or ')'"],
  ['app=(', "unable to parse requirement: found '(', expected: identifier"],
  ['app=web=x', "found '=', expected: ',' or 'end of string'"],
  ['!', "unable to parse requirement: found '', expected: identifier"],
] as const;
for (const [text, message] of wrong) {
  test(`selector "${text}" is refused in upstream's words`, () =>
    assert.throws(() => parseLabelSelector(text), { constructor: SelectorError, message }));
}

test('a bad key and a bad value say where they are', () => {
  assert.throws(
    () => parseLabelSelector('-app=web'),
    /^Error: unable to parse requirement: <nil>: Invalid value: "-app": name part must consist/,
  );
  assert.throws(
    () => parseLabelSelector('app=-web'),
    /unable to parse requirement: values\[0\]\[app\]: Invalid value: "-web": a valid label/,
  );
});

test('a selector in an object needs all its labels and expressions', () => {
  const matcher = compileLabelSelector({
    matchLabels: { app: 'web' },
    matchExpressions: [
      { key: 'tier', operator: 'In', values: ['front', 'back'] },
      { key: 'old', operator: 'DoesNotExist' },
    ],
  });
  assert.equal(matcher(web), true);
  assert.equal(matcher({ ...web, old: '' }), false);
  assert.equal(matcher({ app: 'web' }), false);
  assert.equal(matcher(undefined), false);
  assert.equal(compileLabelSelector({})(undefined), true);
  assert.equal(compileLabelSelector({ matchExpressions: [{ key: 'a', operator: 'Near', values: ['b'] }] })({ a: 'b' }), false);
});

test('a selector is shown as kubectl shows it', () => {
  assert.equal(formatLabelSelector({ matchLabels: { b: '2', a: '1' } }), 'a=1,b=2');
  assert.equal(formatLabelSelector({ matchExpressions: [{ key: 'a', operator: 'NotIn', values: ['y', 'x'] }] }), 'a notin (x,y)');
  assert.equal(formatLabelSelector({}), '<none>');
  assert.equal(formatLabels({}), '<none>');
  assert.equal(formatLabels({ b: '2', a: '1' }), 'a=1,b=2');
});

const word = fc.stringMatching(/^[a-z]{1,5}$/).filter((text) => text !== 'in' && text !== 'notin');
const requirement = fc.oneof(
  fc.tuple(word, fc.constantFrom('=', '!=', '=='), word).map((parts) => parts.join('')),
  fc.tuple(word, fc.constantFrom('in', 'notin'), fc.array(word, { minLength: 1 })).map(([key, op, values]) => `${key} ${op} (${values})`),
  word,
  word.map((key) => `!${key}`),
);
test('what is formatted parses to the same requirements', () => {
  fc.assert(
    fc.property(fc.array(requirement), (parts) => {
      const parsed = parseLabelRequirements(parts.join(','));
      assert.deepEqual(parseLabelRequirements(formatRequirements(parsed)), parsed);
    }),
  );
});

test('no text makes the parser fail in any other way than by refusing it', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('a', 'in', ' ', ',', '(', ')', '!', '=', '<', '-', '/') }), (text) => {
      try {
        parseLabelSelector(text)({ a: 'a' });
      } catch (error) {
        assert.ok(error instanceof SelectorError);
      }
    }),
  );
});
