import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeObject } from '../../decode.ts';
import { customresourcedefinitions } from '../../generated/resources.ts';
import type { CustomResourceDefinition } from '../../generated/types.ts';
import type { JsonObject } from '../../meta/json.ts';
import { compareVersions } from '../../meta/version-priority.ts';
import { applyDefinitionDefaults, validateDefinition, validateDefinitionUpdate } from './custom-resource-definition.ts';
import { namesOf, planNames } from './custom-resource-names.ts';

const schema: JsonObject = {
  openAPIV3Schema: { type: 'object', properties: { spec: { type: 'object', properties: { n: { type: 'integer' } } } } },
};
const aVersion = (name: string, more: JsonObject = {}): JsonObject => ({ name, served: true, storage: true, schema, ...more });

interface Options {
  readonly name?: string;
  readonly group?: string;
  readonly names?: JsonObject;
  readonly spec?: JsonObject;
  readonly annotations?: JsonObject;
  readonly status?: JsonObject;
}

function aDefinition({ group = 'example.com', names, spec, name, annotations = {}, status }: Options = {}): CustomResourceDefinition {
  const allNames = { plural: 'cars', kind: 'Car', ...names };
  const { object } = decodeObject(customresourcedefinitions, {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: name ?? `${allNames.plural}.${group}`, annotations },
    spec: { group, scope: 'Namespaced', names: allNames, versions: [aVersion('v1')], ...spec },
    status: { storedVersions: ['v1'], ...status },
  });
  return applyDefinitionDefaults(object);
}

test('a definition gets a singular, a kind of list and a conversion', () => {
  const { names, conversion } = aDefinition().spec;
  assert.deepEqual(names, { plural: 'cars', kind: 'Car', singular: 'car', listKind: 'CarList' });
  assert.deepEqual(conversion, { strategy: 'None' });
});

const webhook = { strategy: 'Webhook', webhook: { conversionReviewVersions: ['v1'], clientConfig: { url: 'https://example.com' } } };
const both = [aVersion('v1'), aVersion('v2', { storage: false })];
const cases: readonly { it: string; options: Options; problems: readonly string[] }[] = [
  { it: 'that is right', options: {}, problems: [] },
  {
    it: 'of another name',
    options: { name: 'a.example.com' },
    problems: ['metadata.name: Invalid value: "a.example.com": must be spec.names.plural+"."+spec.group'],
  },
  {
    it: 'of a group without a dot',
    options: { group: 'example' },
    problems: ['spec.group: Invalid value: "example": should be a domain with at least one dot'],
  },
  {
    it: 'of no known scope',
    options: { spec: { scope: 'World' } },
    problems: ['spec.scope: Unsupported value: "World": supported values: "Cluster", "Namespaced"'],
  },
  {
    it: 'that stores two versions',
    options: { spec: { versions: [aVersion('v1'), aVersion('v2')] } },
    problems: [
      'spec.versions: Invalid value: ["v1","v2"]: must have exactly one version marked as storage version',
      'status.storedVersions: Invalid value: ["v1"]: must have the storage version v2',
    ],
  },
  {
    it: 'with a list named as its kind',
    options: { names: { listKind: 'Car' } },
    problems: ['spec.names.listKind: Invalid value: "Car": kind and listKind may not be the same'],
  },
  { it: 'converted by a webhook', options: { spec: { conversion: webhook, versions: both } }, problems: [] },
  {
    it: 'converted by a webhook that is nowhere',
    options: { spec: { conversion: { ...webhook, webhook: { conversionReviewVersions: ['v2'], clientConfig: {} } }, versions: both } },
    problems: [
      'spec.conversion.webhookClientConfig: Required value: exactly one of url or service is required',
      'spec.conversion.conversionReviewVersions: Invalid value: ["v2"]: must include at least one of v1, v1beta1',
    ],
  },
  {
    it: 'with a column of no known type',
    options: { spec: { versions: [aVersion('v1', { additionalPrinterColumns: [{ name: 'A', type: 'age', jsonPath: '.a' }] })] } },
    problems: ['spec.additionalPrinterColumns[0].type: Invalid value: "age": must be one of boolean,date,integer,number,string'],
  },
  {
    it: 'with a column in one of its versions that leads nowhere',
    options: {
      spec: {
        versions: [
          aVersion('v1', { additionalPrinterColumns: [{ name: 'A', type: 'string', jsonPath: 'a' }] }),
          aVersion('v2', { storage: false }),
        ],
      },
    },
    problems: ['spec.versions[0].additionalPrinterColumns[0].jsonPath: Invalid value: "a": must be a simple json path starting with .'],
  },
  {
    it: 'whose scale is not in its spec',
    options: {
      spec: { versions: [aVersion('v1', { subresources: { scale: { specReplicasPath: '.a', statusReplicasPath: '.status.a' } } })] },
    },
    problems: ['spec.subresources.scale.specReplicasPath: Invalid value: ".a": should be a json path under .spec'],
  },
  {
    it: 'that selects by what is not there',
    options: { spec: { versions: [aVersion('v1', { selectableFields: [{ jsonPath: '.spec.n' }, { jsonPath: '.spec.m' }] })] } },
    problems: ['spec.selectableFields[1].jsonPath: Invalid value: ".spec.m": is an invalid path: does not refer to a valid field'],
  },
  {
    it: 'of a protected group',
    options: { group: 'x.k8s.io' },
    problems: [
      'metadata.annotations[api-approved.kubernetes.io]: Required value: protected groups must have approval annotation "api-approved.kubernetes.io", see https://github.com/kubernetes/enhancements/pull/1111',
    ],
  },
  {
    it: 'of a protected group that was approved',
    options: { group: 'x.k8s.io', annotations: { 'api-approved.kubernetes.io': 'https://example.com/1' } },
    problems: [],
  },
  {
    it: 'with a wrong version name',
    options: { spec: { versions: [aVersion('V1')] }, status: { storedVersions: ['V1'] } },
    problems: ['spec.versions[0].name'],
  },
];
for (const { it, options, problems } of cases) {
  test(`a definition ${it} is ${problems.length === 0 ? 'accepted' : 'refused'}`, () => {
    const found = validateDefinition(aDefinition(options)).map(({ field, message }) => `${field}: ${message}`);
    assert.equal(found.length, problems.length, found.join('\n'));
    for (const [index, problem] of problems.entries()) assert.ok(found[index]?.startsWith(problem) === true, found.join());
  });
}

