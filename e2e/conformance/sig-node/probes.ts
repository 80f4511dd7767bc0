/**
 * Probes: what restarts a container, what does not, and when a pod is ready. That nothing happens is told by the probed program itself: it logs
 * each time that it is probed, and after enough of them nothing has happened.
 */
import assert from 'node:assert/strict';
import type { Json } from '../../cluster.ts';
import type { ConformanceTest, TestScope } from '../framework/conformance-test.ts';
import { eventually } from '../framework/expect.ts';
import { aPod, isReady, untilReady } from '../framework/pods.ts';
import { createProgram } from '../framework/program.ts';
import { logOf, statusOf } from '../framework/run-pod.ts';

const PORT = 8080;
const GRPC_PORT = 5000;
const HEALTHY_MS = 10_000;
/** As many as would have restarted the container three times over, by any threshold used here. */
const PROBES_ENOUGH = 15;
/** On a busy machine a program may take its time to listen. */
const STARTUP_SECONDS_MAX = 60;
const PROBED_MS_MAX = 180_000;
const RESTARTS_MS_MAX = 120_000;

type Prepare = (t: TestScope, probes: Json) => Promise<Json>;

/** The server of `programs/serve.ts`. */
const aServer =
  (...args: readonly string[]): Prepare =>
  async (t, probes) => {
    const programSpec = await createProgram(t, 'serve');
    return aPod('probed', { spec: programSpec(['--http', String(PORT), ...args], probes) });
  };

const aGrpcServer: Prepare = async (t, probes) => {
  const programSpec = await createProgram(t, 'grpc-health');
  return aPod('probed', { spec: programSpec([String(GRPC_PORT)], probes) });
};

/** Its health is a file, which may go; the probe tells on the container's own output that it was there. */
const aFileKeeper =
  (script: string): Prepare =>
  async (_t, probes) =>
    aPod('probed', {
      container: {
        command: ['sh', '-c', `trap 'exit 0' TERM; echo ok > /tmp/health; ${script}; while true; do sleep 0.2; done`],
        // The output that the first process writes to is root's.
        securityContext: { runAsUser: 0 },
        ...probes,
      },
    });

const CAT: Json = { exec: { command: ['sh', '-c', 'echo probed >> /proc/1/fd/1; cat /tmp/health'] } };

/** A program that is slow to answer on a busy machine is not a sick one. */
const patient: Json = { periodSeconds: 1, timeoutSeconds: 5, failureThreshold: 3 };

interface Liveness {
  readonly prepare: Prepare;
  readonly probe: Json;
}

const restarts =
  ({ prepare, probe }: Liveness, times = 1) =>
  async (t: TestScope) => {
    const pods = t.resource('v1/pods');
    await pods.create(await prepare(t, { livenessProbe: probe }));
    let last = 0;
    for (let count = 1; count <= times; count++)
      last = await pods.until(
        'probed',
        `the container is restarted ${count} times`,
        (pod) => {
          const restartCount = statusOf(pod)?.restartCount ?? 0;
          assert.ok(restartCount >= last, `the count of restarts went from ${last} to ${restartCount}`);
          return restartCount >= count && restartCount;
        },
        RESTARTS_MS_MAX * count,
      );
  };

const staysUp =
  ({ prepare, probe }: Liveness, probed: RegExp) =>
  async (t: TestScope) => {
    const pods = t.resource('v1/pods');
    const livenessProbe = { ...probe, ...patient };
    await pods.create(await prepare(t, { livenessProbe, startupProbe: { ...livenessProbe, failureThreshold: STARTUP_SECONDS_MAX } }));
    await untilProbed(t, probed);
    expectNoRestart(await pods.get('probed'));
  };

async function untilProbed(t: TestScope, probed: RegExp): Promise<void> {
  await eventually(
    'it has been probed often',
    async () => ((await logOf(t, 'probed')).match(probed)?.length ?? 0) >= PROBES_ENOUGH,
    PROBED_MS_MAX,
  );
}

function expectNoRestart(pod: Json): void {
  const { restartCount, state } = statusOf(pod) ?? {};
  assert.deepEqual([restartCount, Object.keys(state ?? {})], [0, ['running']]);
}

const INITIAL_DELAY_SECONDS = 10;

