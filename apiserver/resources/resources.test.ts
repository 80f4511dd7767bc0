import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeObject } from '#api/decode.ts';
import type { ApiObject } from '#api/meta/resource-type.ts';
import { certificatesigningrequests } from './certificatesigningrequests.ts';
import { controllerrevisions } from './controllerrevisions.ts';
import { cronjobs } from './cronjobs.ts';
import { daemonsets } from './daemonsets.ts';
import { deployments } from './deployments.ts';
import { endpoints } from './endpoints.ts';
import { events } from './events.ts';
import { resourceDefinitions } from './index.ts';
import { ingresses } from './ingresses.ts';
import { jobs } from './jobs.ts';
import { namespaces } from './namespaces.ts';
import { nodes } from './nodes.ts';
import { persistentvolumeclaims } from './persistentvolumeclaims.ts';
import { pods } from './pods.ts';
import type { ResourceDefinition } from './resource-definition.ts';
import { resourcequotas } from './resourcequotas.ts';
import { services } from './services.ts';
import { statefulsets } from './statefulsets.ts';

const NOW_MS = Date.parse('2026-01-01T01:00:00Z');
const created = '2026-01-01T00:00:00Z';

function cells<T extends ApiObject>(
  definition: ResourceDefinition<T>,
  fields: object,
  options: { wide?: boolean } = {},
): readonly unknown[] {
  const metadata = { name: 'web', namespace: 'default', creationTimestamp: created };
  const { object } = decodeObject(definition.type, { metadata, ...fields });
  const shown = definition.columns.filter(({ priority = 0 }) => priority === 0 || options.wide === true);
  return shown.map((column) => column.value(object, NOW_MS));
}

test('every definition is of its own resource and defaults twice as once', () => {
  const names = resourceDefinitions.map(({ type }) => `${type.group}/${type.version}/${type.plural}`);
  assert.equal(new Set(names).size, names.length);
  const stored = resourceDefinitions.filter(({ storedAs }) => storedAs === undefined);
  const shortNames = stored.flatMap((definition) => definition.shortNames);
  assert.equal(new Set(shortNames).size, shortNames.length);
  for (const definition of resourceDefinitions) {
    const { object } = decodeObject(definition.type, { metadata: { name: 'a', namespace: 'default' } });
    const once = definition.applyDefaults(object);
    assert.deepEqual(definition.applyDefaults(once), once, definition.type.plural);
    definition.validate(once);
    definition.selectableFields(once);
    for (const column of definition.columns) column.value(once, NOW_MS);
  }
});

const containers = [{ name: 'a' }, { name: 'b' }];
const running = (name: string, fields: object = {}) => ({ name, ready: true, state: { running: {} }, ...fields });
const podRows: readonly { it: string; pod: object; row: readonly string[] }[] = [
  { it: 'waits for a node', pod: { spec: { containers }, status: { phase: 'Pending' } }, row: ['0/2', 'Pending', '0'] },
  {
    it: 'runs',
    pod: { spec: { containers }, status: { phase: 'Running', containerStatuses: [running('a'), running('b')] } },
    row: ['2/2', 'Running', '0'],
  },
  {
    it: 'fails again and again',
    pod: {
      spec: { containers },
      status: {
        phase: 'Running',
        containerStatuses: [
          running('a'),
          {
            name: 'b',
            restartCount: 3,
            state: { waiting: { reason: 'CrashLoopBackOff' } },
            lastState: { terminated: { exitCode: 1, finishedAt: '2026-01-01T00:55:00Z' } },
          },
        ],
      },
    },
    row: ['1/2', 'CrashLoopBackOff', '3 (5m ago)'],
  },
  {
    it: 'is killed by a signal',
    pod: {
      spec: { containers: [{ name: 'a' }] },
      status: { containerStatuses: [{ name: 'a', state: { terminated: { exitCode: 137, signal: 9 } } }] },
    },
    row: ['0/1', 'Signal:9', '0'],
  },
  {
    it: 'prepares',
    pod: {
      spec: { containers, initContainers: [{ name: 'i' }, { name: 'j' }] },
      status: {
        phase: 'Pending',
        initContainerStatuses: [
          { name: 'i', state: { terminated: { exitCode: 0 } } },
          { name: 'j', state: { running: {} } },
        ],
      },
    },
    row: ['0/2', 'Init:1/2', '0'],
  },
  {
    it: 'cannot prepare',
    pod: {
      spec: { containers, initContainers: [{ name: 'i' }] },
      status: { initContainerStatuses: [{ name: 'i', restartCount: 2, state: { waiting: { reason: 'CrashLoopBackOff' } } }] },
    },
    row: ['0/2', 'Init:CrashLoopBackOff', '2'],
  },
  {
    it: 'has a sidecar that counts',
    pod: {
      spec: { containers: [{ name: 'a' }], initContainers: [{ name: 's', restartPolicy: 'Always' }] },
      status: { phase: 'Running', initContainerStatuses: [running('s', { started: true })], containerStatuses: [running('a')] },
    },
    row: ['2/2', 'Running', '0'],
  },
  {
    it: 'has one container done while another runs',
    pod: {
      spec: { containers },
      status: {
        phase: 'Running',
        containerStatuses: [{ name: 'a', state: { terminated: { exitCode: 0, reason: 'Completed' } } }, running('b')],
      },
    },
    row: ['1/2', 'NotReady', '0'],
  },
  {
    it: 'goes away',
    pod: {
      metadata: { name: 'web', deletionTimestamp: created, creationTimestamp: created },
      spec: { containers },
      status: { phase: 'Running' },
    },
    row: ['0/2', 'Terminating', '0'],
  },
];
for (const { it, pod, row } of podRows) {
  test(`a pod that ${it} is shown as ${row.join(' ')}`, () => assert.deepEqual(cells(pods, pod), ['web', ...row, '60m']));
}

