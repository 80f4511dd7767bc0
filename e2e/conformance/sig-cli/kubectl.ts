/** kubectl against the cluster: what it tells of it, and what it does with pods and Deployments. */
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import type { Json } from '../../cluster.ts';
import type { ConformanceTest, TestScope } from '../framework/conformance-test.ts';
import { eventually } from '../framework/expect.ts';
import { IDLE_COMMAND, OTHER_IMAGE, WORKLOAD_IMAGE } from '../framework/image.ts';
import { aPod, aTemplate, untilReady, untilRunning } from '../framework/pods.ts';
import { createProgram } from '../framework/program.ts';
import { askOverSocket, startProxy } from './proxy.ts';

async function listsVersions(t: TestScope): Promise<void> {
  assert.ok((await t.kubectl(['api-versions'])).split('\n').includes('v1'));
}

async function tellsClusterInfo(t: TestScope): Promise<void> {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: kubectl colours its output
  const output = (await t.kubectl(['cluster-info'])).replace(/\u001b\[[\d;]*m/g, '');
  assert.match(output, /Kubernetes control plane is running at https?:\/\//);
}

async function tellsVersion(t: TestScope): Promise<void> {
  const version: Json = JSON.parse(await t.kubectl(['version', '-o', 'json']));
  const fields = ['major', 'minor', 'gitVersion', 'gitCommit', 'gitTreeState', 'buildDate', 'goVersion', 'compiler', 'platform'];
  for (const side of [version.clientVersion, version.serverVersion]) {
    assert.deepEqual(
      Object.keys(side)
        .filter((field) => fields.includes(field))
        .sort(),
      fields.toSorted(),
    );
    assert.match(`${side.major}.${side.minor}`, /^\d+\.\d+\+?$/);
    assert.match(side.gitVersion, /^v\d+\.\d+\.\d+/);
  }
}

async function findsDifference(t: TestScope): Promise<void> {
  const labels = { app: 'httpd' };
  const deployment = (image: string) =>
    JSON.stringify({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'httpd-deployment' },
      spec: { replicas: 1, selector: { matchLabels: labels }, template: aTemplate(labels, { container: { image } }) },
    });
  await t.kubectl(['create', '-f', '-'], deployment(WORKLOAD_IMAGE));
  const { code, stdout } = await t.tryKubectl(['diff', '-f', '-'], deployment(OTHER_IMAGE));
  assert.equal(code, 1, 'a difference is told by the exit code');
  const lines = stdout.split('\n').map((line) => line.replace(/\s+/g, ' '));
  assert.ok(lines.includes(`- image: ${WORKLOAD_IMAGE}`), stdout);
  assert.ok(lines.includes(`+ image: ${OTHER_IMAGE}`), stdout);
}

async function updatesLabel(t: TestScope): Promise<void> {
  await t.resource('v1/pods').create(aPod('pause', { labels: { name: 'pause' } }));
  await untilReady(t.resource('v1/pods'), 'pause');
  await t.kubectl(['label', 'pods', 'pause', 'testing-label=testing-label-value']);
  assert.match(await t.kubectl(['get', 'pod', 'pause', '-L', 'testing-label']), /testing-label-value/);
  assert.match(await t.kubectl(['get', 'pod', '-l', 'testing-label=testing-label-value']), /^pause\s/m);
  await t.kubectl(['label', 'pods', 'pause', 'testing-label-']);
  assert.doesNotMatch(await t.kubectl(['get', 'pod', 'pause', '-L', 'testing-label']), /testing-label-value/);
}

async function runPod(t: TestScope, name: string): Promise<Json> {
  await t.kubectl([
    'run',
    name,
    `--image=${WORKLOAD_IMAGE}`,
    `--labels=run=${name}`,
    '--restart=Never',
    '--command',
    '--',
    ...IDLE_COMMAND,
  ]);
  return untilRunning(t.resource('v1/pods'), name);
}

async function runsPodOnce(t: TestScope): Promise<void> {
  const { spec } = await runPod(t, 'e2e-test-httpd-pod');
  assert.deepEqual(
    spec.containers.map(({ image }: Json) => image),
    [WORKLOAD_IMAGE],
  );
  assert.equal(spec.restartPolicy, 'Never');
}

async function replacesImage(t: TestScope): Promise<void> {
  const pods = t.resource('v1/pods');
  await runPod(t, 'e2e-test-httpd-pod');
  const { status, ...pod }: Json = JSON.parse(await t.kubectl(['get', 'pod', 'e2e-test-httpd-pod', '-o', 'json']));
  assert.equal(status.phase, 'Running');
  pod.spec.containers[0].image = OTHER_IMAGE;
  await t.kubectl(['replace', '-f', '-'], JSON.stringify(pod));
  assert.equal((await pods.get('e2e-test-httpd-pod')).spec.containers[0].image, OTHER_IMAGE);
}

async function dryRunsUpdate(t: TestScope): Promise<void> {
  await runPod(t, 'e2e-test-httpd-pod');
  const patch = { spec: { containers: [{ name: 'e2e-test-httpd-pod', image: OTHER_IMAGE }] } };
  await t.kubectl(['patch', 'pod', 'e2e-test-httpd-pod', '-p', JSON.stringify(patch), '--dry-run=server']);
  assert.equal((await t.resource('v1/pods').get('e2e-test-httpd-pod')).spec.containers[0].image, WORKLOAD_IMAGE);
}

async function proxiesPort(t: TestScope): Promise<void> {
  await using proxy = startProxy(t, ['-p', '0', '--disable-filter']);
  const port = await proxy.said(/Starting to serve on [^:]+:(\d+)/);
  const answer: Json = await (await fetch(`http://127.0.0.1:${port}/api/`)).json();
  assert.notEqual(answer.versions.length, 0);
}

async function proxiesSocket(t: TestScope): Promise<void> {
  const socket = `/tmp/keelson-conformance-${t.suffix}.sock`;
  await using proxy = startProxy(t, [`--unix-socket=${socket}`]);
  await proxy.said(/Starting to serve on (.*)/);
  const answer: Json = JSON.parse(await askOverSocket(socket, '/api/'));
  assert.notEqual(answer.versions.length, 0);
}

const LOG_LINES = 100;

async function filtersLogs(t: TestScope): Promise<void> {
  const programSpec = await createProgram(t, 'write-lines');
  const pods = t.resource('v1/pods');
  const spec = { ...programSpec([String(LOG_LINES), '100'], { name: 'logs-generator' }), restartPolicy: 'Never' };
  await pods.create({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'logs-generator' }, spec });
  await untilRunning(pods, 'logs-generator');
  const logs = (...options: readonly string[]) => t.kubectl(['logs', 'logs-generator', 'logs-generator', ...options]);
  await eventually('the log has a line', async () => (await logs()).includes('/api/v1/namespaces/kube-system'));
  const last = await logs('--tail=1');
  assert.equal(last.trimEnd().split('\n').length, 1);
  assert.equal((await logs('--limit-bytes=1')).length, 1);
  const [time = '', ...rest] = (await logs('--tail=1', '--timestamps')).split(' ');
  assert.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/);
  assert.notEqual(rest.length, 0);
  // Lines get old by time alone, and kubectl counts in whole seconds: the first ones must be older than that.
  await delay(2_500);
  const [recent, older] = [await logs('--since=1s'), await logs('--since=24h')].map((text) => text.split('\n').length);
  assert.ok((recent ?? 0) < (older ?? 0), `${recent} lines of the last second, ${older} of the last day`);
}

