import assert from 'node:assert/strict';
import { test } from 'node:test';
import { flowschemas, prioritylevelconfigurations } from '../../generated/resources.ts';
import { anObject, testRules } from '../../testing/kind-cases.ts';
import { applyFlowSchemaDefaults, validateFlowSchema } from './flow-schema.ts';
import { mandatoryFlowSchemas, mandatoryPriorityLevels } from './mandatory.ts';
import { applyPriorityLevelDefaults, validatePriorityLevel } from './priority-level.ts';

const user = { kind: 'User', user: { name: 'jane' } };
const resourceRule = { verbs: ['get'], apiGroups: [''], resources: ['pods'], namespaces: ['*'] };
const pathRule = { verbs: ['*'], nonResourceURLs: ['/healthz'] };
const rules = (rule: object) => ({ spec: { rules: [rule] } });
const withSubject = (subject: object) => rules({ subjects: [subject], nonResourceRules: [pathRule] });
const withResourceRule = (change: object) => rules({ subjects: [user], resourceRules: [{ ...resourceRule, ...change }] });
const withPathRule = (change: object) => rules({ subjects: [user], nonResourceRules: [{ ...pathRule, ...change }] });

const flowSchema = {
  type: flowschemas,
  base: {
    spec: {
      priorityLevelConfiguration: { name: 'low' },
      distinguisherMethod: { type: 'ByUser' },
      rules: [{ subjects: [user], resourceRules: [resourceRule], nonResourceRules: [pathRule] }],
    },
  },
  applyDefaults: applyFlowSchemaDefaults,
  validate: validateFlowSchema,
};
const VERBS = '"create", "delete", "deletecollection", "get", "list", "patch", "proxy", "update", "watch"';
testRules(flowSchema, [
  {
    it: 'comes after the exempt one',
    change: { spec: { matchingPrecedence: 1 } },
    problems: ["spec.matchingPrecedence: Invalid value: 1: only the schema named 'exempt' may have matchingPrecedence 1"],
  },
  {
    it: 'has a precedence within bounds',
    change: { spec: { matchingPrecedence: 10_001 } },
    problems: ['spec.matchingPrecedence: Invalid value: 10001: must not be greater than 10000'],
  },
  {
    it: 'has a positive precedence',
    change: { spec: { matchingPrecedence: -1 } },
    problems: ['spec.matchingPrecedence: Invalid value: -1: must be a positive value'],
  },
  {
    it: 'tells flows apart by what is known',
    change: { spec: { distinguisherMethod: { type: 'ByMoon' } } },
    problems: ['spec.distinguisherMethod.type: Unsupported value: {"type":"ByMoon"}: supported values: "ByNamespace", "ByUser"'],
  },
  {
    it: 'names its level',
    change: { spec: { priorityLevelConfiguration: { name: '' } } },
    problems: ['spec.priorityLevelConfiguration.name: Required value: must reference a priority level'],
  },
  {
    it: 'has rules about somebody and something',
    change: rules({ subjects: [] }),
    problems: [
      'spec.rules[0].subjects: Required value: subjects must contain at least one value',
      'spec.rules[0]: Required value: at least one of resourceRules and nonResourceRules has to be non-empty',
    ],
  },
  {
    it: 'says which user',
    change: withSubject({ kind: 'User', group: { name: 'a' } }),
    problems: [
      "spec.rules[0].subjects[0].user: Required value: user is required when subject kind is 'User'",
      "spec.rules[0].subjects[0].group: Forbidden: group is forbidden when subject kind is not 'Group'",
    ],
  },
  {
    it: 'says which account, and where',
    change: withSubject({ kind: 'ServiceAccount', serviceAccount: { name: '', namespace: '' } }),
    problems: [
      'spec.rules[0].subjects[0].serviceAccount.name: Required value',
      'spec.rules[0].subjects[0].serviceAccount.namespace: Required value: must specify namespace for service account',
    ],
  },
  {
    it: 'knows three kinds of subjects',
    change: withSubject({ kind: 'Moon' }),
    problems: ['spec.rules[0].subjects[0].kind: Unsupported value: "Moon": supported values: "Group", "ServiceAccount", "User"'],
  },
  {
    it: 'knows the verbs',
    change: withResourceRule({ verbs: ['fly'] }),
    problems: [`spec.rules[0].resourceRules[0].verbs: Unsupported value: ["fly"]: supported values: ${VERBS}`],
  },
  {
    it: 'says all alone',
    change: withResourceRule({ verbs: ['*', 'get'], apiGroups: ['*', ''], resources: ['*', 'pods'], namespaces: ['*', 'a'] }),
    problems: [
      'spec.rules[0].resourceRules[0].verbs: Invalid value: ["*","get"]: if \'*\' is present, must not specify other verbs',
      'spec.rules[0].resourceRules[0].apiGroups: Invalid value: ["*",""]: if \'*\' is present, must not specify other api groups',
      'spec.rules[0].resourceRules[0].resources: Invalid value: ["*","pods"]: if \'*\' is present, must not specify other resources',
      'spec.rules[0].resourceRules[0].namespaces: Invalid value: ["*","a"]: if \'*\' is present, must not specify other namespaces',
    ],
  },
  {
    it: 'leaves no list of a rule empty',
    change: withResourceRule({ verbs: [], apiGroups: [], resources: [], namespaces: [] }),
    problems: [
      'spec.rules[0].resourceRules[0].verbs: Required value: verbs must contain at least one value',
      'spec.rules[0].resourceRules[0].apiGroups: Required value: resource rules must supply at least one api group',
      'spec.rules[0].resourceRules[0].resources: Required value: resource rules must supply at least one resource',
      'spec.rules[0].resourceRules[0].namespaces: Required value: resource rules that are not cluster scoped must supply at least one namespace',
    ],
  },
  { it: 'may be about what is in no namespace', change: withResourceRule({ namespaces: [], clusterScope: true }), problems: [] },
  ...[
    { url: '', why: 'must not be empty' },
    { url: 'a', why: 'must start with slash' },
    { url: '/a b', why: 'must not contain white-space' },
    { url: '/a//b', why: 'must not contain double slash' },
    { url: '/a*', why: 'wildcard can only do suffix matching' },
  ].map(({ url, why }) => ({
    it: `does not take the path ${JSON.stringify(url)}`,
    change: withPathRule({ nonResourceURLs: [url] }),
    problems: [`spec.rules[0].nonResourceRules[0].nonResourceURLs[0]: Invalid value: ${JSON.stringify(url)}: ${why}`],
  })),
  {
    it: 'has each condition once',
    change: { status: { conditions: [{ type: 'a' }, { type: 'a' }, {}] } },
    problems: ['status.conditions[1].type: Duplicate value: "a"', 'status.conditions[2].type: Required value: must not be empty'],
  },
]);

