/** Hooks after a container starts and before it is stopped. Each one calls a server in another pod, whose log tells that it was called. */
import type { Json } from '../../cluster.ts';
import type { ConformanceTest, TestScope } from '../framework/conformance-test.ts';
import { eventually } from '../framework/expect.ts';
import { aPod, untilReady, untilRunning } from '../framework/pods.ts';
import { createProgram } from '../framework/program.ts';
import { logOf } from '../framework/run-pod.ts';

const PORT = 8080;

interface Server {
  readonly address: string;
  readonly node: string;
}

async function startServer(t: TestScope): Promise<Server> {
  const pods = t.resource('v1/pods');
  const programSpec = await createProgram(t, 'serve');
  const readinessProbe = { tcpSocket: { port: PORT }, periodSeconds: 1 };
  await pods.create({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'server' },
    spec: programSpec(['--http', String(PORT)], { readinessProbe }),
  });
  const { spec, status } = await untilReady(pods, 'server');
  return { address: status.podIP, node: spec.nodeName };
}

const byHttp = ({ address }: Server, path: string): Json => ({ httpGet: { host: address, port: PORT, path } });

const byExec = ({ address }: Server, path: string, method = 'GET'): Json => ({
  exec: { command: ['node', '-e', `fetch('http://${address}:${PORT}${path}', { method: '${method}' })`] },
});

async function untilCalled(t: TestScope, request: string): Promise<void> {
  await eventually(`the server was asked ${request}`, async () => (await logOf(t, 'server')).split('\n').includes(request));
}

const callsAfterStart = (hook: typeof byHttp) => async (t: TestScope) => {
  const server = await startServer(t);
  const lifecycle = { postStart: hook(server, '/echo?msg=poststart') };
  const pods = t.resource('v1/pods');
  await pods.create(aPod('hooked', { spec: { nodeName: server.node }, container: { lifecycle } }));
  await untilRunning(pods, 'hooked');
  await untilCalled(t, 'GET /echo?msg=poststart');
};

const callsBeforeStop = (hook: typeof byHttp) => async (t: TestScope) => {
  const server = await startServer(t);
  const lifecycle = { preStop: hook(server, '/echo?msg=prestop') };
  const pods = t.resource('v1/pods');
  const spec = { nodeName: server.node, terminationGracePeriodSeconds: 30 };
  await pods.create(aPod('hooked', { spec, container: { lifecycle } }));
  await untilRunning(pods, 'hooked');
  await pods.delete('hooked');
  await pods.untilGone('hooked');
  await untilCalled(t, 'GET /echo?msg=prestop');
};

async function callsWhenKilled(t: TestScope): Promise<void> {
  const server = await startServer(t);
  const pods = t.resource('v1/pods');
  const lifecycle = { preStop: byExec(server, '/write', 'POST') };
  await pods.create(aPod('tester', { spec: { terminationGracePeriodSeconds: 30 }, container: { lifecycle } }));
  await untilRunning(pods, 'tester');
  await pods.delete('tester');
  await pods.untilGone('tester');
  await untilCalled(t, 'POST /write');
}

const PREFIX = '[sig-node] Container Lifecycle Hook when create a pod with lifecycle hook should execute';

export const lifecycleHookTests: readonly ConformanceTest[] = [
  { name: `${PREFIX} poststart exec hook properly [Conformance] [NodeConformance]`, run: callsAfterStart(byExec) },
  { name: `${PREFIX} poststart http hook properly [Conformance] [NodeConformance]`, run: callsAfterStart(byHttp) },
  { name: `${PREFIX} prestop exec hook properly [Conformance] [NodeConformance]`, run: callsBeforeStop(byExec) },
  { name: `${PREFIX} prestop http hook properly [Conformance] [NodeConformance]`, run: callsBeforeStop(byHttp) },
  { name: '[sig-node] PreStop should call prestop when killing a pod [Conformance]', run: callsWhenKilled },
];
