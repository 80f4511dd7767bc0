/** What a container runs: the image's entry point and arguments, or the pod's; and what the kubelet does with its output and its end. */
import assert from 'node:assert/strict';
import type { Json } from '../../cluster.ts';
import type { ConformanceTest, TestScope } from '../framework/conformance-test.ts';
import { eventually } from '../framework/expect.ts';
import { untilRunning } from '../framework/pods.ts';
import { aCommand, aScript, expectLines, logOf, outputOf, statusOf, untilEnded } from '../framework/run-pod.ts';

const PRINT_ARGUMENTS = 'console.log(JSON.stringify(process.argv.slice(1)))';

/** The pod's container is the image's, but for `container`. */
const aBarePod = (name: string, container: Json): Json => {
  const pod = aCommand(name, []);
  const [{ command: _, ...bare }] = pod.spec.containers;
  return { ...pod, spec: { ...pod.spec, containers: [{ ...bare, ...container }] } };
};

/** The image's own program is a server, which says so. */
async function usesDefaults(t: TestScope): Promise<void> {
  await t.resource('v1/pods').create(aBarePod('defaults', {}));
  await untilRunning(t.resource('v1/pods'), 'defaults');
  await eventually("the image's program runs", async () => /listens on port/.test(await logOf(t, 'defaults')));
}

/** The image's entry point runs Node.js when its arguments begin with an option; nothing else would. */
async function overridesArguments(t: TestScope): Promise<void> {
  const args = ['-e', PRINT_ARGUMENTS, 'override', 'arguments'];
  assert.equal(await outputOf(t, aBarePod('arguments', { args })), '["override","arguments"]\n');
}

async function overridesCommand(t: TestScope): Promise<void> {
  const command = ['node', '-e', PRINT_ARGUMENTS];
  assert.equal(await outputOf(t, aBarePod('command', { command })), '[]\n');
}

async function overridesBoth(t: TestScope): Promise<void> {
  const container = { command: ['node', '-e', PRINT_ARGUMENTS], args: ['override', 'both'] };
  assert.equal(await outputOf(t, aBarePod('both', container)), '["override","both"]\n');
}

async function printsToLogs(t: TestScope): Promise<void> {
  const output = await outputOf(t, aScript('prints', "echo 'Hello World'; echo 'and errors' >&2"));
  expectLines(output, ['Hello World', 'and errors']);
}

const aFailing = (name: string): Json => aCommand(name, ['false'], { spec: { restartPolicy: 'Always' } });

async function tellsReason(t: TestScope): Promise<void> {
  const pods = t.resource('v1/pods');
  await pods.create(aFailing('fails'));
  const pod = await pods.until('fails', 'its container has ended', (found) => terminationOf(found) !== undefined && found);
  assert.equal(pod.status.containerStatuses.length, 1);
  const { exitCode, reason } = terminationOf(pod) ?? {};
  assert.deepEqual([exitCode, reason], [1, 'Error']);
}

function terminationOf(pod: Json | undefined): Json | undefined {
  const status = statusOf(pod);
  return status?.state?.terminated ?? status?.lastState?.terminated;
}

async function deletesFailing(t: TestScope): Promise<void> {
  const pods = t.resource('v1/pods');
  await pods.create(aFailing('fails'));
  await pods.until('fails', 'its container has ended', (found) => terminationOf(found) !== undefined);
  await pods.delete('fails');
  await pods.untilGone('fails');
}

async function keepsRootReadOnly(t: TestScope): Promise<void> {
  const container = { securityContext: { readOnlyRootFilesystem: true, runAsUser: 0 } };
  const output = await outputOf(t, aScript('read-only', 'echo test > /file || echo refused; cat /file || true', { container }));
  assert.match(output, /Read-only file system/);
  expectLines(output, ['refused']);
}

async function writesHostAliases(t: TestScope): Promise<void> {
  const hostAliases = [{ ip: '123.45.67.89', hostnames: ['foo', 'bar'] }];
  const output = await outputOf(t, aCommand('aliases', ['cat', '/etc/hosts'], { spec: { hostAliases } }));
  expectLines(output, ['# Entries added by HostAliases.', '123.45.67.89\tfoo\tbar']);
}

/** Fails the first time, succeeds the second time, and runs on the third time. */
const COUNTING = `
echo run >> /count/runs
case $(wc -l < /count/runs) in
  1) exit 1 ;;
  2) exit 0 ;;
esac
trap 'exit 0' TERM
while true; do sleep 0.2; done`;

interface Expected {
  readonly restartPolicy: string;
  readonly restarts: number;
  readonly phase: string;
  readonly state: 'running' | 'terminated';
  readonly isReady: boolean;
}

const POLICIES: readonly Expected[] = [
  { restartPolicy: 'Always', restarts: 2, phase: 'Running', state: 'running', isReady: true },
  { restartPolicy: 'OnFailure', restarts: 1, phase: 'Succeeded', state: 'terminated', isReady: false },
  { restartPolicy: 'Never', restarts: 0, phase: 'Failed', state: 'terminated', isReady: false },
];

