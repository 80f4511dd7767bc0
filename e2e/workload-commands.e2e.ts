/**
 * The commands that work on workloads, with the pods that really run: rollout, drain, scale, and a Job from a CronJob. What kubectl prints is
 * e2e/kubectl/'s business; here it is what becomes of the pods. The tests that cordon nodes come after the others, which run
 * beside each other.
 */
import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { aNamespace, applyManifest, eventually, getJson, type Json, kubectl, runningContainers, tryKubectl } from './cluster.ts';

const LABELS = { app: 'web' };
const V1 = 'keelson/hello:v1';
const V2 = 'keelson/hello:v2';
const WORKERS = ['worker-1', 'worker-2'] as const;

interface WebOptions {
  readonly spec?: object;
  readonly podSpec?: object;
  readonly container?: object;
}

/** A workload called web, of the hello app. */
function aWeb(kind: 'Deployment' | 'DaemonSet' | 'StatefulSet', { spec = {}, podSpec = {}, container = {} }: WebOptions = {}): string {
  const containers = [{ name: 'web', image: V1, ...container }];
  const template = { metadata: { labels: LABELS }, spec: { terminationGracePeriodSeconds: 1, containers, ...podSpec } };
  return JSON.stringify({
    apiVersion: 'apps/v1',
    kind,
    metadata: { name: 'web' },
    spec: { selector: { matchLabels: LABELS }, template, ...spec },
  });
}

/** kubectl in the namespace of a test. */
function within(namespace: string): (line: string) => Promise<string> {
  return (line) => kubectl('-n', namespace, ...line.split(' '));
}

/** The pods that stay. */
async function podsOf(namespace: string): Promise<readonly Json[]> {
  const { items } = await getJson('pods', '-n', namespace, '-l', 'app=web');
  return items.filter(({ metadata }: Json) => metadata.deletionTimestamp === undefined);
}

const uidsOf = (pods: readonly Json[]): readonly string[] => pods.map(({ metadata }) => metadata.uid).sort();
const imagesOf = (pods: readonly Json[]): readonly string[] => pods.map(({ spec }) => spec.containers[0].image);

