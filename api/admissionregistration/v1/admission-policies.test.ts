import {
  mutatingadmissionpolicies,
  mutatingadmissionpolicybindings,
  validatingadmissionpolicies,
  validatingadmissionpolicybindings,
} from '../../generated/resources.ts';
import { testRules } from '../../testing/kind-cases.ts';
import {
  applyMutatingBindingDefaults,
  applyMutatingPolicyDefaults,
  validateMutatingBinding,
  validateMutatingPolicy,
} from './mutating-admission-policy.ts';
import {
  applyValidatingBindingDefaults,
  applyValidatingPolicyDefaults,
  validateValidatingBinding,
  validateValidatingPolicy,
} from './validating-admission-policy.ts';

const resourceRules = [{ apiGroups: ['apps'], apiVersions: ['v1'], resources: ['deployments'], operations: ['CREATE'] }];
const NOTHING = 'validations or auditAnnotations must contain at least one item';

testRules(
  {
    type: validatingadmissionpolicies,
    base: {
      spec: {
        matchConstraints: { resourceRules },
        variables: [
          { name: 'replicas', expression: 'object.spec.replicas' },
          { name: 'odd', expression: 'variables.replicas % 2 == 1' },
        ],
        validations: [
          {
            expression: 'variables.odd && request.operation == "CREATE"',
            messageExpression: '"has " + string(variables.replicas)',
            reason: 'Forbidden',
          },
        ],
        auditAnnotations: [{ key: 'size', valueExpression: 'string(size(object.spec))' }],
      },
    },
    applyDefaults: applyValidatingPolicyDefaults,
    validate: validateValidatingPolicy,
  },
  [
    { it: 'must say what it is about', change: { spec: { matchConstraints: null } }, problems: ['spec.matchConstraints: Required value'] },
    {
      it: 'must name resources',
      change: { spec: { matchConstraints: { resourceRules: null } } },
      problems: ['spec.matchConstraints.resourceRules: Required value'],
    },
    {
      it: 'has rules with operations, groups, versions and resources that are names or one wildcard',
      change: {
        spec: {
          matchConstraints: {
            resourceRules: [
              { apiGroups: ['*', 'a'], apiVersions: [''], operations: ['LOOK'], resourceNames: ['a', 'a', '..'], scope: 'World' },
            ],
          },
        },
      },
      problems: [
        'spec.matchConstraints.resourceRules[0].resourceNames[1]: Duplicate value: "a"',
        `spec.matchConstraints.resourceRules[0].resourceNames[2]: Invalid value: "..": may not be '..'`,
        'spec.matchConstraints.resourceRules[0].operations[0]: Unsupported value: "LOOK": supported values: "*", "CONNECT", "CREATE", "DELETE", "UPDATE"',
        `spec.matchConstraints.resourceRules[0].apiGroups: Invalid value: ["*","a"]: if '*' is present, must not specify other API groups`,
        'spec.matchConstraints.resourceRules[0].apiVersions[0]: Required value',
        'spec.matchConstraints.resourceRules[0].resources: Required value',
        'spec.matchConstraints.resourceRules[0].scope: Unsupported value: "World": supported values: "*", "Cluster", "Namespaced"',
      ],
    },
    {
      it: 'fails or ignores',
      change: { spec: { failurePolicy: 'Shrug', matchConstraints: { matchPolicy: 'Loose' } } },
      problems: [
        'spec.failurePolicy: Unsupported value: "Shrug": supported values: "Fail", "Ignore"',
        'spec.matchConstraints.matchPolicy: Unsupported value: "Loose": supported values: "Equivalent", "Exact"',
      ],
    },
    {
      it: 'has something to do',
      change: { spec: { validations: null, auditAnnotations: null } },
      problems: [`spec.validations: Required value: ${NOTHING}`, `spec.auditAnnotations: Required value: ${NOTHING}`],
    },
    {
      it: 'has expressions that compile to what they should be',
      change: {
        spec: {
          validations: [
            { expression: 'object.' },
            { expression: ' ' },
            { expression: '1 + 1' },
            { expression: 'params.a == 1' },
            { expression: 'request.foo' },
            { expression: 'true', messageExpression: '1' },
          ],
        },
      },
      problems: [
        'spec.validations[0].expression: Invalid value: "object.": compilation failed: ERROR: <input>:1:8: Syntax error: Expected IDENTIFIER, got EOF\n | object.\n | .......^',
        'spec.validations[1].expression: Required value: expression is not specified',
        'spec.validations[2].expression: Invalid value: "1 + 1": must evaluate to bool',
        `spec.validations[3].expression: Invalid value: "params.a == 1": compilation failed: ERROR: <input>:1:1: undeclared reference to 'params' (in container '')\n | params.a == 1\n | ^`,
        `spec.validations[4].expression: Invalid value: "request.foo": compilation failed: ERROR: <input>:1:8: undefined field 'foo'\n | request.foo\n | .......^`,
        'spec.validations[5].messageExpression: Invalid value: "1": must evaluate to string',
      ],
    },
    {
      it: 'asks nobody in its messages',
      change: {
        spec: {
          validations: [
            {
              expression: 'authorizer.path("/x").check("get").allowed()',
              messageExpression: 'authorizer.path("/x").check("get").reason()',
            },
          ],
        },
      },
      problems: [
        `spec.validations[0].messageExpression: Invalid value: "authorizer.path(\\"/x\\").check(\\"get\\").reason()": compilation failed: ERROR: <input>:1:1: undeclared reference to 'authorizer' (in container '')\n | authorizer.path("/x").check("get").reason()\n | ^`,
      ],
    },
    {
      it: 'has variables by name, each of which may use those before it',
      change: {
        spec: {
          variables: [
            { name: 'late', expression: 'variables.soon' },
            { name: 'soon', expression: '1' },
            { name: 'if', expression: '' },
          ],
          validations: [{ expression: 'variables.soon == 1' }],
        },
      },
      problems: [
        `spec.variables[0].expression: Invalid value: "variables.soon": compilation failed: ERROR: <input>:1:10: undefined field 'soon'\n | variables.soon\n | .........^`,
        'spec.variables[2].name: Invalid value: "if": name is not a valid CEL identifier',
        'spec.variables[2].expression: Required value: expression is not specified',
      ],
    },
    {
      it: 'gives its variables the types of their expressions',
      change: {
        spec: { variables: [{ name: 'n', expression: '1' }], validations: [{ expression: 'variables.n == "1"' }], auditAnnotations: null },
      },
      problems: [
        `spec.validations[0].expression: Invalid value: "variables.n == \\"1\\"": compilation failed: ERROR: <input>:1:13: found no matching overload for '_==_' applied to '(int, string)'\n | variables.n == "1"\n | ............^`,
      ],
    },
    {
      it: 'tells in one line, with a reason that there is',
      change: {
        spec: {
          validations: [
            { expression: 'true', message: ' ', messageExpression: ' ', reason: 'Mood' },
            { expression: 'true', message: 'a\nb' },
          ],
        },
      },
      problems: [
        'spec.validations[0].messageExpression: Invalid value: " ": must be non-empty if specified',
        'spec.validations[0].message: Invalid value: " ": message must be non-empty if specified',
        'spec.validations[0].reason: Unsupported value: "Mood": supported values: "Forbidden", "Invalid", "RequestEntityTooLarge", "Unauthorized"',
        'spec.validations[1].message: Invalid value: "a\\nb": message must not contain line breaks',
      ],
    },
    {
      it: 'has conditions with names of their own, which know no variables',
      change: {
        spec: {
          matchConditions: [
            { name: 'a', expression: 'true' },
            { name: 'a', expression: ' ' },
            { name: '', expression: 'variables.odd' },
          ],
        },
      },
      problems: [
        'spec.matchConditions[1].expression: Required value',
        'spec.matchConditions[1].name: Duplicate value: "a"',
        `spec.matchConditions[2].expression: Invalid value: "variables.odd": compilation failed: ERROR: <input>:1:1: undeclared reference to 'variables' (in container '')\n | variables.odd\n | ^`,
        'spec.matchConditions[2].name: Required value',
      ],
    },
    {
      it: 'has annotations with keys that are names',
      change: {
        spec: {
          auditAnnotations: [
            { key: 'a', valueExpression: '1' },
            { key: 'a', valueExpression: 'null' },
            { key: 'b', valueExpression: '' },
          ],
        },
      },
      problems: [
        'spec.auditAnnotations[0].valueExpression: Invalid value: "1": must evaluate to one of [string null_type]',
        'spec.auditAnnotations[1].key: Duplicate value: "a"',
        'spec.auditAnnotations[2].valueExpression: Required value: valueExpression is not specified',
      ],
    },
    {
      it: 'takes parameters of a kind that can be',
      change: { spec: { paramKind: { apiVersion: 'a/b/c' } } },
      problems: [
        'spec.paramKind.apiVersion: Invalid value: "a/b/c": unexpected GroupVersion string: a/b/c',
        'spec.paramKind.kind: Required value',
      ],
    },
    {
      it: 'may use its parameters',
      change: { spec: { paramKind: { apiVersion: 'v1', kind: 'ConfigMap' }, validations: [{ expression: 'params.data.a == "b"' }] } },
      problems: [],
    },
  ],
);

