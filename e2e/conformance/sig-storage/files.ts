/** What a pod sees of its volumes: their files' content, modes and owners, at once or as soon as they have changed. */
import assert from 'node:assert/strict';
import type { Json } from '../../cluster.ts';
import type { TestScope } from '../framework/conformance-test.ts';
import { aScript, expectLines, logOf, outputOf, untilEnded } from '../framework/run-pod.ts';

export interface Who {
  /** Root by default, whoever the image would run as. */
  readonly user?: number;
  readonly fsGroup?: number;
}

export type Volumes = Readonly<Record<string, Json>>;

/** A pod that runs a script with these volumes mounted at `/volumes/<name>`. */
export function aReader(name: string, script: string, volumes: Volumes, who: Who = {}): Json {
  const securityContext = { runAsUser: who.user ?? 0, ...(who.fsGroup === undefined ? {} : { fsGroup: who.fsGroup }) };
  return aScript(name, script, {
    spec: { securityContext, volumes: Object.entries(volumes).map(([volume, source]) => ({ name: volume, ...source })) },
    container: { volumeMounts: mountsOf(Object.keys(volumes)) },
  });
}

export function mountsOf(volumes: readonly string[]): readonly Json[] {
  return volumes.map((name) => ({ name, mountPath: `/volumes/${name}` }));
}

export interface ExpectedFile {
  readonly content: string;
  /** As `ls` shows it. */
  readonly mode?: string;
}

/** Asserts that the files are there as they should be, for who the pod runs as. */
export async function expectFiles(
  t: TestScope,
  volumes: Volumes,
  files: Readonly<Record<string, ExpectedFile>>,
  who: Who = {},
): Promise<void> {
  const script = Object.keys(files).map((file) => `echo "${file} $(stat -Lc %A /volumes/${file}) $(cat /volumes/${file})"`);
  const output = await outputOf(t, aReader('reader', script.join('\n'), volumes, who));
  for (const [file, { content, mode = '-rw-r--r--' }] of Object.entries(files)) expectLines(output, [`${file} ${mode} ${content}`]);
}

export interface Change {
  readonly volumes: Volumes;
  /** Commands that succeed before the change. */
  readonly before: readonly string[];
  /** By container, what succeeds after it. */
  readonly after: Readonly<Record<string, string>>;
  readonly metadata?: Json;
}

/** Makes the change once a pod has seen what was before; resolves when its containers have seen what came after. */
export async function expectChange(
  t: TestScope,
  { volumes, before, after, metadata }: Change,
  change: () => Promise<unknown>,
): Promise<void> {
  const pod = aReader('watcher', '', volumes);
  const [container] = pod.spec.containers;
  const running = (name: string, script: string): Json => ({ ...container, name, command: ['sh', '-c', script] });
  const initContainers = [running('before', ['set -ex', ...before].join('\n'))];
  const containers = Object.entries(after).map(([name, command]) => running(name, `until ${command}; do sleep 0.2; done`));
  const pods = t.resource('v1/pods');
  await pods.create({ ...pod, metadata: { ...pod.metadata, ...metadata }, spec: { ...pod.spec, initContainers, containers } });
  const begun = await pods.until(
    'watcher',
    'the pod has seen what was before',
    (found) => ['Running', 'Failed'].includes(found?.status?.phase) && found,
  );
  if (begun.status.phase === 'Failed') throw new Error(`not as it should be before: ${await logOf(t, 'watcher', 'before')}`);
  await change();
  const { status } = await untilEnded(t, 'watcher');
  assert.equal(status.phase, 'Succeeded', JSON.stringify(status));
}
