/** emptyDir volumes, on disk and in memory; and many volumes of one pod that the kubelet makes at once. */
import assert from 'node:assert/strict';
import type { Json } from '../../cluster.ts';
import type { ConformanceTest, TestScope } from '../framework/conformance-test.ts';
import { untilRunning } from '../framework/pods.ts';
import { aScript, logOf, outputOf, untilEnded } from '../framework/run-pod.ts';
import { aReader, mountsOf } from './files.ts';
import { createObject, sources } from './sources.ts';

const media: Readonly<Record<string, Json>> = { default: {}, tmpfs: { medium: 'Memory' } };
const users: Readonly<Record<string, number>> = { root: 0, 'non-root': 1001 };
const modes: Readonly<Record<string, string>> = { '0644': '-rw-r--r--', '0666': '-rw-rw-rw-', '0777': '-rwxrwxrwx' };

const CONTENT = 'mount-tester new file';
const FILE = '/volumes/empty/test-file';
const TELL_MEDIUM = 'stat -fc %T /volumes/empty';

/** The first line tells what the volume is on: memory, or whatever the node's disk has. */
function expectMedium(output: string, medium: string): void {
  const [type] = output.split('\n');
  assert.equal(type === 'tmpfs', medium === 'tmpfs', `the volume is on ${type}`);
}

const supports = (user: string, mode: string, medium: string) => async (t: TestScope) => {
  const write = ['umask 0', `echo '${CONTENT}' > ${FILE}`, `chmod ${mode} ${FILE}`];
  const script = ['set -e', TELL_MEDIUM, ...write, `stat -c '%A %u' ${FILE}`, `cat ${FILE}`].join('\n');
  const output = await outputOf(t, aReader('reader', script, { empty: { emptyDir: media[medium] } }, { user: users[user] ?? 0 }));
  expectMedium(output, medium);
  assert.deepEqual(output.split('\n').slice(1), [`${modes[mode]} ${users[user]}`, CONTENT, '']);
};

const isOpenToAll = (medium: string) => async (t: TestScope) => {
  const script = `${TELL_MEDIUM}; stat -c %A /volumes/empty`;
  const output = await outputOf(t, aReader('reader', script, { empty: { emptyDir: media[medium] } }));
  expectMedium(output, medium);
  assert.match(output, /\ndrwxrwxrwx\n$/);
};

async function isShared(t: TestScope): Promise<void> {
  const pod = aReader('shared', `until [ -s ${FILE} ]; do sleep 0.2; done; cat ${FILE}`, { empty: { emptyDir: {} } });
  const [main] = pod.spec.containers;
  const writer = { ...main, name: 'writer', command: ['sh', '-c', `echo '${CONTENT}' > ${FILE}`] };
  await t.resource('v1/pods').create({ ...pod, spec: { ...pod.spec, containers: [main, writer] } });
  const { status } = await untilEnded(t, 'shared');
  assert.equal(status.phase, 'Succeeded');
  assert.equal(await logOf(t, 'shared', 'main'), `${CONTENT}\n`);
}

async function doesNotConflict(t: TestScope): Promise<void> {
  await createObject(t, sources.secret, 'hidden', { 'data-1': 'value-1' });
  await createObject(t, sources.configMap, 'config', { 'data-1': 'value-1' });
  const volumes = { hidden: sources.secret.volume('hidden'), config: sources.configMap.volume('config') };
  assert.equal(await outputOf(t, aReader('both', 'cat /volumes/hidden/data-1 /volumes/config/data-1', volumes)), 'value-1value-1');
}

const VOLUMES = 50;
const PODS = 5;

async function doesNotRace(t: TestScope): Promise<void> {
  const names = Array.from({ length: VOLUMES }, (_, index) => `racey-configmap-${index}`);
  await Promise.all(names.map((name) => createObject(t, sources.configMap, name, { 'data-1': 'value-1' })));
  const volumes = names.map((name) => ({ name, configMap: { name, items: [{ key: 'data-1', path: 'data-1' }] } }));
  const container = { volumeMounts: mountsOf(names) };
  const script = 'trap "exit 0" TERM; while true; do sleep 0.2; done';
  const pods = Array.from({ length: PODS }, (_, index) => `racer-${index}`);
  await Promise.all(pods.map((name) => t.resource('v1/pods').create(aScript(name, script, { spec: { volumes }, container }))));
  await Promise.all(pods.map((name) => untilRunning(t.resource('v1/pods'), name)));
}

const PREFIX = '[sig-storage] EmptyDir';

export const emptyDirTests: readonly ConformanceTest[] = [
  ...Object.keys(users).flatMap((user) =>
    Object.keys(modes).flatMap((mode) =>
      Object.keys(media).map((medium) => ({
        name: `${PREFIX} volumes should support (${user},${mode},${medium}) [LinuxOnly] [Conformance] [NodeConformance]`,
        run: supports(user, mode, medium),
      })),
    ),
  ),
  {
    name: `${PREFIX} volumes volume on default medium should have the correct mode [LinuxOnly] [Conformance] [NodeConformance]`,
    run: isOpenToAll('default'),
  },
  {
    name: `${PREFIX} volumes volume on tmpfs should have the correct mode [LinuxOnly] [Conformance] [NodeConformance]`,
    run: isOpenToAll('tmpfs'),
  },
  { name: `${PREFIX} volumes pod should support shared volumes between containers [Conformance]`, run: isShared },
  { name: `${PREFIX} wrapper volumes should not conflict [Conformance]`, run: doesNotConflict },
  {
    name: `${PREFIX} wrapper volumes should not cause race condition when used for configmaps [Conformance] [Serial]`,
    run: doesNotRace,
  },
];
