import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeObject } from '../../decode.ts';
import { pods } from '../../generated/resources.ts';
import type { Pod } from '../../generated/types.ts';
import { applyPodDefaults, isPodActive, isPodAvailable, isPodReady, validatePod, validatePodUpdate } from './pod.ts';
import { podRequests, qosClass } from './pod-requests.ts';
import { formatAmounts } from './resource-list.ts';

const aContainer = (fields: object = {}) => ({ name: 'web', image: 'web:1', ...fields });
const aPod = (spec: object = {}, rest: object = {}): Pod =>
  decodeObject(pods, { metadata: { name: 'web', namespace: 'default' }, spec: { containers: [aContainer()], ...spec }, ...rest }).object;
const problemsOf = (spec: object) => validatePod(applyPodDefaults(aPod(spec))).map(({ field, message }) => `${field}: ${message}`);

test('a pod gets the defaults that kubectl shows', () => {
  const { spec } = applyPodDefaults(
    aPod({ serviceAccountName: 'web', volumes: [{ name: 'a' }, { name: 'b', secret: { secretName: 's' } }] }),
  );
  assert.deepEqual(spec, {
    containers: [
      {
        name: 'web',
        image: 'web:1',
        imagePullPolicy: 'IfNotPresent',
        terminationMessagePath: '/dev/termination-log',
        terminationMessagePolicy: 'File',
        resources: {},
      },
    ],
    volumes: [
      { name: 'a', emptyDir: {} },
      { name: 'b', secret: { secretName: 's', defaultMode: 420 } },
    ],
    dnsPolicy: 'ClusterFirst',
    restartPolicy: 'Always',
    securityContext: {},
    terminationGracePeriodSeconds: 30,
    schedulerName: 'default-scheduler',
    enableServiceLinks: true,
    serviceAccountName: 'web',
    serviceAccount: 'web',
  });
});

test('defaults applied twice are defaults applied once', () => {
  const pod = aPod({
    hostNetwork: true,
    containers: [
      aContainer({
        ports: [{ containerPort: 80 }],
        livenessProbe: { httpGet: { port: 80 } },
        resources: { limits: { cpu: '100u' } },
        env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }],
      }),
    ],
  });
  const once = applyPodDefaults(pod);
  assert.deepEqual(applyPodDefaults(once), once);
  const [container] = once.spec.containers;
  assert.deepEqual(container?.ports, [{ containerPort: 80, hostPort: 80, protocol: 'TCP' }]);
  assert.deepEqual(container?.resources, { limits: { cpu: '1m' }, requests: { cpu: '1m' } });
  assert.deepEqual(container?.livenessProbe, {
    httpGet: { port: 80, path: '/', scheme: 'HTTP' },
    timeoutSeconds: 1,
    periodSeconds: 10,
    successThreshold: 1,
    failureThreshold: 3,
  });
});

const policies = [
  ['nginx', 'Always'],
  ['nginx:latest', 'Always'],
  ['nginx:1.27', 'IfNotPresent'],
  ['registry:5000/nginx', 'Always'],
  ['registry:5000/nginx:1', 'IfNotPresent'],
  ['nginx@sha256:abc', 'IfNotPresent'],
] as const;
for (const [image, policy] of policies) {
  test(`the image ${image} is pulled ${policy}`, () => {
    assert.equal(applyPodDefaults(aPod({ containers: [aContainer({ image })] })).spec.containers[0]?.imagePullPolicy, policy);
  });
}