export const kubectlTests: readonly ConformanceTest[] = [
  {
    name: '[sig-cli] Kubectl client Kubectl api-versions should check if v1 is in available api versions [Conformance]',
    run: listsVersions,
  },
  {
    name: '[sig-cli] Kubectl client Kubectl cluster-info should check if Kubernetes control plane services is included in cluster-info [Conformance]',
    run: tellsClusterInfo,
  },
  { name: '[sig-cli] Kubectl client Kubectl version should check is all data is printed [Conformance]', run: tellsVersion },
  {
    name: '[sig-cli] Kubectl client Kubectl diff should check if kubectl diff finds a difference for Deployments [Conformance]',
    run: findsDifference,
  },
  { name: '[sig-cli] Kubectl client Kubectl label should update the label on a resource [Conformance]', run: updatesLabel },
  {
    name: '[sig-cli] Kubectl client Kubectl run pod should create a pod from an image when restart is Never [Conformance]',
    run: runsPodOnce,
  },
  {
    name: "[sig-cli] Kubectl client Kubectl replace should update a single-container pod's image [Conformance]",
    run: replacesImage,
  },
  {
    name: '[sig-cli] Kubectl client Kubectl server-side dry-run should check if kubectl can dry-run update Pods [Conformance]',
    run: dryRunsUpdate,
  },
  { name: '[sig-cli] Kubectl client Proxy server should support proxy with --port 0 [Conformance]', run: proxiesPort },
  { name: '[sig-cli] Kubectl client Proxy server should support --unix-socket=/path [Conformance]', run: proxiesSocket },
  { name: '[sig-cli] Kubectl logs logs should be able to retrieve and filter logs [Conformance]', run: filtersLogs },
];
