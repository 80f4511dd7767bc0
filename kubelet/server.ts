/**
 * The kubelet's own HTTPS API, which the API server calls: `/containerLogs/…`, `/exec/…`, `/attach/…`, `/portForward/…`, `/pods`, `/runningpods/`, `/healthz`; and statistics, `/stats/summary`
 * and `/metrics/…`. Who may call is decided by `server-access.ts`; there is no anonymous access. Everything streams with back-pressure: a slow reader slows
 * the engine down, nothing piles up here.
 */
import { Readable } from 'node:stream';
import Fastify, { type FastifyReply, type FastifyRequest } from 'fastify';
import type { Pod } from '#api/generated/types.ts';
import { ApiError, toStatus } from '#api/meta/status.ts';
import type { Clock } from '#component/clock.ts';
import { createUpgrades } from '#component/http-upgrade.ts';
import type { Logger } from '#component/logger.ts';
import type { Registry } from '#component/metrics.ts';
import { aborted } from '#component/shutdown.ts';
import { chooseAttempt, type LogRequest, parseLogRequest } from './log-request.ts';
import type { OpenPodDialer } from './network/pod-dialer.ts';
import type { PodStates } from './pod-states.ts';
import { runningPods } from './running-pods.ts';
import type { ContainerRuntime, RuntimeContainer } from './runtime/container-runtime.ts';
import { joinLogFrames } from './runtime/log-frames.ts';
import type { KubeletAccess } from './server-access.ts';
import { METRICS_CONTENT_TYPE } from './stats/resource-metrics.ts';
import type { StatsApi } from './stats/stats-api.ts';
import { handleAttach, handleExec, handlePortForward, type StreamRequest } from './streaming/stream-handlers.ts';

export interface KubeletServerOptions {
  readonly address: string;
  readonly port: number;
  readonly certificate: string;
  readonly key: string;
  readonly ca: string;
}

export interface KubeletServerDeps {
  readonly pods: { pods(): readonly Pod[]; findPod(namespace: string, name: string): Pod | undefined };
  readonly states: PodStates;
  readonly runtime: ContainerRuntime;
  readonly access: KubeletAccess;
  readonly stats: StatsApi;
  readonly openDialer: OpenPodDialer;
  /** Of this process. */
  readonly metrics: Registry;
  readonly clock: Clock;
  readonly log: Logger;
}

/** No request to the kubelet has a body worth more. */
const BODY_BYTES_MAX = 64 * 1024;

/** Serves until aborted. `onListening` is told the port. */
export async function runKubeletServer(
  options: KubeletServerOptions,
  deps: KubeletServerDeps,
  signal: AbortSignal,
  onListening: (port: number) => void = () => {},
): Promise<void> {
  const server = createServer(options, deps, signal);
  await server.listen({ host: options.address, port: options.port });
  const address = server.server.address();
  if (typeof address === 'object' && address !== null) onListening(address.port);
  await aborted(signal);
  server.server.closeAllConnections();
  await server.close();
}

