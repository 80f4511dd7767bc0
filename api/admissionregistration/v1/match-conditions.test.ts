import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileMatchConditions } from './match-conditions.ts';

const object = { metadata: { name: 'a', labels: { app: 'web' } }, spec: { replicas: 3, list: [1, 2.5, null], gone: undefined } };
const request = { operation: 'CREATE', userInfo: { username: 'jane', groups: ['system:masters'] }, dryRun: false };

const evaluate = (...expressions: readonly string[]) =>
  compileMatchConditions(expressions.map((expression, index) => ({ name: `c${index}`, expression }))).evaluate({
    object,
    oldObject: null,
    request,
  });

const cases: readonly { it: string; conditions: readonly string[]; verdict: object }[] = [
  { it: 'none hold', conditions: [], verdict: { holds: true } },
  { it: 'one that is true holds', conditions: ['object.metadata.name == "a"'], verdict: { holds: true } },
  { it: 'numbers are numbers', conditions: ['object.spec.replicas > 2 && object.spec.list[1] == 2.5'], verdict: { holds: true } },
  { it: 'what is not there is asked for', conditions: ['oldObject == null && !has(object.spec.gone)'], verdict: { holds: true } },
  { it: 'the request is known', conditions: ['request.userInfo.groups.exists(g, g == "system:masters")'], verdict: { holds: true } },
  { it: 'all must hold', conditions: ['true', 'object.metadata.labels.app == "db"'], verdict: { holds: false } },
  { it: 'one that is false goes before one that fails', conditions: ['object.nothing', 'false'], verdict: { holds: false } },
  {
    it: 'one that fails says why',
    conditions: ['true', 'object.spec.gone == 1'],
    verdict: { holds: undefined, problem: "expression 'object.spec.gone == 1' resulted in error: No such key: gone" },
  },
  {
    it: 'several that fail all say why',
    conditions: ['object.a', 'object.b'],
    verdict: {
      holds: undefined,
      problem: "[expression 'object.a' resulted in error: No such key: a, expression 'object.b' resulted in error: No such key: b]",
    },
  },
  {
    it: 'one that gives no boolean fails',
    conditions: ['object.metadata.name'],
    verdict: { holds: undefined, problem: "expression 'object.metadata.name' resulted in error: the result is no boolean" },
  },
];
for (const { it, conditions, verdict } of cases) {
  test(`of match conditions, ${it}`, () => assert.deepEqual(evaluate(...conditions), verdict));
}

test('match conditions that look through too much fail', () => {
  const many = Array.from({ length: 1_000 }, (_, index) => index);
  const compiled = compileMatchConditions([{ name: 'a', expression: 'object.all(a, object.all(b, a + b >= 0))' }]);
  const verdict = compiled.evaluate({ object: many, oldObject: null, request });
  assert.match('problem' in verdict ? verdict.problem : '', /cost budget/);
});