const limit = (change: object) => ({ spec: { limited: change } });
const queuing = (change: object) => limit({ limitResponse: { queuing: change } });
const QUEUING = 'spec.limited.limitResponse.queuing';
const level = {
  type: prioritylevelconfigurations,
  base: { spec: { type: 'Limited', limited: { limitResponse: { type: 'Queue', queuing: {} } } } },
  applyDefaults: applyPriorityLevelDefaults,
  validate: validatePriorityLevel,
};
testRules(level, [
  {
    it: 'is exempt only by the name',
    change: { spec: { type: 'Exempt', limited: null, exempt: {} } },
    problems: ["spec.type: Invalid value: \"Exempt\": type must be 'Exempt' if and only if name is 'exempt'"],
  },
  {
    it: 'has limits',
    change: { spec: { limited: null, exempt: {} } },
    problems: [
      'spec.exempt: Forbidden: must be nil if the type is Limited',
      'spec.limited: Required value: must not be empty when type is Limited',
    ],
  },
  {
    it: 'has shares and percentages that can be',
    change: limit({ nominalConcurrencyShares: -1, lendablePercent: 101, borrowingLimitPercent: -1 }),
    problems: [
      'spec.limited.nominalConcurrencyShares: Invalid value: -1: must be a non-negative integer',
      'spec.limited.lendablePercent: Invalid value: 101: must be between 0 and 100, inclusive',
      'spec.limited.borrowingLimitPercent: Invalid value: -1: if specified, must be a non-negative integer',
    ],
  },
  { it: 'may have no share', change: limit({ nominalConcurrencyShares: 0 }), problems: [] },
  {
    it: 'does not queue what it rejects',
    change: limit({ limitResponse: { type: 'Reject' } }),
    problems: [`${QUEUING}: Forbidden: must be nil if limited.limitResponse.type is not Limited`],
  },
  {
    it: 'says how it queues',
    change: limit({ limitResponse: { queuing: null } }),
    problems: [`${QUEUING}: Required value: must not be empty if limited.limitResponse.type is Limited`],
  },
  {
    it: 'queues or rejects',
    change: limit({ limitResponse: { type: 'Sing' } }),
    problems: ['spec.limited.limitResponse.type: Unsupported value: "Sing": supported values: "Queue", "Reject"'],
  },
  {
    it: 'deals hands that the hash can pay for',
    change: queuing({ queues: 512, handSize: 8 }),
    problems: [`${QUEUING}.handSize: Invalid value: 8: required entropy bits of deckSize 512 and handSize 8 should not be greater than 60`],
  },
  {
    it: 'deals no more queues than there are',
    change: queuing({ queues: 7, handSize: 8, queueLengthLimit: -1 }),
    problems: [
      `${QUEUING}.queueLengthLimit: Invalid value: -1: must be positive`,
      `${QUEUING}.handSize: Invalid value: 8: should not be greater than queues (7)`,
    ],
  },
  {
    it: 'has a bounded number of queues',
    change: queuing({ queues: 20_000_000, handSize: 2 }),
    problems: [`${QUEUING}.queues: Invalid value: 20000000: must not be greater than 10000000`],
  },
]);