test('a pod is shown wide with its address and node', () => {
  const pod = { spec: { containers, nodeName: 'worker-1' }, status: { phase: 'Running', podIPs: [{ ip: '10.244.1.4' }] } };
  assert.deepEqual(cells(pods, pod, { wide: true }).slice(5), ['10.244.1.4', 'worker-1', '<none>', '<none>']);
});

test('a Deployment, a Service, a node and Endpoints are shown as kubectl users know them', () => {
  const template = { spec: { containers: [{ name: 'a', image: 'a:1' }] } };
  const deployment = {
    spec: { replicas: 3, selector: { matchLabels: { app: 'web' } }, template },
    status: { readyReplicas: 2, updatedReplicas: 3 },
  };
  assert.deepEqual(cells(deployments, deployment, { wide: true }), ['web', '2/3', 3, 0, '60m', 'a', 'a:1', 'app=web']);
  const service = { spec: { type: 'NodePort', clusterIP: '10.96.0.7', ports: [{ port: 80, nodePort: 30080, protocol: 'TCP' }] } };
  assert.deepEqual(cells(services, service), ['web', 'NodePort', '10.96.0.7', '<none>', '80:30080/TCP', '60m']);
  assert.equal(cells(services, { spec: { type: 'LoadBalancer' } })[3], '<pending>');
  const node = {
    spec: { unschedulable: true },
    status: { conditions: [{ type: 'Ready', status: 'True' }], nodeInfo: { kubeletVersion: 'v1.36.0' } },
  };
  assert.deepEqual(cells(nodes, node), ['web', 'Ready,SchedulingDisabled', '<none>', '60m', 'v1.36.0']);
  const addresses = ['1', '2', '3', '4'].map((last) => ({ ip: `10.244.1.${last}` }));
  assert.equal(
    cells(endpoints, { subsets: [{ addresses, ports: [{ port: 80 }] }] })[1],
    '10.244.1.1:80,10.244.1.2:80,10.244.1.3:80 + 1 more...',
  );
});

test('an event is shown by what it is about', () => {
  const event = {
    involvedObject: { kind: 'Pod', name: 'web' },
    type: 'Normal',
    reason: 'Started',
    message: ' ok\n',
    lastTimestamp: created,
  };
  assert.deepEqual(cells(events, event), ['60m', 'Normal', 'Started', 'pod/web', 'ok']);
  const { object } = decodeObject(events.type, event);
  assert.equal(events.selectableFields(object)['involvedObject.name'], 'web');
});

test('a new object has no status but its first, and generation 1', () => {
  const { object } = decodeObject(deployments.type, { metadata: { name: 'a', generation: 7 }, status: { replicas: 9 } });
  const prepared = deployments.prepareForCreate(object);
  assert.deepEqual(prepared.status, {});
  assert.equal(prepared.metadata.generation, 1);
  const pod = pods.prepareForCreate(decodeObject(pods.type, { spec: { containers: [{ name: 'a' }] } }).object);
  assert.deepEqual(pod.status, { phase: 'Pending', qosClass: 'BestEffort' });
});

test('an update keeps the status and counts a changed spec', () => {
  const previous = decodeObject(deployments.type, {
    metadata: { name: 'a', generation: 4 },
    spec: { replicas: 1 },
    status: { replicas: 1 },
  }).object;
  const same = deployments.prepareForUpdate({ ...previous, status: { replicas: 5 } }, previous);
  assert.deepEqual(same, previous);
  const scaled = deployments.prepareForUpdate({ ...previous, spec: { ...previous.spec, replicas: 2 } }, previous);
  assert.equal(scaled.metadata.generation, 5);
});

