/** A pod's whole life on a simulated node: what the API shows, what the engine was asked, and what survives a kubelet that is killed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { events, nodes, pods, secrets, serviceaccounts } from '#api/generated/resources.ts';
import type { Pod } from '#api/generated/types.ts';
import { aContainer, createReadyNode, NODE_NAME, type SimulatedNode } from './testing/simulated-node.ts';

async function withNode(options: Parameters<typeof createReadyNode>[0], body: (node: SimulatedNode) => Promise<void>): Promise<void> {
  const node = await createReadyNode(options);
  try {
    await body(node);
  } finally {
    await node.stop();
  }
}

async function eventsOf(node: SimulatedNode): Promise<readonly string[]> {
  return (await node.client.resource(events).list()).items.map(({ reason, message }) => `${reason}: ${message}`);
}

function conditionsOf(pod: Pod | undefined): Record<string, string> {
  return Object.fromEntries((pod?.status?.conditions ?? []).map(({ type, status }) => [type, status]));
}

test('a pod runs, with an address, and is ready', async () => {
  await withNode({}, async (node) => {
    await node.createPod('web', {});
    await node.settle();
    const pod = await node.findPod('web');
    assert.equal(pod?.status?.phase, 'Running');
    assert.equal(pod?.status?.podIP, '10.244.1.2');
    assert.equal(pod?.status?.hostIP, '172.18.0.3');
    assert.equal(pod?.status?.containerStatuses?.[0]?.ready, true);
    assert.deepEqual(conditionsOf(pod), {
      PodReadyToStartContainers: 'True',
      Initialized: 'True',
      Ready: 'True',
      ContainersReady: 'True',
      PodScheduled: 'True',
    });
    // The sandbox starts while the container is made: which of the two is done first is nobody's promise.
    const [first, ...rest] = node.runtime.calls;
    assert.deepEqual([first, rest.slice(0, -1).sort(), rest.at(-1)], ['create POD/0', ['create web/0', 'start POD/0'], 'start web/0']);
    assert.deepEqual(await eventsOf(node), [
      'Pulled: Container image "web:v1" already present on machine and can be accessed by the pod',
      'Created: Container created',
      'Started: Container started',
    ]);
  });
});

test('a quiet pod costs no writes', async () => {
  await withNode({}, async (node) => {
    await node.createPod('web', {});
    await node.settle();
    const before = node.client.writes().filter((write) => !write.includes('leases'));
    await node.settle(120_000);
    assert.deepEqual(
      node.client.writes().filter((write) => !write.includes('leases')),
      before,
    );
  });
});

test('a deleted pod is stopped, told of, cleaned up and only then forgotten', async () => {
  await withNode({}, async (node) => {
    const { metadata } = await node.createPod('web', {});
    await node.settle();
    await node.client.resource(pods).delete({ namespace: 'default', name: 'web' });
    await node.settle();
    assert.equal(await node.findPod('web'), undefined);
    assert.deepEqual(node.runtime.all(), []);
    assert.equal(node.files.has(metadata.uid), false);
    assert.equal(node.addresses.size, 0);
    const writes = node.client.writes();
    assert.deepEqual(writes.slice(-2), ['update pods/status default/web', 'delete pods default/web']);
  });
});

test('a container that ignores SIGTERM is killed after the grace period', async () => {
  await withNode({ behave: () => ({ ignoresStop: true }) }, async (node) => {
    await node.createPod('web', { terminationGracePeriodSeconds: 30 });
    await node.settle();
    await node.client.resource(pods).delete({ namespace: 'default', name: 'web' });
    await node.settle(29_000);
    assert.notEqual(await node.findPod('web'), undefined);
    await node.settle(2_000);
    assert.equal(await node.findPod('web'), undefined);
  });
});

test('a crashing container is restarted at once, then after 10 s, 20 s, 40 s', async () => {
  await withNode({ behave: () => ({ exitsAfterMs: 10, exitCode: 1 }) }, async (node) => {
    await node.createPod('web', {});
    await node.settle(1_000);
    const restarts = async () => (await node.findPod('web'))?.status?.containerStatuses?.[0]?.restartCount;
    assert.equal(await restarts(), 1);
    const waiting = (await node.findPod('web'))?.status?.containerStatuses?.[0]?.state?.waiting;
    assert.equal(waiting?.reason, 'CrashLoopBackOff');
    assert.match(waiting?.message ?? '', /^back-off 10s restarting failed container=web pod=web_default\(.+\)$/);
    await node.settle(10_000);
    assert.equal(await restarts(), 2);
    await node.settle(10_000);
    assert.equal(await restarts(), 2);
    await node.settle(10_000);
    assert.equal(await restarts(), 3);
    await node.settle(40_000);
    assert.equal(await restarts(), 4);
    const last = (await node.findPod('web'))?.status?.containerStatuses?.[0]?.lastState?.terminated;
    assert.equal(last?.exitCode, 1);
    assert.ok(
      (await eventsOf(node)).some((text) => text.startsWith('BackOff: Back-off restarting failed container web in pod web_default(')),
    );
  });
});

test('a pod that may not restart ends as its containers did', async () => {
  for (const { exitCode, phase } of [
    { exitCode: 0, phase: 'Succeeded' },
    { exitCode: 2, phase: 'Failed' },
  ]) {
    await withNode({ behave: () => ({ exitsAfterMs: 10, exitCode }) }, async (node) => {
      await node.createPod('job', { restartPolicy: 'Never' });
      await node.settle(1_000);
      const pod = await node.findPod('job');
      assert.equal(pod?.status?.phase, phase);
      assert.equal(pod?.status?.podIP, '10.244.1.2');
      assert.equal(node.addresses.size, 0, 'the address is given back');
      assert.equal(node.runtime.all().length, 1, 'the container stays for its log');
    });
  }
});

test('init containers run one after the other before the others', async () => {
  const behave = ({ identity }: { identity: { containerName?: string } }) =>
    identity.containerName === 'web' ? {} : { exitsAfterMs: 500 };
  await withNode({ behave }, async (node) => {
    await node.createPod('web', { initContainers: [aContainer('one'), aContainer('two')] });
    await node.settle(200);
    assert.equal((await node.findPod('web'))?.status?.containerStatuses?.[0]?.state?.waiting?.reason, 'PodInitializing');
    await node.settle(2_000);
    assert.equal((await node.findPod('web'))?.status?.phase, 'Running');
    const starts = node.runtime.calls.filter((call) => call.startsWith('start'));
    assert.deepEqual(starts, ['start POD/0', 'start one/0', 'start two/0', 'start web/0']);
  });
});

test('an init container that fails for good fails the pod', async () => {
  await withNode({ behave: () => ({ exitsAfterMs: 10, exitCode: 1 }) }, async (node) => {
    await node.createPod('web', { restartPolicy: 'Never', initContainers: [aContainer('one')] });
    await node.settle(1_000);
    assert.equal((await node.findPod('web'))?.status?.phase, 'Failed');
    assert.ok(!node.runtime.calls.includes('start web/0'));
  });
});

test('a sidecar starts first and is stopped when the work is done', async () => {
  const behave = ({ identity }: { identity: { containerName?: string } }) =>
    identity.containerName === 'web' ? { exitsAfterMs: 1_000 } : {};
  await withNode({ behave }, async (node) => {
    await node.createPod('job', { restartPolicy: 'Never', initContainers: [aContainer('proxy', { restartPolicy: 'Always' })] });
    await node.settle(5_000);
    assert.equal((await node.findPod('job'))?.status?.phase, 'Succeeded');
    assert.deepEqual(
      node.runtime.calls.filter((call) => /start|stop/.test(call)),
      ['start POD/0', 'start proxy/0', 'start web/0', 'stop proxy/0'],
    );
  });
});

test('an image that cannot be pulled is reported, then waited for', async () => {
  await withNode({}, async (node) => {
    await node.createPod('web', { containers: [aContainer('web', { image: 'nowhere:v1' })] });
    await node.settle();
    const reason = async () => (await node.findPod('web'))?.status?.containerStatuses?.[0]?.state?.waiting?.reason;
    assert.equal(await reason(), 'ErrImagePull');
    await node.settle(2_000);
    assert.equal(await reason(), 'ImagePullBackOff');
    assert.ok((await eventsOf(node)).includes('BackOff: Back-off pulling image "nowhere:v1"'));
  });
});

test('an image behind a password is pulled with the pod’s secret, and is then only for pods that have it', async () => {
  const image = 'registry.example.com/web:v1';
  await withNode({ registry: [image], passwords: { [image]: 'right' } }, async (node) => {
    const auths = { 'registry.example.com': { username: 'me', password: 'right' } };
    const data = { '.dockerconfigjson': Buffer.from(JSON.stringify({ auths })).toString('base64') };
    const metadata = { name: 'login', namespace: 'default' };
    await node.client
      .resource(secrets)
      .create({ apiVersion: 'v1', kind: 'Secret', metadata, type: 'kubernetes.io/dockerconfigjson', data });
    const containers = [aContainer('web', { image })];
    const waitingOf = async (name: string) => (await node.findPod(name))?.status?.containerStatuses?.[0]?.state?.waiting;
    await node.createPod('stranger', { containers });
    await node.settle();
    assert.deepEqual(await waitingOf('stranger'), { reason: 'ErrImagePull', message: 'no basic auth credentials' });
    await node.createPod('friend', { containers, imagePullSecrets: [{ name: 'login' }] });
    await node.settle();
    assert.equal((await node.findPod('friend'))?.status?.phase, 'Running');
    await node.createPod('late', { containers });
    await node.settle();
    assert.equal((await waitingOf('late'))?.reason, 'ErrImagePull');
    await node.createPod('other-friend', { containers, imagePullSecrets: [{ name: 'login' }, { name: 'none' }] });
    await node.settle();
    assert.equal((await node.findPod('other-friend'))?.status?.phase, 'Running');
    const texts = await eventsOf(node);
    const missing = 'Unable to retrieve some image pull secrets (none); attempting to pull the image may not succeed.';
    assert.ok(texts.includes(`FailedToRetrieveImagePullSecret: ${missing}`));
    assert.ok(texts.includes(`Pulled: Successfully pulled image "${image}" in 0s (0s including waiting). Image size: 1 bytes.`));
  });
});

test('a name that no image can have is refused before anything is asked', async () => {
  await withNode({}, async (node) => {
    await node.createPod('web', { containers: [aContainer('web', { image: 'Shop/Web' })] });
    await node.settle();
    const waiting = (await node.findPod('web'))?.status?.containerStatuses?.[0]?.state?.waiting;
    assert.equal(waiting?.reason, 'InvalidImageName');
    const message = 'Failed to apply default image tag "Shop/Web": couldn\'t parse image name "Shop/Web": ';
    assert.equal(waiting?.message?.startsWith(message), true);
    assert.ok((await eventsOf(node)).includes('Failed: Error: InvalidImageName'));
  });
});

test('a pod over its limit of storage is evicted within its second of grace, and stays where it failed', async () => {
  await withNode({ behave: () => ({ ignoresStop: true }) }, async (node) => {
    const resources = { limits: { 'ephemeral-storage': '1Mi' } };
    await node.createPod('web', { containers: [aContainer('web', { resources })] });
    await node.settle();
    const container = node.runtime.all().find(({ identity }) => identity.containerName === 'web');
    assert.ok(container !== undefined);
    node.runtime.setLayerBytes(container.id, 2 ** 21);
    await node.settle(70_000);
    await node.settle(5_000);
    const status = (await node.findPod('web'))?.status;
    assert.deepEqual([status?.phase, status?.reason], ['Failed', 'Evicted']);
    assert.equal(status?.message, 'Pod ephemeral local storage usage exceeds the total limit of containers 1Mi. ');
    assert.equal(status?.containerStatuses?.[0]?.state?.terminated?.exitCode, 137);
    const events = (await eventsOf(node)).filter((text) => text.startsWith('Evicted'));
    assert.deepEqual(events, [`Evicted: ${status?.message}`]);
  });
});

test('a missing ConfigMap holds the container up until it is there', async () => {
  await withNode({}, async (node) => {
    const env = [{ name: 'COLOUR', valueFrom: { configMapKeyRef: { name: 'settings', key: 'colour' } } }];
    await node.createPod('web', { containers: [aContainer('web', { env })] });
    await node.settle();
    const waiting = (await node.findPod('web'))?.status?.containerStatuses?.[0]?.state?.waiting;
    assert.deepEqual(waiting, { reason: 'CreateContainerConfigError', message: 'configmap "settings" not found' });
    const { configmaps } = await import('#api/generated/resources.ts');
    const settings = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'settings', namespace: 'default' },
      data: { colour: 'blue' },
    };
    await node.client.resource(configmaps).create(settings);
    await node.settle();
    assert.equal((await node.findPod('web'))?.status?.phase, 'Running');
    const id = node.runtime.all().find(({ identity }) => identity.containerName === 'web')?.id ?? '';
    assert.ok(node.runtime.specOf(id)?.env.includes('COLOUR=blue'));
  });
});

test('a failing liveness probe restarts the container', async () => {
  const behave = () => ({ exec: () => ({ exitCode: 1, output: 'sick' }) });
  await withNode({ behave }, async (node) => {
    const livenessProbe = { exec: { command: ['check'] }, periodSeconds: 1, failureThreshold: 3 };
    await node.createPod('web', { containers: [aContainer('web', { livenessProbe })] });
    await node.settle(3_500);
    assert.equal((await node.findPod('web'))?.status?.containerStatuses?.[0]?.restartCount, 1);
    const texts = await eventsOf(node);
    assert.ok(texts.includes('Unhealthy: Liveness probe failed: sick'));
    assert.ok(texts.includes('Killing: Container web failed liveness probe, will be restarted'));
  });
});

test('a pod is ready when its readiness probe says so', async () => {
  let isWell = false;
  const behave = () => ({ exec: () => ({ exitCode: isWell ? 0 : 1, output: '' }) });
  await withNode({ behave }, async (node) => {
    await node.createPod('web', {
      containers: [aContainer('web', { readinessProbe: { exec: { command: ['check'] }, periodSeconds: 1 } })],
    });
    await node.settle(1_000);
    assert.equal(conditionsOf(await node.findPod('web')).Ready, 'False');
    isWell = true;
    await node.settle(1_500);
    assert.equal(conditionsOf(await node.findPod('web')).Ready, 'True');
  });
});

test('after a restart of the engine every pod comes back in a new sandbox', async () => {
  await withNode({}, async (node) => {
    await node.createPod('web', {});
    await node.settle();
    node.runtime.restartEngine();
    await node.settle(2_000);
    const pod = await node.findPod('web');
    assert.equal(pod?.status?.phase, 'Running');
    assert.equal(pod?.status?.containerStatuses?.[0]?.restartCount, 1);
    assert.equal(pod?.status?.podIP, '10.244.1.3');
    assert.equal(node.addresses.size, 1);
    assert.ok((await eventsOf(node)).includes('SandboxChanged: Pod sandbox changed, it will be killed and re-created.'));
  });
});

test('a kubelet that restarts leaves its pods and their restart counts alone', async () => {
  await withNode({}, async (node) => {
    await node.createPod('web', {});
    await node.settle();
    const { calls } = node.runtime;
    const before = [...calls];
    node.crash();
    await node.boot();
    await node.settle(5_000);
    assert.deepEqual(calls, before);
    assert.equal((await node.findPod('web'))?.status?.containerStatuses?.[0]?.restartCount, 0);
  });
});

test('containers of a pod that was deleted while the kubelet was away are removed', async () => {
  await withNode({}, async (node) => {
    await node.createPod('web', {});
    await node.settle();
    node.crash();
    await node.client.resource(pods).delete({ namespace: 'default', name: 'web' }, { gracePeriodSeconds: 0 });
    await node.boot();
    await node.settle(5_000);
    assert.deepEqual(node.runtime.all(), []);
    assert.equal(node.addresses.size, 0);
    assert.equal(node.files.size, 0);
  });
});

test('the node is registered, kept alive by its lease, and reports itself ready', async () => {
  await withNode({}, async (node) => {
    await node.settle(30_000);
    const { status, metadata } = await node.client.resource(nodes).get({ namespace: '', name: NODE_NAME });
    assert.equal(status?.conditions?.find(({ type }) => type === 'Ready')?.reason, 'KubeletReady');
    assert.equal(status?.capacity?.pods, '110');
    assert.equal(metadata.labels?.['kubernetes.io/hostname'], NODE_NAME);
    const renewals = node.client.writes().filter((write) => write.includes('leases')).length;
    assert.ok(renewals >= 3 && renewals <= 5, `${renewals} renewals in 30 s`);
  });
});

test('a token is asked for before the pod runs, again at four fifths of its life, and never after the pod', async () => {
  await withNode({}, async (node) => {
    const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default', namespace: 'default' } };
    await node.client.resource(serviceaccounts).create(account);
    const sources = [{ serviceAccountToken: { path: 'token', expirationSeconds: 3607 } }];
    await node.createPod('web', { serviceAccountName: 'default', volumes: [{ name: 'access', projected: { sources } }] });
    const requests = () => node.client.writes().filter((write) => write.includes('serviceaccounts/token')).length;
    await node.settle();
    assert.equal((await node.findPod('web'))?.status?.phase, 'Running');
    assert.equal(requests(), 1);
    await node.settle(0.79 * 3_600_000);
    assert.equal(requests(), 1);
    await node.settle(0.02 * 3_600_000);
    assert.equal(requests(), 2);
    await node.client.resource(pods).delete({ namespace: 'default', name: 'web' });
    await node.settle(2 * 3_600_000);
    assert.equal(requests(), 2);
  });
});

test('a pod waits for its account rather than run without a token', async () => {
  await withNode({}, async (node) => {
    const sources = [{ serviceAccountToken: { path: 'token', expirationSeconds: 3607 } }];
    await node.createPod('web', { serviceAccountName: 'late', volumes: [{ name: 'access', projected: { sources } }] });
    await node.settle();
    assert.equal((await node.findPod('web'))?.status?.phase, 'Pending');
    const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'late', namespace: 'default' } };
    await node.client.resource(serviceaccounts).create(account);
    await node.settle(5_000);
    assert.equal((await node.findPod('web'))?.status?.phase, 'Running');
  });
});