describe('workloads', { concurrency: true }, () => {
  test('a Deployment is undone to a revision, held while it is paused, and restarted', async (t) => {
    const namespace = await aNamespace(t);
    const run = within(namespace);
    const untilDone = () => run('rollout status deployment/web --timeout=90s');
    await applyManifest(namespace, aWeb('Deployment', { spec: { replicas: 2 } }));
    await untilDone();
    await run(`set image deployment/web web=${V2}`);
    await untilDone();
    await run('set env deployment/web A=1');
    await untilDone();
    assert.match(await run('rollout history deployment/web'), /\n1 .*\n2 .*\n3 /);
    await run('rollout undo deployment/web --to-revision=1');
    assert.match(await untilDone(), /successfully rolled out\n$/);
    assert.deepEqual(imagesOf(await podsOf(namespace)), [V1, V1]);
    assert.match(await run('rollout history deployment/web'), /\n2 .*\n3 .*\n4 /);
    await run('rollout pause deployment/web');
    const before = uidsOf(await podsOf(namespace));
    await run('set env deployment/web A=2');
    await run(`set image deployment/web web=${V2}`);
    const paused = await getJson('deployment', 'web', '-n', namespace);
    await kubectl(
      '-n',
      namespace,
      'wait',
      'deployment/web',
      `--for=jsonpath={.status.observedGeneration}=${paused.metadata.generation}`,
      '--timeout=30s',
    );
    assert.deepEqual(uidsOf(await podsOf(namespace)), before, 'a paused Deployment does not roll');
    await run('rollout resume deployment/web');
    await untilDone();
    assert.deepEqual(imagesOf(await podsOf(namespace)), [V2, V2]);
    assert.match(await run('rollout history deployment/web'), /\n5 /, 'what changed meanwhile is one revision');
    assert.doesNotMatch(await run('rollout history deployment/web'), /\n6 /);
    const old = uidsOf(await podsOf(namespace));
    await run('rollout restart deployment/web');
    await untilDone();
    assert.equal(
      uidsOf(await podsOf(namespace)).some((uid) => old.includes(uid)),
      false,
      'every pod is another',
    );
  });

  for (const kind of ['DaemonSet', 'StatefulSet'] as const) {
    test(`a ${kind} is rolled, undone to a revision and restarted`, async (t) => {
      const namespace = await aNamespace(t);
      const run = within(namespace);
      const name = `${kind.toLowerCase()}/web`;
      const untilDone = () => run(`rollout status ${name} --timeout=90s`);
      await applyManifest(namespace, aWeb(kind, kind === 'StatefulSet' ? { spec: { serviceName: 'web', replicas: 2 } } : {}));
      await untilDone();
      await run(`set image ${name} web=${V2}`);
      await untilDone();
      assert.deepEqual(imagesOf(await podsOf(namespace)), [V2, V2]);
      assert.match(await run(`rollout history ${name}`), /\n1 .*\n2 /);
      await run(`rollout undo ${name} --to-revision=1`);
      await untilDone();
      assert.deepEqual(imagesOf(await podsOf(namespace)), [V1, V1]);
      assert.match(await run(`rollout history ${name}`), /\n2 .*\n3 /, 'the revision gone back to is the newest');
      const before = uidsOf(await podsOf(namespace));
      await run(`rollout restart ${name}`);
      await untilDone();
      assert.equal(
        uidsOf(await podsOf(namespace)).some((uid) => before.includes(uid)),
        false,
        'every pod is another',
      );
      await eventually('two containers run', async () => (await runningContainers(namespace)).length === 2);
    });
  }

  test('a StatefulSet is scaled in order, and not when it has another size than was expected', async (t) => {
    const namespace = await aNamespace(t);
    const run = within(namespace);
    const names = async () => (await podsOf(namespace)).map(({ metadata }) => metadata.name).sort();
    await applyManifest(namespace, aWeb('StatefulSet', { spec: { serviceName: 'web', replicas: 1 } }));
    await run('rollout status statefulset/web --timeout=60s');
    const refused = await tryKubectl('-n', namespace, 'scale', 'statefulset/web', '--replicas=3', '--current-replicas=2');
    assert.match(refused.stderr, /Expected replicas to be 2, was 1/);
    await run('scale statefulset/web --replicas=3 --current-replicas=1');
    await run('rollout status statefulset/web --timeout=60s');
    assert.deepEqual(await names(), ['web-0', 'web-1', 'web-2']);
    const started = (await podsOf(namespace)).map(({ metadata, status }) => [metadata.name, status.startTime] as const).sort();
    assert.deepEqual(
      started.map(([, time]) => time),
      started.map(([, time]) => time).sort(),
    );
    await run('scale statefulset/web --replicas=1');
    await eventually('the last ones are gone', async () => (await names()).join() === 'web-0');
    await run('scale statefulset/web --replicas=0');
    await eventually('no container runs', async () => (await runningContainers(namespace)).length === 0);
  });

  test('a Job made from a CronJob runs its template now, and belongs to it', async (t) => {
    const namespace = await aNamespace(t);
    const run = within(namespace);
    const containers = [{ name: 'tick', image: V1, command: ['sh', '-c', 'echo ticked'] }];
    const jobTemplate = { metadata: { labels: LABELS }, spec: { template: { spec: { restartPolicy: 'Never', containers } } } };
    const spec = { schedule: '0 0 1 1 *', suspend: true, jobTemplate };
    await applyManifest(namespace, JSON.stringify({ apiVersion: 'batch/v1', kind: 'CronJob', metadata: { name: 'tick' }, spec }));
    await run('create job once --from=cronjob/tick');
    await run('wait job/once --for=condition=Complete --timeout=60s');
    assert.equal(await run('logs job/once'), 'ticked\n');
    const { metadata } = await getJson('job', 'once', '-n', namespace);
    const cronJob = await getJson('cronjob', 'tick', '-n', namespace);
    assert.deepEqual(
      metadata.ownerReferences.map(({ uid, controller }: Json) => [uid, controller]),
      [[cronJob.metadata.uid, true]],
    );
    assert.deepEqual([metadata.annotations['cronjob.kubernetes.io/instantiate'], metadata.labels.app], ['manual', 'web']);
    await run('delete cronjob tick');
    await eventually('the Job goes with its CronJob', async () => (await getJson('jobs,pods', '-n', namespace)).items.length === 0);
  });
});