test('scope and kind stay once a definition is established', () => {
  const conditions = [{ type: 'Established', status: 'True' }];
  const change = aDefinition({ spec: { scope: 'Cluster' }, names: { kind: 'Cart' } });
  const fields = (previous: CustomResourceDefinition) => validateDefinitionUpdate(change, previous).map(({ field }) => field);
  assert.deepEqual(fields(aDefinition()), []);
  assert.deepEqual(fields(aDefinition({ status: { conditions } })), ['spec.scope', 'spec.names.kind']);
});

const NOW = '2026-01-01T00:00:00Z';
const none = { resources: new Set<string>(), kinds: new Set<string>() };

test('free names are accepted, and the definition established', () => {
  const status = planNames(aDefinition({ names: { shortNames: ['c'] } }), none, NOW);
  assert.deepEqual(status.acceptedNames, { plural: 'cars', singular: 'car', shortNames: ['c'], kind: 'Car', listKind: 'CarList' });
  assert.deepEqual(
    status.conditions?.map(({ type, status: value, reason }) => `${type}=${value} ${reason}`),
    ['NamesAccepted=True NoConflicts', 'Established=True InitialNamesAccepted'],
  );
});

test('planning what is planned already changes nothing', () => {
  const definition = aDefinition();
  const planned = { ...definition, status: planNames(definition, none, NOW) };
  assert.equal(planNames(planned, none, '2027-01-01T00:00:00Z'), planned.status);
});

test('names in use are refused, the others taken', () => {
  const inUse = { resources: new Set(['c', 'car']), kinds: new Set<string>() };
  const status = planNames(aDefinition({ names: { shortNames: ['c'] } }), inUse, NOW);
  assert.deepEqual(status.acceptedNames, { plural: 'cars', singular: '', kind: 'Car', listKind: 'CarList' });
  assert.deepEqual(
    status.conditions?.map(({ reason, message }) => `${reason}: ${message}`),
    ['ShortNamesConflict: "c" is already in use', 'NotAccepted: not all names are accepted'],
  );
});

test('an established definition stays so when it asks for a name in use', () => {
  const first = aDefinition();
  const established = { ...first, status: planNames(first, none, NOW) };
  const greedy = { ...established, spec: { ...established.spec, names: { ...established.spec.names, shortNames: ['po'] } } };
  const status = planNames(greedy, { resources: new Set(['po']), kinds: new Set() }, NOW);
  assert.deepEqual(
    status.conditions?.map(({ type, status: value }) => `${type}=${value}`),
    ['NamesAccepted=False', 'Established=True'],
  );
  assert.deepEqual(namesOf([established]).resources, new Set(['cars', 'car']));
});

test('versions are preferred from stable to alpha, from high to low', () => {
  const sorted = ['foo1', 'v1alpha1', 'v2', 'v11beta2', 'v10', 'v3beta1', 'v11alpha2', 'v12alpha1', 'foo10', 'v1'].sort(compareVersions);
  assert.deepEqual(sorted, ['v10', 'v2', 'v1', 'v11beta2', 'v3beta1', 'v12alpha1', 'v11alpha2', 'v1alpha1', 'foo1', 'foo10']);
});
