/** What a rule allows, and which rules cover others. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatRule, ruleAllows, uncoveredRules } from './rule-matching.ts';
import { aRequest, aRule } from './testing/rbac-objects.ts';

const path = (text: string, verb = 'get') => ({ isResource: false, verb, path: text }) as const;

const matches = [
  { it: 'allows its verb on its resource', rule: aRule(), request: aRequest(), allows: true },
  { it: 'does not allow another verb', rule: aRule(), request: aRequest({ verb: 'list' }), allows: false },
  { it: 'does not allow another group’s resource', rule: aRule(), request: aRequest({ group: 'apps' }), allows: false },
  { it: 'does not allow a subresource with the resource', rule: aRule(), request: aRequest({ subresource: 'log' }), allows: false },
  { it: 'allows a subresource by name', rule: aRule({ resources: ['pods/log'] }), request: aRequest({ subresource: 'log' }), allows: true },
  {
    it: 'allows a subresource of any resource',
    rule: aRule({ resources: ['*/scale'] }),
    request: aRequest({ subresource: 'scale' }),
    allows: true,
  },
  { it: 'does not take */scale for all resources', rule: aRule({ resources: ['*/scale'] }), request: aRequest(), allows: false },
  {
    it: 'allows subresources with all resources',
    rule: aRule({ resources: ['*'] }),
    request: aRequest({ subresource: 'log' }),
    allows: true,
  },
  {
    it: 'allows everything by wildcards',
    rule: aRule({ apiGroups: ['*'], verbs: ['*'], resources: ['*'] }),
    request: aRequest(),
    allows: true,
  },
  { it: 'allows a name it lists', rule: aRule({ resourceNames: ['a'] }), request: aRequest({ name: 'a' }), allows: true },
  { it: 'does not allow a name it does not list', rule: aRule({ resourceNames: ['a'] }), request: aRequest({ name: 'b' }), allows: false },
  { it: 'does not allow a collection when it lists names', rule: aRule({ resourceNames: ['a'] }), request: aRequest(), allows: false },
  { it: 'allows a path', rule: { nonResourceURLs: ['/version'], verbs: ['get'] }, request: path('/version'), allows: true },
  {
    it: 'allows what is below a path',
    rule: { nonResourceURLs: ['/apis/*'], verbs: ['get'] },
    request: path('/apis/apps/v1'),
    allows: true,
  },
  {
    it: 'does not allow what only starts alike',
    rule: { nonResourceURLs: ['/apis/*'], verbs: ['get'] },
    request: path('/apis'),
    allows: false,
  },
  {
    it: 'does not allow paths by resources',
    rule: aRule({ resources: ['*'], apiGroups: ['*'] }),
    request: path('/version'),
    allows: false,
  },
];
for (const { it, rule, request, allows } of matches) test(`a rule ${it}`, () => assert.equal(ruleAllows(rule, request), allows));

const everything = aRule({ apiGroups: ['*'], resources: ['*'], verbs: ['*'] });
const coverings = [
  { it: 'the same', held: [aRule()], wanted: aRule(), missing: [] },
  {
    it: 'what two held rules allow together',
    held: [aRule(), aRule({ verbs: ['list'] })],
    wanted: aRule({ verbs: ['get', 'list'] }),
    missing: [],
  },
  { it: 'anything by everything', held: [everything], wanted: aRule({ resources: ['pods/log'], verbs: ['*'] }), missing: [] },
  { it: 'one name by all', held: [aRule()], wanted: aRule({ resourceNames: ['a'] }), missing: [] },
  {
    it: 'not all names by one',
    held: [aRule({ resourceNames: ['a'] })],
    wanted: aRule(),
    missing: ['{APIGroups:[""], Resources:["pods"], Verbs:["get"]}'],
  },
  {
    it: 'not every verb by some, and names those missing together',
    held: [aRule()],
    wanted: aRule({ verbs: ['get', 'list', 'watch'] }),
    missing: ['{APIGroups:[""], Resources:["pods"], Verbs:["list" "watch"]}'],
  },
  {
    it: 'not a wildcard verb by verbs',
    held: [aRule({ verbs: ['get', 'list'] })],
    wanted: aRule({ verbs: ['*'] }),
    missing: ['{APIGroups:[""], Resources:["pods"], Verbs:["*"]}'],
  },
  {
    it: 'a path below',
    held: [{ nonResourceURLs: ['/apis/*'], verbs: ['get'] }],
    wanted: { nonResourceURLs: ['/apis/x'], verbs: ['get'] },
    missing: [],
  },
  {
    it: 'no path by resources',
    held: [everything],
    wanted: { nonResourceURLs: ['/metrics'], verbs: ['get'] },
    missing: ['{NonResourceURLs:["/metrics"], Verbs:["get"]}'],
  },
];
for (const { it, held, wanted, missing } of coverings) {
  test(`held rules cover ${it}`, () => assert.deepEqual(uncoveredRules(held, [wanted]).map(formatRule), missing));
}
