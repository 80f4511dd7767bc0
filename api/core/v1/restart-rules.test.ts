/** Which restart rules a container may have. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Container } from '../../generated/types.ts';
import { validateRestartRules } from './restart-rules.ts';

const on = (operator: string, ...values: number[]) => ({ action: 'Restart', exitCodes: { operator, values } });
const cases: readonly { readonly it: string; readonly container: Partial<Container>; readonly problems: readonly string[] }[] = [
  { it: 'a policy of its own', container: { restartPolicy: 'OnFailure' }, problems: [] },
  { it: 'rules beside a policy', container: { restartPolicy: 'Never', restartPolicyRules: [on('In', 42)] }, problems: [] },
  {
    it: 'a policy nobody knows',
    container: { restartPolicy: 'Sometimes' },
    problems: ['c.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "Never", "OnFailure"'],
  },
  {
    it: 'rules without a policy',
    container: { restartPolicyRules: [on('In', 42)] },
    problems: ['c.restartPolicy: Required value: must specify restartPolicy when restart rules are used'],
  },
  {
    it: 'a rule about nothing',
    container: { restartPolicy: 'Never', restartPolicyRules: [{ action: 'Restart' }] },
    problems: ['c.restartPolicyRules[0].exitCodes: Required value: must be specified'],
  },
  {
    it: 'another action and operator',
    container: { restartPolicy: 'Never', restartPolicyRules: [{ action: 'Stop', exitCodes: { operator: 'Is', values: [1] } }] },
    problems: [
      'c.restartPolicyRules[0].action: Unsupported value: "Stop": supported values: "Restart"',
      'c.restartPolicyRules[0].exitCodes.operator: Unsupported value: "Is": supported values: "In", "NotIn"',
    ],
  },
  {
    it: 'more rules than anybody can follow',
    container: { restartPolicy: 'Never', restartPolicyRules: Array.from({ length: 21 }, () => on('In', 1)) },
    problems: ['c.restartPolicyRules: Too many: 21: must have at most 20 items'],
  },
];
for (const { it, container, problems } of cases) {
  test(`${it} is ${problems.length === 0 ? 'taken' : 'refused'}`, () => {
    const found = validateRestartRules({ name: 'c', ...container }, 'c');
    assert.deepEqual(
      found.map(({ field, message }) => `${field}: ${message}`),
      problems,
    );
  });
}
