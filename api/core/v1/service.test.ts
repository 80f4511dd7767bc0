import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeObject } from '../../decode.ts';
import { services } from '../../generated/resources.ts';
import type { Service } from '../../generated/types.ts';
import { applyServiceDefaults, isProxied, keepAllocations, validateService, validateServiceUpdate } from './service.ts';

const aService = (spec: object = {}): Service =>
  decodeObject(services, { metadata: { name: 'web', namespace: 'default' }, spec: { ports: [{ port: 80 }], ...spec } }).object;
const problemsOf = (spec: object) =>
  validateService(applyServiceDefaults(aService(spec))).map(({ field, message }) => `${field}: ${message}`);

test('a Service gets the defaults that kubectl shows', () => {
  assert.deepEqual(applyServiceDefaults(aService()).spec, {
    type: 'ClusterIP',
    ports: [{ port: 80, protocol: 'TCP', targetPort: 80 }],
    sessionAffinity: 'None',
    internalTrafficPolicy: 'Cluster',
    ipFamilies: ['IPv4'],
    ipFamilyPolicy: 'SingleStack',
  });
  const balanced = applyServiceDefaults(aService({ type: 'LoadBalancer', sessionAffinity: 'ClientIP' })).spec;
  assert.equal(balanced.externalTrafficPolicy, 'Cluster');
  assert.equal(balanced.allocateLoadBalancerNodePorts, true);
  assert.deepEqual(balanced.sessionAffinityConfig, { clientIP: { timeoutSeconds: 10_800 } });
  const named = applyServiceDefaults(aService({ type: 'ExternalName', externalName: 'a.example' })).spec;
  assert.equal(named.internalTrafficPolicy, undefined);
});

test('the single address and the list say the same', () => {
  assert.deepEqual(applyServiceDefaults(aService({ clusterIP: 'None' })).spec.clusterIPs, ['None']);
  assert.equal(applyServiceDefaults(aService({ clusterIPs: ['10.96.0.7'] })).spec.clusterIP, '10.96.0.7');
});

const rules: readonly { it: string; spec: object; problems: readonly string[] }[] = [
  { it: 'needs ports', spec: { ports: [] }, problems: ['spec.ports: Required value'] },
  { it: 'needs no ports when headless', spec: { ports: [], clusterIP: 'None' }, problems: [] },
  {
    it: 'names its ports when it has several',
    spec: { ports: [{ port: 80 }, { port: 81 }] },
    problems: ['spec.ports[0].name: Required value', 'spec.ports[1].name: Required value'],
  },
  {
    it: 'has each port of a protocol once',
    spec: {
      ports: [
        { name: 'a', port: 80 },
        { name: 'b', port: 80 },
      ],
    },
    problems: ['spec.ports[1]: Duplicate value: {"protocol":"TCP","port":80}'],
  },
  {
    it: 'may have a port for TCP and for UDP',
    spec: {
      ports: [
        { name: 'a', port: 53 },
        { name: 'b', port: 53, protocol: 'UDP' },
      ],
    },
    problems: [],
  },
  {
    it: 'has node ports only where its type says so',
    spec: { ports: [{ port: 80, nodePort: 30_000 }] },
    problems: ["spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'"],
  },
  {
    it: 'is one of four types',
    spec: { type: 'Magic' },
    problems: ['spec.type: Unsupported value: "Magic": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"'],
  },
  { it: 'needs a name to stand for', spec: { type: 'ExternalName', ports: [] }, problems: ['spec.externalName: Required value'] },
  {
    it: 'has an address that is one',
    spec: { clusterIP: 'ten' },
    problems: ['spec.clusterIPs[0]: Invalid value: "ten": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'],
  },
];
for (const { it, spec, problems } of rules) test(`a Service ${it}`, () => assert.deepEqual(problemsOf(spec), problems));

const stored = applyServiceDefaults(aService({ type: 'NodePort', clusterIP: '10.96.0.7', ports: [{ port: 80, nodePort: 30_080 }] }));

test('an update without addresses keeps the allocated ones', () => {
  const kept = keepAllocations(applyServiceDefaults(aService({ type: 'NodePort' })), stored);
  assert.equal(kept.spec.clusterIP, '10.96.0.7');
  assert.deepEqual(kept.spec.clusterIPs, ['10.96.0.7']);
  assert.equal(kept.spec.ports?.[0]?.nodePort, 30_080);
});

test('an update to another type gives up what that type has not', () => {
  const internal = keepAllocations(applyServiceDefaults(aService()), stored);
  assert.equal(internal.spec.clusterIP, '10.96.0.7');
  assert.equal(internal.spec.ports?.[0]?.nodePort, undefined);
  const named = keepAllocations(applyServiceDefaults(aService({ type: 'ExternalName', externalName: 'a.example' })), stored);
  assert.equal(named.spec.clusterIP, undefined);
});

test('an address stays for life', () => {
  const moved = applyServiceDefaults(aService({ type: 'NodePort', clusterIP: '10.96.0.8' }));
  assert.deepEqual(validateServiceUpdate(moved, stored), [
    { type: 'FieldValueInvalid', field: 'spec.clusterIPs[0]', message: 'Invalid value: ["10.96.0.8"]: may not change once set' },
  ]);
});

test('kube-proxy cares for Services with an address of their own', () => {
  assert.equal(isProxied(stored), true);
  assert.equal(isProxied(aService({ clusterIP: 'None' })), false);
  assert.equal(isProxied(aService()), false);
});
