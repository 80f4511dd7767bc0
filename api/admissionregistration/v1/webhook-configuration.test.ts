import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { mutatingwebhookconfigurations, validatingwebhookconfigurations } from '../../generated/resources.ts';
import { anObject, testRules } from '../../testing/kind-cases.ts';
import {
  applyMutatingWebhookDefaults,
  applyValidatingWebhookDefaults,
  validateMutatingWebhooks,
  validateValidatingWebhooks,
} from './webhook-configuration.ts';

const rule = { operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods'] };
const webhook = {
  name: 'a.example.com',
  clientConfig: { service: { name: 'a', namespace: 'b' } },
  rules: [rule],
  sideEffects: 'None',
  admissionReviewVersions: ['v1'],
};
const validating = {
  type: validatingwebhookconfigurations,
  base: { webhooks: [webhook] },
  applyDefaults: applyValidatingWebhookDefaults,
  validate: validateValidatingWebhooks,
};
const mutating = {
  type: mutatingwebhookconfigurations,
  base: { webhooks: [webhook] },
  applyDefaults: applyMutatingWebhookDefaults,
  validate: validateMutatingWebhooks,
};
/** The base webhook, changed. */
const having = (change: object) => ({ webhooks: [{ ...webhook, ...change }] });
const ruled = (change: object) => having({ rules: [{ ...rule, ...change }] });

test('what a webhook leaves out is filled in', () => {
  const { webhooks = [] } = anObject(mutating);
  assert.deepEqual(webhooks[0], {
    ...webhook,
    clientConfig: { service: { name: 'a', namespace: 'b', port: 443 } },
    rules: [{ ...rule, scope: '*' }],
    failurePolicy: 'Fail',
    matchPolicy: 'Equivalent',
    namespaceSelector: {},
    objectSelector: {},
    timeoutSeconds: 10,
    reinvocationPolicy: 'Never',
  });
});

describe('a MutatingWebhookConfiguration', () => {
  testRules(mutating, [
    {
      it: 'that may be asked again when nobody knows when',
      change: having({ reinvocationPolicy: 'Sometimes' }),
      problems: ['webhooks[0].reinvocationPolicy: Unsupported value: "Sometimes": supported values: "IfNeeded", "Never"'],
    },
  ]);
});

describe('a ValidatingWebhookConfiguration', () => {
  testRules(validating, [
    { it: 'without webhooks', change: { webhooks: null }, problems: [] },
    {
      it: 'whose webhooks are not named under a domain',
      change: { webhooks: [having({ name: 'a' }), having({ name: '' }), having({ name: 'A.b.c' })].flatMap((one) => one.webhooks) },
      problems: [
        'webhooks[0].name: Invalid value: "a": should be a domain with at least three segments separated by dots',
        'webhooks[1].name: Required value',
        'webhooks[2].name: Invalid value: "A.b.c": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, ' +
          "'-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is " +
          "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
      ],
    },
    {
      it: 'that uses a name twice',
      change: { webhooks: [webhook, webhook] },
      problems: ['webhooks[1].name: Duplicate value: "a.example.com"'],
    },
    {
      it: 'with values that nobody knows',
      change: having({ failurePolicy: 'a', matchPolicy: 'b', sideEffects: 'Some', timeoutSeconds: 31 }),
      problems: [
        'webhooks[0].failurePolicy: Unsupported value: "a": supported values: "Fail", "Ignore"',
        'webhooks[0].matchPolicy: Unsupported value: "b": supported values: "Equivalent", "Exact"',
        'webhooks[0].sideEffects: Unsupported value: "Some": supported values: "None", "NoneOnDryRun"',
        'webhooks[0].timeoutSeconds: Invalid value: 31: the timeout value must be between 1 and 30 seconds',
      ],
    },
    {
      it: 'of unknown side effects, in no version of reviews',
      change: having({ sideEffects: null, admissionReviewVersions: [] }),
      problems: [
        'webhooks[0].sideEffects: Required value: must specify one of None, NoneOnDryRun',
        'webhooks[0].admissionReviewVersions: Required value: must specify one of v1, v1beta1',
      ],
    },
    {
      it: 'in versions of reviews that are not there',
      change: having({ admissionReviewVersions: ['v2', 'v2'] }),
      problems: [
        'webhooks[0].admissionReviewVersions[1]: Invalid value: "v2": duplicate version',
        'webhooks[0].admissionReviewVersions: Invalid value: ["v2","v2"]: must include at least one of v1, v1beta1',
      ],
    },
    {
      it: 'that is nowhere, or in two places',
      change: {
        webhooks: [
          having({ clientConfig: {} }),
          having({ name: 'b.c.d', clientConfig: { ...webhook.clientConfig, url: 'https://a' } }),
        ].flatMap((one) => one.webhooks),
      },
      problems: [0, 1].map((index) => `webhooks[${index}].clientConfig: Required value: exactly one of url or service is required`),
    },
    {
      it: 'under a URL that is no address of a webhook',
      change: having({ clientConfig: { url: 'http://me@a/b?c=d#e' } }),
      problems: [
        'webhooks[0].clientConfig.url: Invalid value: "http": \'https\' is the only allowed URL scheme; desired format: https://host[/path]',
        'webhooks[0].clientConfig.url: Invalid value: "me": user information is not permitted in the URL',
        'webhooks[0].clientConfig.url: Invalid value: "e": fragments are not permitted in the URL',
        'webhooks[0].clientConfig.url: Invalid value: "c=d": query parameters are not permitted in the URL',
      ],
    },
    {
      it: 'under a URL without a host',
      change: having({ clientConfig: { url: 'https:///a' } }),
      problems: ['webhooks[0].clientConfig.url: Invalid value: "": host must be provided; desired format: https://host[/path]'],
    },
    {
      it: 'behind a Service with parts missing',
      change: having({ clientConfig: { service: { name: '', namespace: '', port: 70_000, path: 'a//B' } } }),
      problems: [
        'webhooks[0].clientConfig.service.name: Required value: service name is required',
        'webhooks[0].clientConfig.service.namespace: Required value: service namespace is required',
        'webhooks[0].clientConfig.service.port: Invalid value: 70000: port is not valid: must be between 1 and 65535, inclusive',
        'webhooks[0].clientConfig.service.path: Invalid value: "a//B": must start with a \'/\'',
        'webhooks[0].clientConfig.service.path: Invalid value: "a//B": segment[0] may not be empty',
        'webhooks[0].clientConfig.service.path: Invalid value: "a//B": segment[1] may not be empty',
        'webhooks[0].clientConfig.service.path: Invalid value: "a//B": segment[2]: a lowercase RFC 1123 subdomain must consist of lower case ' +
          "alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for " +
          "validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
      ],
    },
    {
      it: 'with an empty rule',
      change: having({ rules: [{}] }),
      problems: ['operations', 'apiGroups', 'apiVersions', 'resources'].map((field) => `webhooks[0].rules[0].${field}: Required value`),
    },
    {
      it: 'whose rule names everything and something',
      change: ruled({ operations: ['*', 'CREATE'], apiGroups: ['*', 'a'], apiVersions: ['*', ''], resources: ['*/*', 'a'], scope: 'Some' }),
      problems: [
        `webhooks[0].rules[0].operations: Invalid value: ["*","CREATE"]: if '*' is present, must not specify other operations`,
        `webhooks[0].rules[0].apiGroups: Invalid value: ["*","a"]: if '*' is present, must not specify other API groups`,
        `webhooks[0].rules[0].apiVersions: Invalid value: ["*",""]: if '*' is present, must not specify other API versions`,
        'webhooks[0].rules[0].apiVersions[1]: Required value',
        `webhooks[0].rules[0].resources: Invalid value: ["*/*","a"]: if '*/*' is present, must not specify other resources`,
        'webhooks[0].rules[0].scope: Unsupported value: "Some": supported values: "*", "Cluster", "Namespaced"',
      ],
    },
    {
      it: 'whose rule names operations nobody knows and resources twice',
      change: ruled({ operations: ['PATCH'], resources: ['a/*', 'a/b', '*', 'c', ''] }),
      problems: [
        'webhooks[0].rules[0].operations[0]: Unsupported value: "PATCH": supported values: "*", "CONNECT", "CREATE", "DELETE", "UPDATE"',
        `webhooks[0].rules[0].resources[1]: Invalid value: "a/b": if 'a/*' is present, must not specify a/b`,
        'webhooks[0].rules[0].resources[4]: Required value',
        `webhooks[0].rules[0].resources: Invalid value: ["a/*","a/b","*","c",""]: if '*' is present, must not specify other resources without subresources`,
      ],
    },
    {
      it: 'with selectors that select nothing',
      change: having({
        namespaceSelector: { matchExpressions: [{ key: 'a', operator: 'In' }] },
        objectSelector: { matchLabels: { 'a b': 'c' } },
      }),
      problems: [
        "webhooks[0].namespaceSelector.matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
        "webhooks[0].objectSelector.matchLabels: Invalid value: \"a b\": name part must consist of alphanumeric characters, '-', '_' or '.', and " +
          "must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is " +
          "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
      ],
    },
    {
      it: 'with conditions that cannot be asked',
      change: having({
        matchConditions: [
          { name: '', expression: ' ' },
          { name: 'a', expression: '1' },
          { name: 'a', expression: 'unknown == 1' },
        ],
      }),
      problems: [
        'webhooks[0].matchConditions[0].expression: Required value',
        'webhooks[0].matchConditions[0].name: Required value',
        'webhooks[0].matchConditions[1].expression: Invalid value: "1": must evaluate to bool',
        `webhooks[0].matchConditions[2].expression: Invalid value: "unknown == 1": compilation failed: ERROR: <input>:1:1: undeclared reference to 'unknown' (in container '')\n | unknown == 1\n | ^`,
        'webhooks[0].matchConditions[2].name: Duplicate value: "a"',
      ],
    },
    {
      it: 'with more conditions than anybody needs',
      change: having({ matchConditions: Array.from({ length: 65 }, (_, index) => ({ name: `c${index}`, expression: 'true' })) }),
      problems: ['webhooks[0].matchConditions: Too many: 65: must have at most 64 items'],
    },
  ]);
});
