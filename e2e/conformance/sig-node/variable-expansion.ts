/** `$(NAME)` in the environment, in commands, and in `subPathExpr`, the part of a volume that a container gets. */
import assert from 'node:assert/strict';
import type { Json } from '../../cluster.ts';
import type { ConformanceTest, TestScope } from '../framework/conformance-test.ts';
import { shell } from '../framework/exec.ts';
import { aPod, untilRunning } from '../framework/pods.ts';
import { aCommand, aScript, expectLines, outputOf, statusOf } from '../framework/run-pod.ts';

const VOLUMES: Json = { volumes: [{ name: 'workdir', emptyDir: {} }] };

async function composesVariables(t: TestScope): Promise<void> {
  const env = [
    { name: 'FOO', value: 'foo-value' },
    { name: 'BAR', value: 'bar-value' },
    { name: 'FOOBAR', value: '$(FOO);;$(BAR)' },
  ];
  const output = await outputOf(t, aCommand('composed', ['env'], { container: { env } }));
  expectLines(output, ['FOO=foo-value', 'BAR=bar-value', 'FOOBAR=foo-value;;bar-value']);
}

const SCRIPT = 'TEST_VAR=wrong; echo "$(TEST_VAR)"';
const ENV: Json = [{ name: 'TEST_VAR', value: 'test-value' }];

async function substitutesInCommand(t: TestScope): Promise<void> {
  assert.equal(await outputOf(t, aScript('command', SCRIPT, { container: { env: ENV } })), 'test-value\n');
}

async function substitutesInArgs(t: TestScope): Promise<void> {
  assert.equal(await outputOf(t, aCommand('args', ['sh', '-c'], { container: { env: ENV, args: [SCRIPT] } })), 'test-value\n');
}

async function substitutesInSubpath(t: TestScope): Promise<void> {
  const container = {
    env: [{ name: 'POD_NAME', value: 'subpath' }],
    volumeMounts: [
      { name: 'workdir', mountPath: '/logscontainer', subPathExpr: '$(POD_NAME)' },
      { name: 'workdir', mountPath: '/testcontainer' },
    ],
  };
  const pod = aScript('subpath', 'test -d /testcontainer/subpath; echo $?', { spec: VOLUMES, container });
  assert.equal(await outputOf(t, pod), '0\n');
}

/** The container cannot be configured, and is never made. */
const refusesSubpath = (value: string) => async (t: TestScope) => {
  const container = {
    env: [{ name: 'POD_NAME', value }],
    volumeMounts: [{ name: 'workdir', mountPath: '/logscontainer', subPathExpr: '$(POD_NAME)' }],
  };
  const pods = t.resource('v1/pods');
  await pods.create(aPod('refused', { spec: VOLUMES, container }));
  const pod = await pods.until('refused', 'the container cannot be configured', (found) => reasonOf(found) !== undefined && found);
  assert.equal(reasonOf(pod), 'CreateContainerConfigError');
};

/** Why a container waits, once it waits for more than its turn. */
function reasonOf(pod: Json | undefined): string | undefined {
  const reason = statusOf(pod)?.state?.waiting?.reason;
  return reason === 'ContainerCreating' ? undefined : reason;
}

/** Its subpath is named by an annotation, which may be changed while the pod lives. */
const anAnnotated = (name: string, annotations: Json): Json => {
  const container = {
    env: [
      { name: 'POD_NAME', value: 'foo' },
      { name: 'ANNOTATION', valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: "metadata.annotations['mysubpath']" } } },
    ],
    volumeMounts: [
      { name: 'workdir', mountPath: '/subpath_mount', subPathExpr: '$(ANNOTATION)/$(POD_NAME)' },
      { name: 'workdir', mountPath: '/volume_mount' },
    ],
    // Whoever the image runs as must be able to write into directories that the kubelet made.
    securityContext: { runAsUser: 0 },
  };
  const pod = aPod(name, { spec: VOLUMES, container });
  return { ...pod, metadata: { ...pod.metadata, annotations } };
};

async function recovers(t: TestScope): Promise<void> {
  const pods = t.resource('v1/pods');
  await pods.create(anAnnotated('recovers', { notmysubpath: 'mypath' }));
  await pods.until('recovers', 'the subpath cannot be expanded', (pod) => reasonOf(pod) === 'CreateContainerConfigError');
  await pods.change('recovers', (pod) => {
    pod.metadata.annotations.mysubpath = 'mypath';
  });
  await untilRunning(pods, 'recovers');
  await pods.delete('recovers');
  await pods.untilGone('recovers');
}

async function writesSubpath(t: TestScope): Promise<void> {
  const pods = t.resource('v1/pods');
  await pods.create(anAnnotated('writes', { mysubpath: 'mypath' }));
  await untilRunning(pods, 'writes');
  await shell(t, 'writes', 'touch /volume_mount/mypath/foo/test.log');
  await shell(t, 'writes', 'test -f /subpath_mount/test.log');
  await pods.change('writes', (pod) => {
    pod.metadata.annotations.mysubpath = 'mynewpath';
  });
  await untilRunning(pods, 'writes');
  await pods.delete('writes');
  await pods.untilGone('writes');
}

const PREFIX = '[sig-node] Variable Expansion should';

export const variableExpansionTests: readonly ConformanceTest[] = [
  { name: `${PREFIX} allow composing env vars into new env vars [Conformance] [NodeConformance]`, run: composesVariables },
  { name: `${PREFIX} allow substituting values in a container's command [Conformance] [NodeConformance]`, run: substitutesInCommand },
  { name: `${PREFIX} allow substituting values in a container's args [Conformance] [NodeConformance]`, run: substitutesInArgs },
  { name: `${PREFIX} allow substituting values in a volume subpath [Conformance]`, run: substitutesInSubpath },
  { name: `${PREFIX} fail substituting values in a volume subpath with backticks [Conformance]`, run: refusesSubpath('..') },
  { name: `${PREFIX} fail substituting values in a volume subpath with absolute path [Conformance]`, run: refusesSubpath('/tmp') },
  {
    name: `${PREFIX} verify that a failing subpath expansion can be modified during the lifecycle of a container [Conformance] [Slow]`,
    run: recovers,
  },
  { name: `${PREFIX} succeed in writing subpaths in container [Conformance]`, run: writesSubpath },
];