async function waitsForDelay(t: TestScope): Promise<void> {
  const pods = t.resource('v1/pods');
  const httpGet = { path: '/', port: PORT };
  const readinessProbe = { httpGet, initialDelaySeconds: INITIAL_DELAY_SECONDS, periodSeconds: 1 };
  await pods.create(await aServer()(t, { readinessProbe }));
  const pod = await untilReady(pods, 'probed');
  const readyAt = Date.parse(pod.status.conditions.find(({ type }: Json) => type === 'Ready').lastTransitionTime);
  const startedAt = Date.parse(statusOf(pod)?.state.running.startedAt);
  assert.ok(readyAt - startedAt >= INITIAL_DELAY_SECONDS * 1_000, `ready ${readyAt - startedAt} ms after its start`);
  expectNoRestart(pod);
}

async function isNeverReady(t: TestScope): Promise<void> {
  const pods = t.resource('v1/pods');
  const watch = await pods.watch({ fieldSelector: 'metadata.name=probed' });
  const readinessProbe = { httpGet: { path: '/healthz', port: PORT }, periodSeconds: 1 };
  await pods.create(await aServer('--unhealthy-after', '0')(t, { readinessProbe }));
  await eventually('it listens', async () => /listens on port/.test(await logOf(t, 'probed')));
  await untilProbed(t, /^GET \/healthz$/gm);
  const pod = await pods.change('probed', (object) => {
    object.metadata.annotations = { told: 'the end of what the watch has to tell' };
  });
  await watch.until('nothing made it ready', ({ object }) => {
    assert.equal(isReady(object), false);
    return object.metadata.annotations?.told !== undefined;
  });
  expectNoRestart(pod);
}

const http = (path: string): Json => ({ httpGet: { path, port: PORT } });
const grpc = (port: number): Json => ({ grpc: { port } });
const later = { initialDelaySeconds: 5, failureThreshold: 1, periodSeconds: 1, timeoutSeconds: 5 };

const RESTARTED = '[sig-node] Probing container should be restarted with a';
const NOT_RESTARTED = '[sig-node] Probing container should *not* be restarted with a';
const READINESS = '[sig-node] Probing container with readiness probe';
const unhealthy: Liveness = { prepare: aServer('--unhealthy-after', String(HEALTHY_MS)), probe: { ...http('/healthz'), ...later } };

export const probeTests: readonly ConformanceTest[] = [
  { name: `${RESTARTED} /healthz http liveness probe [Conformance] [NodeConformance]`, run: restarts(unhealthy) },
  {
    name: `${RESTARTED} exec "cat /tmp/health" liveness probe [Conformance] [NodeConformance]`,
    run: restarts({ prepare: aFileKeeper(`sleep ${HEALTHY_MS / 1_000}; rm /tmp/health`), probe: { ...CAT, ...later } }),
  },
  {
    name: `${RESTARTED} GRPC liveness probe [Conformance] [NodeConformance]`,
    run: restarts({ prepare: aGrpcServer, probe: { ...grpc(GRPC_PORT + 1), ...later } }),
  },
  {
    name: '[sig-node] Probing container should have monotonically increasing restart count [Conformance] [NodeConformance]',
    // Back-off doubles from restart to restart.
    isSlow: true,
    run: restarts(unhealthy, 5),
  },
  {
    name: `${NOT_RESTARTED} /healthz http liveness probe [Conformance] [NodeConformance]`,
    run: staysUp({ prepare: aServer(), probe: http('/healthz') }, /^GET \/healthz$/gm),
  },
  {
    name: `${NOT_RESTARTED} exec "cat /tmp/health" liveness probe [Conformance] [NodeConformance]`,
    run: staysUp({ prepare: aFileKeeper(':'), probe: CAT }, /^probed$/gm),
  },
  {
    name: `${NOT_RESTARTED} tcp:8080 liveness probe [Conformance] [NodeConformance]`,
    run: staysUp(
      { prepare: aServer('--unhealthy-after', String(HEALTHY_MS), '--log-connections'), probe: { tcpSocket: { port: PORT } } },
      /^connection$/gm,
    ),
  },
  {
    name: `${NOT_RESTARTED} GRPC liveness probe [Conformance] [NodeConformance]`,
    run: staysUp({ prepare: aGrpcServer, probe: grpc(GRPC_PORT) }, /^\/grpc\.health\.v1\.Health\/Check$/gm),
  },
  {
    name: `${READINESS} should not be ready before initial delay and never restart [Conformance] [NodeConformance]`,
    run: waitsForDelay,
  },
  {
    name: `${READINESS} that fails should never be ready and never restart [Conformance] [NodeConformance]`,
    run: isNeverReady,
  },
];