const rules: readonly { it: string; spec: object; problems: readonly string[] }[] = [
  { it: 'is fine as it is', spec: {}, problems: [] },
  { it: 'needs a container', spec: { containers: [] }, problems: ['spec.containers: Required value'] },
  { it: 'needs images', spec: { containers: [{ name: 'web' }] }, problems: ['spec.containers[0].image: Required value'] },
  {
    it: 'has one container of a name',
    spec: { containers: [aContainer(), aContainer()] },
    problems: ['spec.containers[1].name: Duplicate value: "web"'],
  },
  {
    it: 'mounts only its own volumes',
    spec: { containers: [aContainer({ volumeMounts: [{ name: 'x', mountPath: '/x' }] })] },
    problems: ['spec.containers[0].volumeMounts[0].name: Not found: "x"'],
  },
  {
    it: 'does not ask for more than its limit',
    spec: { containers: [aContainer({ resources: { limits: { cpu: '1' }, requests: { cpu: '2' } } })] },
    problems: ['spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1'],
  },
  {
    it: 'has probes with one action',
    spec: { containers: [aContainer({ livenessProbe: {} })] },
    problems: ['spec.containers[0].livenessProbe: Required value: must specify a handler type'],
  },
  {
    it: 'knows three restart policies',
    spec: { restartPolicy: 'Sometimes' },
    problems: ['spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "OnFailure", "Never"'],
  },
  {
    it: 'asks for kernel parameters by names that there could be',
    spec: {
      securityContext: {
        sysctls: ['a..b', 'kernel/shm_rmid_forced', 'kernel.msgmax', 'kernel.msgmax'].map((name) => ({ name, value: '1' })),
      },
    },
    problems: [
      'spec.securityContext.sysctls[0].name: Invalid value: "a..b": must have at most 253 characters and match regex ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$',
      'spec.securityContext.sysctls[3].name: Duplicate value: "kernel.msgmax"',
    ],
  },
  {
    it: 'has ports that exist',
    spec: { containers: [aContainer({ ports: [{ containerPort: 70_000 }] })] },
    problems: ['spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive'],
  },
  {
    it: 'has no probes in containers that only prepare',
    spec: { initContainers: [{ name: 'init', image: 'a', readinessProbe: { tcpSocket: { port: 1 } } }] },
    problems: ['spec.initContainers[0].readinessProbe: Forbidden: may not be set for init containers without restartPolicy=Always'],
  },
];
for (const { it, spec, problems } of rules) test(`a pod ${it}`, () => assert.deepEqual(problemsOf(spec), problems));

test('a name is checked in the words that users know', () => {
  const pod = applyPodDefaults(
    decodeObject(pods, { metadata: { name: 'Web', namespace: 'default' }, spec: { containers: [aContainer()] } }).object,
  );
  assert.deepEqual(
    validatePod(pod).map(({ message }) => message),
    [
      "Invalid value: \"Web\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
    ],
  );
});

test('of a pod only images, deadline, added tolerations and lifted gates may change', () => {
  const previous = aPod({ tolerations: [{ key: 'a', operator: 'Exists' }] });
  const ok = aPod({
    containers: [aContainer({ image: 'web:2' })],
    tolerations: [
      { key: 'a', operator: 'Exists' },
      { key: 'b', operator: 'Exists' },
    ],
  });
  assert.deepEqual(validatePodUpdate(ok, previous), []);
  assert.equal(validatePodUpdate(aPod({ nodeName: 'n', tolerations: previous.spec.tolerations }), previous)[0]?.field, 'spec');
  assert.equal(validatePodUpdate(aPod(), previous)[0]?.field, 'spec.tolerations');
  assert.equal(validatePodUpdate(aPod({ containers: [] }), previous)[0]?.field, 'spec.containers');
});

const requesting = (cpu: string, rest: object = {}) => ({ image: 'a', resources: { requests: { cpu } }, ...rest });
test('requests add up over containers; init containers count by their largest moment, sidecars always', () => {
  const pod = aPod({
    initContainers: [requesting('100m', { name: 's', restartPolicy: 'Always' }), requesting('2', { name: 'i' })],
    containers: [requesting('500m', { name: 'a' }), requesting('1', { name: 'b' })],
    overhead: { cpu: '50m' },
  });
  assert.deepEqual(formatAmounts(podRequests(pod)), { cpu: '2150m' });
});

test('the quality of service follows from requests and limits', () => {
  const withResources = (resources: object) => applyPodDefaults(aPod({ containers: [aContainer({ resources })] })).spec;
  assert.equal(qosClass(withResources({})), 'BestEffort');
  assert.equal(qosClass(withResources({ requests: { cpu: '1' } })), 'Burstable');
  assert.equal(qosClass(withResources({ limits: { cpu: '1', memory: '1Gi' } })), 'Guaranteed');
  assert.equal(qosClass(withResources({ limits: { cpu: '1', memory: '1Gi' }, requests: { cpu: '500m' } })), 'Burstable');
});

test('a pod is ready, available and active by what its status says', () => {
  const conditions = [{ type: 'Ready', status: 'True', lastTransitionTime: '1970-01-01T00:00:10Z' }];
  const pod = aPod({}, { status: { phase: 'Running', conditions } });
  assert.equal(isPodReady(pod), true);
  assert.equal(isPodAvailable(pod, 5, 14_000), false);
  assert.equal(isPodAvailable(pod, 5, 15_000), true);
  assert.equal(isPodActive(pod), true);
  assert.equal(isPodActive(aPod({}, { status: { phase: 'Failed' } })), false);
});