test('a status update changes the status, and what of the metadata the kind lets it change', () => {
  const owner = { apiVersion: 'v1', kind: 'Node', name: 'n', uid: 'u' };
  const metadata = { name: 'a', resourceVersion: '1', annotations: { old: '1' }, generation: 3 };
  const previous = decodeObject(pods.type, { metadata, status: { phase: 'Pending' } }).object;
  const wanted = { ...metadata, annotations: undefined, labels: { a: 'b' }, ownerReferences: [owner], generation: 9 };
  const { object } = decodeObject(pods.type, { metadata: wanted, spec: { nodeName: 'n' }, status: { phase: 'Running' } });
  const { annotations: _gone, ...kept } = metadata;
  const expected = { ...previous, metadata: { ...kept, labels: { a: 'b' } }, status: { phase: 'Running' } };
  assert.deepEqual(pods.prepareForStatusUpdate(object, previous), expected);
});

test('a namespace is held by its finalizer from the start', () => {
  const namespace = namespaces.prepareForCreate(decodeObject(namespaces.type, { metadata: { name: 'a' } }).object);
  assert.deepEqual(namespace.spec.finalizers, ['kubernetes']);
  const changed = namespaces.prepareForUpdate({ ...namespace, spec: {} }, namespace);
  assert.deepEqual(changed.spec.finalizers, ['kubernetes']);
});

test('only a pod that runs somewhere is given time to stop', () => {
  const aPod = (spec: object, status: object = {}) => decodeObject(pods.type, { spec: { containers, ...spec }, status }).object;
  assert.equal(pods.gracePeriodSeconds?.(aPod({ terminationGracePeriodSeconds: 5 })), 0);
  assert.equal(pods.gracePeriodSeconds?.(aPod({ nodeName: 'n', terminationGracePeriodSeconds: 5 })), 5);
  assert.equal(pods.gracePeriodSeconds?.(aPod({ nodeName: 'n' })), 30);
  assert.equal(pods.gracePeriodSeconds?.(aPod({ nodeName: 'n' }, { phase: 'Failed' })), 0);
});

test('the other workloads, volumes and rules are shown as kubectl users know them', () => {
  const template = { spec: { containers: [{ name: 'a', image: 'a:1' }] } };
  assert.deepEqual(cells(statefulsets, { spec: { replicas: 3, template }, status: { readyReplicas: 1 } }, { wide: true }), [
    'web',
    '1/3',
    '60m',
    'a',
    'a:1',
  ]);
  const daemonSet = { spec: { template }, status: { desiredNumberScheduled: 3, currentNumberScheduled: 2, numberReady: 1 } };
  assert.deepEqual(cells(daemonsets, daemonSet), ['web', 3, 2, 1, 0, 0, '<none>', '60m']);
  const done = {
    startTime: created,
    completionTime: '2026-01-01T00:01:30Z',
    succeeded: 2,
    conditions: [{ type: 'Complete', status: 'True' }],
  };
  assert.deepEqual(cells(jobs, { spec: { completions: 2, template }, status: done }), ['web', 'Complete', '2/2', '90s', '60m']);
  assert.deepEqual(cells(jobs, { spec: { parallelism: 3, template } }).slice(1, 4), ['Running', '0/1 of 3', '']);
  const cronJob = {
    spec: { schedule: '@daily', suspend: true, jobTemplate: { spec: { template } } },
    status: { lastScheduleTime: created },
  };
  assert.deepEqual(cells(cronjobs, cronJob), ['web', '@daily', '<none>', 'True', 0, '60m', '60m']);
  const owner = { apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'web', uid: 'u', controller: true };
  const revision = { metadata: { name: 'web-1', creationTimestamp: created, ownerReferences: [owner] }, revision: 4, data: {} };
  assert.deepEqual(cells(controllerrevisions, revision), ['web-1', 'statefulset.apps/web', 4, '60m']);
  const spec = { accessModes: ['ReadOnlyMany', 'ReadWriteOnce'], volumeName: 'v', storageClassName: 'fast' };
  const claim = { spec, status: { phase: 'Bound', capacity: { storage: '1Gi' }, accessModes: spec.accessModes } };
  assert.deepEqual(cells(persistentvolumeclaims, claim), ['web', 'Bound', 'v', '1Gi', 'RWO,ROX', 'fast', '<unset>', '60m']);
  const rules = ['a', 'b', 'c', 'd'].map((host) => ({ host }));
  assert.deepEqual(cells(ingresses, { spec: { rules, tls: [{}] } }), ['web', '<none>', 'a,b,c + 1 more...', '', '80, 443', '60m']);
  const quota = { status: { hard: { pods: '3', 'limits.cpu': '2' }, used: { pods: '1' } } };
  assert.deepEqual(cells(resourcequotas, quota), ['web', 'pods: 1/3', 'limits.cpu: 0/2', '60m']);
  const request = { spec: { username: 'jane', signerName: 'a.b/c' }, status: { conditions: [{ type: 'Approved', status: 'True' }] } };
  assert.deepEqual(cells(certificatesigningrequests, request), ['web', '60m', 'a.b/c', 'jane', '<none>', 'Approved']);
});