testRules(
  {
    type: validatingadmissionpolicybindings,
    base: {
      spec: {
        policyName: 'guard',
        validationActions: ['Deny', 'Audit'],
        paramRef: { name: 'a', parameterNotFoundAction: 'Deny' },
        matchResources: { resourceRules },
      },
    },
    applyDefaults: applyValidatingBindingDefaults,
    validate: validateValidatingBinding,
  },
  [
    { it: 'names a policy', change: { spec: { policyName: null } }, problems: ['spec.policyName: Required value'] },
    {
      it: 'does something',
      change: { spec: { validationActions: [] } },
      problems: ['spec.validationActions: Required value: at least one validation action is required'],
    },
    {
      it: 'does each thing once, and does not say the same twice',
      change: { spec: { validationActions: ['Deny', 'Deny', 'Warn', 'Shout'] } },
      problems: [
        'spec.validationActions[1]: Duplicate value: "Deny"',
        'spec.validationActions[3]: Unsupported value: "Shout": supported values: "Audit", "Deny", "Warn"',
        'spec.validationActions: Invalid value: ["Deny","Deny","Warn","Shout"]: must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)',
      ],
    },
    {
      it: 'has parameters by name or by labels',
      change: { spec: { paramRef: { selector: {}, parameterNotFoundAction: null } } },
      problems: [
        'spec.paramRef.name: Forbidden: name and selector are mutually exclusive',
        'spec.paramRef.selector: Forbidden: name and selector are mutually exclusive',
        'spec.paramRef.parameterNotFoundAction: Required value',
      ],
    },
    {
      it: 'has parameters by one of both',
      change: { spec: { paramRef: { name: null, parameterNotFoundAction: 'Guess' } } },
      problems: [
        'spec.paramRef: Required value: one of name or selector must be specified',
        'spec.paramRef.parameterNotFoundAction: Unsupported value: "Guess": supported values: "Deny", "Allow"',
      ],
    },
  ],
);