test('the defaults of a level are upstream’s', () => {
  assert.deepEqual(anObject(level).spec.limited, {
    nominalConcurrencyShares: 30,
    lendablePercent: 0,
    limitResponse: { type: 'Queue', queuing: { queues: 64, handSize: 8, queueLengthLimit: 50 } },
  });
});

test('mandatory objects are valid, and stay as they are', () => {
  for (const [name, spec] of mandatoryPriorityLevels) {
    const object = { ...anObject(level), metadata: { ...anObject(level).metadata, name }, spec };
    assert.deepEqual(validatePriorityLevel(object), [], name);
    assert.deepEqual(applyPriorityLevelDefaults(object).spec, spec);
  }
  for (const [name, spec] of mandatoryFlowSchemas) {
    const object = { ...anObject(flowSchema), metadata: { ...anObject(flowSchema).metadata, name }, spec };
    assert.deepEqual(validateFlowSchema(object), [], name);
    const [problem] = validateFlowSchema({ ...object, spec: { ...spec, matchingPrecedence: 7 } });
    assert.match(problem?.message ?? '', new RegExp(`spec of '${name}' must equal the fixed value`));
  }
});

test('of the exempt level its shares may change, and nothing else', () => {
  const { metadata } = anObject(level);
  const exempt = { ...anObject(level), metadata: { ...metadata, name: 'exempt' } };
  const changed = { ...exempt, spec: { type: 'Exempt', exempt: { nominalConcurrencyShares: 7, lendablePercent: 10 } } };
  assert.deepEqual(validatePriorityLevel(changed), []);
  const fields = validatePriorityLevel(exempt).map(({ field, message }) => `${field}: ${message}`);
  assert.match(fields[0] ?? '', /type must be 'Exempt' if and only if name is 'exempt'/);
  assert.match(fields[1] ?? '', /spec of 'exempt' except the 'spec.exempt' field must equal the fixed value/);
});
