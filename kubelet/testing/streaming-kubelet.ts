/**
 * For tests of streams: an API server in this process, a node that is this process too, with one pod whose container runs on the engine that is given, and the kubelet's
 * server between. What a client asks of the API server takes the whole way. `await using` stops everything.
 */
import assert from 'node:assert/strict';
import type { Pod } from '#api/generated/types.ts';
import { systemClock } from '#component/clock.ts';
import { silentLogger } from '#component/logger.ts';
import { Registry } from '#component/metrics.ts';
import { send } from '../../apiserver/testing/http-client.ts';
import { createTestApiServer, type TestApiServer } from '../../apiserver/testing/test-api-server.ts';
import type { OpenPodDialer } from '../network/pod-dialer.ts';
import type { PodStates } from '../pod-states.ts';
import type { ContainerRuntime, RuntimeContainer } from '../runtime/container-runtime.ts';
import { runKubeletServer } from '../server.ts';
import { noStats } from './no-stats.ts';

export interface StreamingKubelet extends AsyncDisposable {
  readonly api: TestApiServer;
  /** `/api/v1/namespaces/default/pods/web` */
  readonly path: string;
}

export interface StreamingKubeletOptions {
  readonly runtime: ContainerRuntime;
  /** Of a pod `web` with a container `web`, and its sandbox. */
  readonly containers: () => readonly RuntimeContainer[];
  readonly openDialer: OpenPodDialer;
}

/** What is tested is the stream; who may open one is tested elsewhere. */
const everybody = { admit: async () => {} };

export async function startStreamingKubelet({ runtime, containers, openDialer }: StreamingKubeletOptions): Promise<StreamingKubelet> {
  const api = await createTestApiServer();
  const path = '/api/v1/namespaces/default/pods/web';
  const stop = new AbortController();
  const listening = Promise.withResolvers<number>();
  const states: PodStates = {
    isConnected: () => true,
    whenListed: async () => {},
    sandboxesOf: () => containers().filter(({ identity }) => identity.containerName === undefined),
    containersOf: () => containers().filter(({ identity }) => identity.containerName !== undefined),
    all: containers,
    refresh: async () => {},
    run: async () => {},
  };
  const pod: Pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web', namespace: 'default', uid: 'contract-uid', resourceVersion: '1', creationTimestamp: '' },
    spec: { containers: [{ name: 'web', image: 'web:v1' }] },
  };
  const pods = { pods: () => [pod], findPod: (_namespace: string, name: string) => (name === 'web' ? pod : undefined) };
  const serving = await api.serving(['worker-1']);
  const running = runKubeletServer(
    { address: '127.0.0.1', port: 0, ...serving, ca: api.ca },
    {
      pods,
      states,
      runtime,
      access: everybody,
      stats: noStats,
      openDialer,
      metrics: new Registry(),
      clock: systemClock,
      log: silentLogger,
    },
    stop.signal,
    listening.resolve,
  );
  await createNodeAndPod(api, await listening.promise);
  return {
    api,
    path,
    [Symbol.asyncDispose]: async () => {
      stop.abort(new Error('the test is over'));
      await running;
      await api.stop();
    },
  };
}

async function createNodeAndPod(api: TestApiServer, kubeletPort: number): Promise<void> {
  const create = (path: string, body: object) => send(api, path, { method: 'POST', body: { apiVersion: 'v1', ...body } });
  const headers = { 'content-type': 'application/merge-patch+json' };
  const patchStatus = async (path: string, status: object) => {
    const patched = await send(api, `${path}/status`, { method: 'PATCH', body: { status }, headers });
    assert.equal(patched.statusCode, 200, patched.text);
  };
  await create('/api/v1/nodes', { kind: 'Node', metadata: { name: 'worker-1' } });
  await patchStatus('/api/v1/nodes/worker-1', {
    addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
    daemonEndpoints: { kubeletEndpoint: { Port: kubeletPort } },
  });
  const spec = { nodeName: 'worker-1', containers: [{ name: 'web', image: 'web:v1', stdin: true }] };
  const created = await create('/api/v1/namespaces/default/pods', { kind: 'Pod', metadata: { name: 'web' }, spec });
  assert.equal(created.statusCode, 201, created.text);
  await patchStatus('/api/v1/namespaces/default/pods/web', { phase: 'Running' });
}
