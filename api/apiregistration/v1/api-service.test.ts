/** APIServices: defaults, validation, which there are for what is served here, and when another server can be asked. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { APIService, EndpointSlice, Service } from '../../generated/types.ts';
import { applyApiServiceDefaults, validateApiService, validateApiServiceUpdate } from './api-service.ts';
import { findUnavailability } from './availability.ts';
import { AUTOMANAGED_LABEL, type LocalSnapshot, planLocalApiServices, type ServedVersion } from './local-api-services.ts';
import { inOrder, priorityOf } from './priorities.ts';

const aSpec = { group: 'example.com', version: 'v1', groupPriorityMinimum: 100, versionPriority: 10 };
const stored = { uid: 'u', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' };
const reference = { namespace: 'default', name: 'api', port: 443 };

function anApiService(spec: Partial<APIService['spec']> = {}, name = 'v1.example.com', label?: string): APIService {
  const labels = label === undefined ? {} : { labels: { [AUTOMANAGED_LABEL]: label } };
  return {
    apiVersion: 'apiregistration.k8s.io/v1',
    kind: 'APIService',
    metadata: { ...stored, name, ...labels },
    spec: { ...aSpec, ...spec },
  };
}

const problemsOf = (apiService: APIService) => validateApiService(apiService).map(({ field, message }) => `${field}: ${message}`);

test('a Service is asked at port 443 unless it says otherwise', () => {
  const { spec } = applyApiServiceDefaults(anApiService({ service: { namespace: 'default', name: 'api' } }));
  assert.deepEqual(spec.service, reference);
  assert.deepEqual(applyApiServiceDefaults(anApiService()), anApiService());
});

const invalid = [
  { it: 'a good local one', apiService: anApiService(), problems: [] },
  { it: 'a good remote one', apiService: anApiService({ service: reference, insecureSkipTLSVerify: true }), problems: [] },
  { it: 'the core group', apiService: anApiService({ group: '' }, 'v1.'), problems: [] },
  {
    it: 'another name',
    apiService: anApiService({}, 'other'),
    problems: ['metadata.name: Invalid value: "other": must be `spec.version+"."+spec.group`: "v1.example.com"'],
  },
  {
    it: 'another version of no group',
    apiService: anApiService({ group: '', version: 'v2' }, 'v2.'),
    problems: ['spec.group: Required value: only v1 may have an empty group and it better be legacy kube'],
  },
  {
    it: 'no priorities',
    apiService: anApiService({ groupPriorityMinimum: 0, versionPriority: 1_001 }),
    problems: [
      'spec.groupPriorityMinimum: Invalid value: 0: must be positive and less than 20000',
      'spec.versionPriority: Invalid value: 1001: must be positive and less than 1000',
    ],
  },
  {
    it: 'a local one with things of a remote one',
    apiService: anApiService({ caBundle: 'YWJj', insecureSkipTLSVerify: true }),
    problems: [
      'spec.caBundle: Invalid value: "3 bytes": local APIServices may not have a caBundle',
      'spec.insecureSkipTLSVerify: Invalid value: true: local APIServices may not have insecureSkipTLSVerify',
    ],
  },
  {
    it: 'a nameless Service at no port',
    apiService: anApiService({ service: { port: 0 } }),
    problems: [
      'spec.service.namespace: Required value',
      'spec.service.name: Required value',
      'spec.service.port: Invalid value: 0: port is not valid: must be between 1 and 65535, inclusive',
    ],
  },
  {
    it: 'both ways to trust',
    apiService: anApiService({ service: reference, caBundle: 'YWJj', insecureSkipTLSVerify: true }),
    problems: ['spec.insecureSkipTLSVerify: Invalid value: true: may not be true if caBundle is present'],
  },
];
for (const { it, apiService, problems } of invalid) test(`validation of ${it}`, () => assert.deepEqual(problemsOf(apiService), problems));

test('a condition holds, does not, or nobody knows', () => {
  const wrong = { ...anApiService(), status: { conditions: [{ type: 'Available', status: 'Maybe' }] } };
  assert.equal(validateApiServiceUpdate(wrong, wrong, '').length, 0);
  assert.deepEqual(
    validateApiServiceUpdate(wrong, wrong, 'status').map(({ field }) => field),
    ['status.conditions[0].status'],
  );
});

describe('of what is served here', () => {
  const apps: ServedVersion = { group: 'apps', version: 'v1', isCustom: false };
  const custom: ServedVersion = { group: 'example.com', version: 'v1', isCustom: true };
  const appsSpec = { group: 'apps', version: 'v1', groupPriorityMinimum: 17_800, versionPriority: 15 };
  const customSpec = { group: 'example.com', version: 'v1', groupPriorityMinimum: 1_000, versionPriority: 100 };
  const ourApps = (changes: Partial<APIService['spec']> = {}) => anApiService({ ...appsSpec, ...changes }, 'v1.apps', 'onstart');
  const ourCustom = (changes: Partial<APIService['spec']> = {}) => anApiService({ ...customSpec, ...changes }, 'v1.example.com', 'true');
  const settled = new Set(['v1.apps']);
  const plan = (snapshot: Partial<LocalSnapshot>) =>
    planLocalApiServices({ served: [apps, custom], present: [], settled: new Set(), ...snapshot }).map((action) =>
      action.type === 'delete' ? `delete ${action.name}` : `${action.type} ${action.apiService.metadata.name}`,
    );

  const cases: { readonly it: string; readonly snapshot: Partial<LocalSnapshot>; readonly does: readonly string[] }[] = [
    { it: 'nothing is there: all are made', snapshot: {}, does: ['create v1.apps', 'create v1.example.com'] },
    { it: 'all is there: nothing is done', snapshot: { present: [ourApps(), ourCustom()] }, does: [] },
    {
      it: 'one was changed before the start: it is put right',
      snapshot: { present: [ourApps({ versionPriority: 1 }), ourCustom()] },
      does: ['update v1.apps'],
    },
    {
      it: 'a built-in one is changed later: it is left',
      snapshot: { present: [ourApps({ versionPriority: 1 }), ourCustom()], settled },
      does: [],
    },
    { it: 'a built-in one is deleted later: it stays away', snapshot: { present: [ourCustom()], settled }, does: [] },
    {
      it: 'a custom one is changed: it is put right',
      snapshot: { present: [ourApps(), ourCustom({ versionPriority: 1 })], settled },
      does: ['update v1.example.com'],
    },
    { it: 'a custom one is deleted: it is made again', snapshot: { present: [ourApps()], settled }, does: ['create v1.example.com'] },
    {
      it: 'a definition is gone: so is its APIService',
      snapshot: { served: [apps], present: [ourApps(), ourCustom()], settled },
      does: ['delete v1.example.com'],
    },
    {
      it: 'a user made one of their own: it is theirs',
      snapshot: { present: [ourApps(), anApiService({ service: reference })], settled },
      does: [],
    },
    {
      it: 'a group is no longer built in: its APIService goes at the start',
      snapshot: { served: [custom], present: [ourApps(), ourCustom()] },
      does: ['delete v1.apps'],
    },
    { it: 'the group of APIServices has none', snapshot: { served: [{ ...apps, group: 'apiregistration.k8s.io' }] }, does: [] },
  ];
  for (const { it, snapshot, does } of cases) test(it, () => assert.deepEqual(plan(snapshot), does));
});

describe('availability', () => {
  const service = (port = 443): Service => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { ...stored, name: 'api' },
    spec: { type: 'ClusterIP', ports: [{ name: 'https', port }] },
  });
  const slice = (ready: boolean, name = 'https'): EndpointSlice => ({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { ...stored, name: 'api-1' },
    addressType: 'IPv4',
    endpoints: [{ addresses: ['10.0.0.1'], conditions: { ready } }],
    ports: [{ name, port: 8443 }],
  });
  const external: Service = { ...service(), spec: { type: 'ExternalName', externalName: 'example.com' } };
  const cases = [
    { it: 'no Service', service: undefined, slices: [], says: 'ServiceNotFound: service/api in "default" is not present' },
    {
      it: 'another port',
      service: service(80),
      slices: [],
      says: 'ServicePortError: service/api in "default" is not listening on port 443',
    },
    {
      it: 'no endpoints',
      service: service(),
      slices: [],
      says: 'EndpointsNotFound: cannot find endpointslices for service/api in "default"',
    },
    {
      it: 'nobody ready',
      service: service(),
      slices: [slice(false)],
      says: 'MissingEndpoints: endpointslices for service/api in "default" have no addresses with port name "https"',
    },
    {
      it: 'another port name',
      service: service(),
      slices: [slice(true, 'http')],
      says: 'MissingEndpoints: endpointslices for service/api in "default" have no addresses with port name "https"',
    },
    { it: 'somebody ready', service: service(), slices: [slice(false), slice(true)], says: undefined },
    { it: 'another name in the DNS', service: external, slices: [], says: undefined },
  ];
  for (const { it, service: found, slices, says } of cases) {
    test(`with ${it}`, () => {
      const condition = findUnavailability({ reference, service: found, slices });
      assert.equal(condition && `${condition.reason}: ${condition.message}`, says);
    });
  }
});

test('groups are in the order of their numbers, versions of one group together', () => {
  const one = (group: string, version: string) => ({
    group,
    version,
    priority: priorityOf(group, version, { isCustom: group.includes('example') }),
  });
  const aggregated = { group: 'apps', version: 'v9', priority: { group: 1, version: 1_000 } };
  const versions = [
    one('b.example', 'v1'),
    one('batch', 'v1'),
    one('a.example', 'v1beta1'),
    one('a.example', 'v1'),
    one('autoscaling', 'v1'),
    one('autoscaling', 'v2'),
  ];
  assert.deepEqual(
    inOrder([...versions, one('', 'v1'), one('apps', 'v1'), aggregated]).map(({ group, version }) => `${group}/${version}`),
    ['/v1', 'apps/v9', 'apps/v1', 'autoscaling/v2', 'autoscaling/v1', 'batch/v1', 'a.example/v1', 'a.example/v1beta1', 'b.example/v1'],
  );
});

test('the order does not depend on the order before', () => {
  const arbitrary = fc.uniqueArray(
    fc.record({
      group: fc.constantFrom('a', 'b', 'c'),
      version: fc.constantFrom('v1', 'v2', 'v1beta1'),
      priority: fc.record({ group: fc.integer({ min: 1, max: 3 }), version: fc.integer({ min: 1, max: 3 }) }),
    }),
    { selector: ({ group, version }) => `${group}/${version}` },
  );
  fc.assert(fc.property(arbitrary, (versions) => assert.deepEqual(inOrder(versions), inOrder(versions.toReversed()))));
});