function createServer(options: KubeletServerOptions, deps: KubeletServerDeps, signal: AbortSignal) {
  const upgrades = createUpgrades();
  const server = Fastify({
    https: {
      cert: options.certificate,
      key: options.key,
      ca: options.ca,
      requestCert: true,
      // Without a certificate a bearer token may speak for the caller; with neither nobody is answered.
      rejectUnauthorized: false,
      minVersion: 'TLSv1.2',
      shouldUpgradeCallback: upgrades.shouldUpgradeCallback,
    },
    bodyLimit: BODY_BYTES_MAX,
    logger: false,
    exposeHeadRoutes: false,
  });

  server.addHook('onRequest', (request) => deps.access.admit(request.raw));

  server.setErrorHandler((error, _request, reply) => {
    const known = error instanceof ApiError ? error : new ApiError('InternalError', error instanceof Error ? error.message : String(error));
    if (!(error instanceof ApiError)) deps.log.error({ err: error }, 'a request failed');
    return reply.code(known.code).send(toStatus(known));
  });
  server.setNotFoundHandler((request, reply) => {
    const missing = new ApiError('NotFound', `the kubelet has no ${request.method} ${request.url.split('?')[0]}`);
    return reply.code(404).send(toStatus(missing));
  });

  server.get('/healthz', async (_request, reply) => reply.type('text/plain').send('ok'));
  server.get('/stats/summary', (request) => {
    const query = new URL(request.url, 'https://kubelet').searchParams;
    return deps.stats.summary(query.get('only_cpu_and_memory') === 'true');
  });
  const metrics = { '/metrics/resource': deps.stats.resourceMetrics, '/metrics/cadvisor': deps.stats.containerMetrics };
  for (const [path, render] of Object.entries(metrics)) {
    server.get(path, async (_request, reply) => reply.type(METRICS_CONTENT_TYPE).send(await render()));
  }
  server.get('/metrics', async (_request, reply) => reply.type(deps.metrics.contentType).send(await deps.metrics.metrics()));
  const listRunning = async () => ({ kind: 'PodList', apiVersion: 'v1', metadata: {}, items: runningPods(deps.states.all()) });
  for (const path of ['/runningpods', '/runningpods/']) server.get(path, listRunning);
  server.get('/pods', async () => ({ kind: 'PodList', apiVersion: 'v1', metadata: {}, items: deps.pods.pods() }));

  server.get<{ Params: { namespace: string; pod: string; container: string } }>(
    '/containerLogs/:namespace/:pod/:container',
    async (request, reply) => {
      const { namespace, pod: podName, container: containerName } = request.params;
      const query = new URL(request.url, 'https://kubelet').searchParams;
      const logRequest = parseLogRequest(query, deps.clock.now());
      const pod = deps.pods.findPod(namespace, podName);
      if (pod === undefined) throw new ApiError('NotFound', `pod "${podName}" not found`);
      const attempts = deps.states.containersOf(pod.metadata.uid).filter(({ identity }) => identity.containerName === containerName);
      const chosen = chooseAttempt(pod, containerName, attempts, logRequest);
      const reader = new AbortController();
      reply.raw.on('close', () => reader.abort());
      const bytes = await readContainerLog(chosen, logRequest, deps.runtime, AbortSignal.any([signal, reader.signal]));
      return reply.type('text/plain').send(Readable.from(bytes, { objectMode: false }));
    },
  );

  upgrades.listen(server.server, server.routing);
  const streamRequest = (request: FastifyRequest<{ Params: StreamParams }>, reply: FastifyReply): StreamRequest => ({
    raw: request.raw,
    namespace: request.params.namespace,
    podName: request.params.pod,
    query: new URL(request.url, 'https://kubelet').searchParams,
    takeConnection: () => {
      if (!upgrades.isUpgrade(request.raw)) throw new ApiError('BadRequest', 'Upgrade request required');
      reply.hijack();
      return upgrades.take(request.raw);
    },
    signal,
  });
  for (const [name, handle] of [['exec', handleExec] as const, ['attach', handleAttach] as const]) {
    server.route<{ Params: StreamParams & { container: string } }>({
      method: ['GET', 'POST'],
      url: `/${name}/:namespace/:pod/:container`,
      handler: async (request, reply) => {
        await handle(streamRequest(request, reply), request.params.container, deps);
        return reply;
      },
    });
  }
  server.route<{ Params: StreamParams }>({
    method: ['GET', 'POST'],
    url: '/portForward/:namespace/:pod',
    handler: async (request, reply) => {
      await handlePortForward(streamRequest(request, reply), deps);
      return reply;
    },
  });
  return server;
}

interface StreamParams {
  readonly namespace: string;
  readonly pod: string;
}

async function readContainerLog(
  container: RuntimeContainer,
  request: LogRequest,
  runtime: ContainerRuntime,
  signal: AbortSignal,
): Promise<AsyncIterable<Uint8Array>> {
  // Following what has ended would wait for nothing.
  const isFollowed = request.isFollowed && container.state.phase === 'running';
  const raw = await runtime.readLogs(container.id, { ...request, isFollowed }, signal);
  const bytes = container.hasTerminal ? raw : joinLogFrames(raw);
  return limitBytes(bytes, request.limitBytes, signal);
}

/** Cut off after so many bytes, and without complaint when the reader goes away. */
async function* limitBytes(
  bytes: AsyncIterable<Uint8Array>,
  bytesMax = Number.POSITIVE_INFINITY,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  let left = bytesMax;
  try {
    for await (const chunk of bytes) {
      yield chunk.subarray(0, Math.min(left, chunk.length));
      left -= chunk.length;
      if (left <= 0) return;
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