/** Cordoned for the time of the test. */
async function cordon(t: TestContext, node: string): Promise<void> {
  t.after(() => kubectl('uncordon', node));
  await kubectl('cordon', node);
}

/** Two ready pods on worker-1, which is where they had to be, and a budget that leaves this many. */
async function startBudgeted(t: TestContext, namespace: string, minAvailable: number): Promise<void> {
  const readinessProbe = { httpGet: { path: '/', port: 8080 }, periodSeconds: 1 };
  await cordon(t, WORKERS[1]);
  await applyManifest(namespace, aWeb('Deployment', { spec: { replicas: 2 }, container: { readinessProbe } }));
  await kubectl('-n', namespace, 'rollout', 'status', 'deployment/web', '--timeout=60s');
  await kubectl('uncordon', WORKERS[1]);
  await kubectl('-n', namespace, 'create', 'poddisruptionbudget', 'web', '--selector=app=web', `--min-available=${minAvailable}`);
  await kubectl('-n', namespace, 'wait', 'pdb/web', `--for=jsonpath={.status.disruptionsAllowed}=${2 - minAvailable}`, '--timeout=30s');
  t.after(() => kubectl('uncordon', WORKERS[0]));
}

test('draining a node moves its pods, never more at a time than their budget allows', async (t) => {
  const namespace = await aNamespace(t);
  await startBudgeted(t, namespace, 1);
  const watch = { stop: false, fewest: Number.POSITIVE_INFINITY };
  const watching = (async () => {
    while (!watch.stop) {
      const { status } = await getJson('deployment', 'web', '-n', namespace);
      watch.fewest = Math.min(watch.fewest, status.availableReplicas ?? 0);
    }
  })();
  const drained = await tryKubectl('drain', WORKERS[0], '--ignore-daemonsets', '--pod-selector=app=web', '--timeout=80s');
  watch.stop = true;
  await watching;
  assert.equal(drained.code, 0, drained.stderr);
  assert.match(drained.stderr, /Cannot evict pod as it would violate the pod's disruption budget/, 'the second had to wait for the first');
  assert.match(drained.stdout, /node\/worker-1 drained\n$/);
  await kubectl('-n', namespace, 'rollout', 'status', 'deployment/web', '--timeout=60s');
  assert.deepEqual(
    (await podsOf(namespace)).map(({ spec }) => spec.nodeName),
    [WORKERS[1], WORKERS[1]],
  );
  assert.ok(watch.fewest >= 1, `${watch.fewest} were available`);
});

test('draining a node waits for a budget that allows nothing, and the pods stay', async (t) => {
  const namespace = await aNamespace(t);
  await startBudgeted(t, namespace, 2);
  const before = uidsOf(await podsOf(namespace));
  const drained = await tryKubectl('drain', WORKERS[0], '--ignore-daemonsets', '--pod-selector=app=web', '--timeout=7s');
  assert.equal(drained.code, 1);
  assert.match(drained.stderr, /Cannot evict pod as it would violate the pod's disruption budget/);
  assert.deepEqual(uidsOf(await podsOf(namespace)), before);
  const { spec } = await getJson('node', WORKERS[0]);
  assert.equal(spec.unschedulable, true, 'the node stays cordoned');
});