async function followsPolicy(t: TestScope, { restartPolicy, restarts, phase, state, isReady }: Expected): Promise<void> {
  const name = `restarts-${restartPolicy.toLowerCase()}`;
  const pods = t.resource('v1/pods');
  const container = { volumeMounts: [{ name: 'count', mountPath: '/count' }], securityContext: { runAsUser: 0 } };
  const spec = { restartPolicy, volumes: [{ name: 'count', emptyDir: { medium: 'Memory' } }] };
  await pods.create(aScript(name, COUNTING, { spec, container }));
  await pods.until(name, `${name} is ${phase} after ${restarts} restarts`, (pod) => {
    const status = statusOf(pod);
    return (
      pod?.status.phase === phase &&
      status?.restartCount === restarts &&
      status?.ready === isReady &&
      status?.state[state] !== undefined &&
      pod.status.conditions.some((condition: Json) => condition.type === 'Ready' && condition.status === (isReady ? 'True' : 'False'))
    );
  });
  await pods.delete(name);
  await pods.untilGone(name);
}

async function followsPolicies(t: TestScope): Promise<void> {
  await Promise.all(POLICIES.map((expected) => followsPolicy(t, expected)));
}

interface Message {
  readonly script: string;
  readonly container?: Json;
  readonly phase: string;
  readonly message: string;
}

const reportsMessage =
  ({ script, container, phase, message }: Message) =>
  async (t: TestScope) => {
    await t.resource('v1/pods').create(aScript('message', script, { container: container ?? {} }));
    const pod = await untilEnded(t, 'message');
    assert.equal(pod.status.phase, phase, await logOf(t, 'message'));
    assert.equal(statusOf(pod)?.state.terminated.message ?? '', message);
    await t.resource('v1/pods').delete('message');
  };

const FROM_LOGS: Json = { terminationMessagePath: '/dev/termination-log', terminationMessagePolicy: 'FallbackToLogsOnError' };

const CONTAINERS = '[sig-node] Containers should';
const KUBELET = '[sig-node] Kubelet when scheduling';
const MESSAGE = '[sig-node] Container Runtime blackbox test on terminated container should report termination message';

export const containerTests: readonly ConformanceTest[] = [
  { name: `${CONTAINERS} use the image defaults if command and args are blank [Conformance] [NodeConformance]`, run: usesDefaults },
  {
    name: `${CONTAINERS} be able to override the image's default arguments (container cmd) [Conformance] [NodeConformance]`,
    run: overridesArguments,
  },
  {
    name: `${CONTAINERS} be able to override the image's default command (container entrypoint) [Conformance] [NodeConformance]`,
    run: overridesCommand,
  },
  {
    name: `${CONTAINERS} be able to override the image's default command and arguments [Conformance] [NodeConformance]`,
    run: overridesBoth,
  },
  { name: `${KUBELET} a busybox command in a pod should print the output to logs [Conformance] [NodeConformance]`, run: printsToLogs },
  {
    name: `${KUBELET} a busybox command that always fails in a pod should have an terminated reason [Conformance] [NodeConformance]`,
    run: tellsReason,
  },
  {
    name: `${KUBELET} a busybox command that always fails in a pod should be possible to delete [Conformance] [NodeConformance]`,
    run: deletesFailing,
  },
  {
    name: `${KUBELET} a read only busybox container should not write to root filesystem [LinuxOnly] [Conformance] [NodeConformance]`,
    run: keepsRootReadOnly,
  },
  {
    name: `${KUBELET} an agnhost Pod with hostAliases should write entries to /etc/hosts [Conformance] [NodeConformance]`,
    run: writesHostAliases,
  },
  {
    name: '[sig-node] Container Runtime blackbox test when starting a container that exits should run with the expected status [Conformance] [NodeConformance]',
    run: followsPolicies,
  },
  {
    name: `${MESSAGE} if TerminationMessagePath is set as non-root user and at a non-default path [Conformance] [NodeConformance]`,
    run: reportsMessage({
      script: 'printf DONE > /dev/termination-custom-log',
      container: { terminationMessagePath: '/dev/termination-custom-log', securityContext: { runAsUser: 10_000 } },
      phase: 'Succeeded',
      message: 'DONE',
    }),
  },
  {
    name: `${MESSAGE} from log output if TerminationMessagePolicy FallbackToLogsOnError is set [Conformance] [NodeConformance]`,
    run: reportsMessage({ script: 'printf DONE; exit 1', container: FROM_LOGS, phase: 'Failed', message: 'DONE' }),
  },
  {
    name: `${MESSAGE} as empty when pod succeeds and TerminationMessagePolicy FallbackToLogsOnError is set [Conformance] [NodeConformance]`,
    run: reportsMessage({ script: 'printf DONE', container: FROM_LOGS, phase: 'Succeeded', message: '' }),
  },
  {
    name: `${MESSAGE} from file when pod succeeds and TerminationMessagePolicy FallbackToLogsOnError is set [Conformance] [NodeConformance]`,
    run: reportsMessage({
      script: 'printf OK > /dev/termination-log; printf DONE',
      container: FROM_LOGS,
      phase: 'Succeeded',
      message: 'OK',
    }),
  },
];