testRules(
  {
    type: mutatingadmissionpolicies,
    base: {
      spec: {
        matchConstraints: { resourceRules },
        reinvocationPolicy: 'Never',
        variables: [{ name: 'n', expression: '1' }],
        mutations: [
          { patchType: 'ApplyConfiguration', applyConfiguration: { expression: 'Object{spec: Object.spec{replicas: variables.n}}' } },
          { patchType: 'JSONPatch', jsonPatch: { expression: '[JSONPatch{op: "remove", path: "/spec/paused"}]' } },
          { patchType: 'JSONPatch', jsonPatch: { expression: 'has(object.spec) ? [JSONPatch{op: "remove", path: "/spec/paused"}] : []' } },
        ],
      },
    },
    applyDefaults: applyMutatingPolicyDefaults,
    validate: validateMutatingPolicy,
  },
  [
    {
      it: 'changes something',
      change: { spec: { mutations: [] } },
      problems: ['spec.mutations: Required value: mutations must contain at least one item'],
    },
    {
      it: 'says whether it is asked again',
      change: { spec: { reinvocationPolicy: '' } },
      problems: ['spec.reinvocationPolicy: Required value'],
    },
    {
      it: 'makes patches of a type that there is, and what it says they are',
      change: {
        spec: {
          mutations: [
            { patchType: 'Merge' },
            { patchType: 'JSONPatch' },
            { patchType: 'JSONPatch', jsonPatch: { expression: 'Object{}' } },
            { patchType: 'ApplyConfiguration', applyConfiguration: { expression: '{"a": 1}' } },
            { patchType: 'ApplyConfiguration', applyConfiguration: { expression: '' } },
          ],
        },
      },
      problems: [
        'spec.mutations[0].patchType: Unsupported value: "Merge": supported values: "ApplyConfiguration", "JSONPatch"',
        'spec.mutations[1].jsonPatch: Required value: must be specified when patchType is JSONPatch',
        'spec.mutations[2].jsonPatch.expression: Invalid value: "Object{}": must evaluate to list(JSONPatch)',
        'spec.mutations[3].applyConfiguration.expression: Invalid value: "{\\"a\\": 1}": must evaluate to Object',
        'spec.mutations[4].applyConfiguration.expression: Required value: expression is not specified',
      ],
    },
  ],
);

testRules(
  {
    type: mutatingadmissionpolicybindings,
    base: { spec: { policyName: 'change' } },
    applyDefaults: applyMutatingBindingDefaults,
    validate: validateMutatingBinding,
  },
  [
    {
      it: 'names a policy that can be',
      change: { spec: { policyName: 'A' } },
      problems: [
        "spec.policyName: Invalid value: \"A\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
      ],
    },
  ],
);
