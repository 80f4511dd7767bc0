import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { deployments, persistentvolumeclaims, pods, secrets, services } from '../../generated/resources.ts';
import type { PodSpec, ResourceQuota, ServiceSpec } from '../../generated/types.ts';
import { type ApiObject, apiVersionOf, type ResourceDescription } from '../../meta/resource-type.ts';
import { chargeQuota, type QuotaWrite, usesQuota } from './quota-charge.ts';
import { quotaUsage } from './quota-usage.ts';
import { formatAmounts } from './resource-list.ts';

const NOW_MS = Date.UTC(2026, 0, 1);
const metadata = { name: 'x', namespace: 'default', uid: 'u', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' };

function aQuota(hard: Record<string, string>, used: Record<string, string>, more: Partial<ResourceQuota['spec']> = {}): ResourceQuota {
  return { apiVersion: 'v1', kind: 'ResourceQuota', metadata: { ...metadata, name: 'q' }, spec: { hard, ...more }, status: { hard, used } };
}

function anObject(type: ResourceDescription, spec: object = {}, more: object = {}): ApiObject {
  return { apiVersion: apiVersionOf(type), kind: type.kind, metadata, ...{ spec }, ...more };
}

function aWrite(type: ResourceDescription, spec: object = {}, before?: object): QuotaWrite {
  const previous = before === undefined ? undefined : anObject(type, before);
  return { type, object: anObject(type, spec), previous, subresource: '', nowMs: NOW_MS };
}

const container = (name: string, requests: Record<string, string> = {}, limits: Record<string, string> = {}) => ({
  name,
  resources: { requests, limits },
});
const podSpec = (...containers: readonly object[]): object => ({ containers });
const port = { port: 80 };

const cases: readonly { it: string; quota: ResourceQuota; write: QuotaWrite; verdict: string | Record<string, string> | undefined }[] = [
  {
    it: 'adds what a pod asks for, and leaves other figures alone',
    quota: aQuota({ pods: '3', 'requests.cpu': '2', secrets: '5' }, { pods: '1', 'requests.cpu': '500m', secrets: '4' }),
    write: aWrite(pods, podSpec(container('a', { cpu: '250m' }), container('b', { cpu: '250m' }))),
    verdict: { pods: '2', 'requests.cpu': '1', secrets: '4' },
  },
  {
    it: 'names only what is exceeded',
    quota: aQuota({ pods: '2', cpu: '1', memory: '1Gi' }, { pods: '2', cpu: '600m', memory: '1Mi' }),
    write: aWrite(pods, podSpec(container('a', { cpu: '500m', memory: '1Mi' }))),
    verdict: 'exceeded quota: q, requested: cpu=500m,pods=1, used: cpu=600m,pods=2, limited: cpu=1,pods=2',
  },
  {
    it: 'demands that every container says what it wants of processors and memory',
    quota: aQuota({ cpu: '1', 'limits.memory': '1Gi' }, { cpu: '0', 'limits.memory': '0' }),
    write: aWrite(pods, podSpec(container('b'), container('a'), container('c', { cpu: '1' }, { memory: '1Mi' }))),
    verdict: 'failed quota: q: must specify cpu for: a,b; limits.memory for: a,b',
  },
  {
    it: 'does not know how much is used before it was counted',
    quota: aQuota({ secrets: '1', pods: '1' }, { pods: '1' }),
    write: aWrite(secrets),
    verdict: 'status unknown for quota: q, resources: secrets',
  },
  {
    it: 'is not in force before its status tells the limit',
    quota: { ...aQuota({ secrets: '0' }, {}), status: {} },
    write: aWrite(secrets),
    verdict: undefined,
  },
  {
    it: 'counts any kind by its group',
    quota: aQuota({ 'count/deployments.apps': '1' }, { 'count/deployments.apps': '1' }),
    write: aWrite(deployments),
    verdict: 'exceeded quota: q, requested: count/deployments.apps=1, used: count/deployments.apps=1, limited: count/deployments.apps=1',
  },
  {
    it: 'charges a change for what it adds',
    quota: aQuota({ 'services.nodeports': '3' }, { 'services.nodeports': '1' }),
    write: aWrite(services, { type: 'NodePort', ports: [port, port] }, { type: 'NodePort', ports: [port] }),
    verdict: { 'services.nodeports': '2' },
  },
  {
    it: 'lets a change through that makes less of what is exceeded',
    quota: aQuota({ services: '0', 'services.nodeports': '0' }, { services: '1', 'services.nodeports': '2' }),
    write: aWrite(services, { type: 'ClusterIP', ports: [port] }, { type: 'NodePort', ports: [port, port] }),
    verdict: undefined,
  },
  {
    it: 'counts no node ports of a balancer that wants none',
    quota: aQuota(
      { 'services.nodeports': '0', 'services.loadbalancers': '1' },
      { 'services.nodeports': '0', 'services.loadbalancers': '0' },
    ),
    write: aWrite(services, { type: 'LoadBalancer', allocateLoadBalancerNodePorts: false, ports: [port] }),
    verdict: { 'services.nodeports': '0', 'services.loadbalancers': '1' },
  },
  {
    it: 'counts storage by class',
    quota: aQuota(
      { 'gold.storageclass.storage.k8s.io/requests.storage': '10Gi' },
      { 'gold.storageclass.storage.k8s.io/requests.storage': '8Gi' },
    ),
    write: aWrite(persistentvolumeclaims, { storageClassName: 'gold', resources: { requests: { storage: '3Gi' } } }),
    verdict:
      'exceeded quota: q, requested: gold.storageclass.storage.k8s.io/requests.storage=3Gi, used: gold.storageclass.storage.k8s.io/requests.storage=8Gi, limited: gold.storageclass.storage.k8s.io/requests.storage=10Gi',
  },
  {
    it: 'takes extended resources by what is requested',
    quota: aQuota({ 'requests.example.com/gpu': '1' }, { 'requests.example.com/gpu': '1' }),
    write: aWrite(pods, podSpec(container('a', { 'example.com/gpu': '1' }, { 'example.com/gpu': '1' }))),
    verdict:
      'exceeded quota: q, requested: requests.example.com/gpu=1, used: requests.example.com/gpu=1, limited: requests.example.com/gpu=1',
  },
  {
    it: 'with the scope BestEffort looks at pods that ask for nothing',
    quota: aQuota({ pods: '0' }, { pods: '0' }, { scopes: ['BestEffort'] }),
    write: aWrite(pods, podSpec(container('a', { cpu: '1' }))),
    verdict: undefined,
  },
  {
    it: 'with the scope Terminating looks at pods with a deadline',
    quota: aQuota({ pods: '0' }, { pods: '0' }, { scopes: ['Terminating'] }),
    write: aWrite(pods, { containers: [container('a')], activeDeadlineSeconds: 5 }),
    verdict: 'exceeded quota: q, requested: pods=1, used: pods=0, limited: pods=0',
  },
  {
    it: 'looks at the priority classes that it names',
    quota: aQuota(
      { pods: '0' },
      { pods: '0' },
      {
        scopeSelector: { matchExpressions: [{ scopeName: 'PriorityClass', operator: 'In', values: ['high'] }] },
      },
    ),
    write: aWrite(pods, { containers: [container('a')], priorityClassName: 'high' }),
    verdict: 'exceeded quota: q, requested: pods=1, used: pods=0, limited: pods=0',
  },
  {
    it: 'with a scope looks at nothing but pods',
    quota: aQuota({ secrets: '0', pods: '0' }, { secrets: '0', pods: '0' }, { scopes: ['NotTerminating'] }),
    write: aWrite(secrets),
    verdict: undefined,
  },
];

for (const { it, quota, write, verdict } of cases) {
  test(`a quota ${it}`, () => {
    const given = chargeQuota(quota, write);
    assert.deepEqual(given.fits ? given.quota?.status?.used : given.why, verdict);
  });
}

test('a pod that ended is still an object, and uses nothing else', () => {
  const done = anObject(pods, podSpec(container('a', { cpu: '1' })), { status: { phase: 'Failed' } });
  assert.deepEqual(formatAmounts(quotaUsage(pods, done, NOW_MS)), { 'count/pods': '1' });
});

test('events, and changes that make nothing larger, are not charged', () => {
  const change = { object: anObject(pods), previous: anObject(pods), subresource: '' };
  assert.equal(usesQuota({ type: pods, ...change }), false);
  assert.equal(usesQuota({ type: pods, ...change, subresource: 'resize' }), true);
  assert.equal(usesQuota({ type: { group: 'events.k8s.io', plural: 'events' }, ...change, previous: undefined }), false);
});

test('whatever is written, what is used never exceeds what is allowed', () => {
  const amount = fc.integer({ min: 0, max: 20 });
  const writes = fc.array(fc.record({ cpu: amount, ports: fc.integer({ min: 0, max: 4 }), isPod: fc.boolean() }), { maxLength: 30 });
  fc.assert(
    fc.property(writes, amount, amount, (wanted, cpu, nodePorts) => {
      const hard = { 'requests.cpu': String(cpu), 'services.nodeports': String(nodePorts) };
      let quota = aQuota(hard, { 'requests.cpu': '0', 'services.nodeports': '0' });
      for (const one of wanted) {
        const spec: Partial<PodSpec> | Partial<ServiceSpec> = one.isPod
          ? { containers: [container('a', { cpu: String(one.cpu) })] }
          : { type: 'NodePort', ports: Array.from({ length: one.ports }, () => port) };
        const verdict = chargeQuota(quota, aWrite(one.isPod ? pods : services, spec));
        if (verdict.fits) quota = verdict.quota ?? quota;
      }
      assert.ok(Number(quota.status?.used?.['requests.cpu']) <= cpu);
      assert.ok(Number(quota.status?.used?.['services.nodeports']) <= nodePorts);
    }),
  );
});
