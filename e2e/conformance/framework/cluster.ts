/**
 * The cluster under test: HTTPS to its API server as the user of a kubeconfig. Knows requests, answers and streams; `resource.ts` knows the
 * verbs. Works with every way of authenticating that @kubernetes/client-node knows, so that it can be pointed at any cluster.
 */
import { rmSync } from 'node:fs';
import { KubeConfig } from '@kubernetes/client-node';
import { Agent, type Dispatcher, WebSocket } from 'undici';
import { ApiError } from '#api/meta/status.ts';
import { decodeStatus } from '#client/object-decoder.ts';
import { splitLines } from '#client/watch-stream.ts';
import { type Json, kubectlPath, type Output, run } from '../../cluster.ts';
import { createResource, type Resource } from './resource.ts';

/** Long enough for a webhook's 30 s or a sync of etcd on a busy machine. */
const ANSWER_MS_MAX = 70_000;

export interface ClusterRequest {
  readonly method?: 'GET' | 'HEAD' | 'OPTIONS' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Path and query. */
  readonly path: string;
  /** A string goes as it is, anything else as JSON. */
  readonly body?: unknown;
  /** Of the body; `application/json` if absent. */
  readonly contentType?: string;
  readonly accept?: string;
}

export interface Answer {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly text: string;
}

export interface Cluster {
  /** The file it was opened with. */
  readonly kubeconfig: string;
  /** The API server's URL. */
  readonly server: string;
  /** Whatever its status. */
  send(request: ClusterRequest): Promise<Answer>;
  /** The decoded body of a successful answer; else throws the `ApiError` the server sent. */
  request(request: ClusterRequest): Promise<Json>;
  /** The lines of a streaming answer; the promise resolves when the stream has begun. */
  lines(path: string, signal: AbortSignal): Promise<AsyncIterable<string>>;
  /** A WebSocket to the path and query; what becomes of it, its events tell. */
  openSocket(path: string, protocol: string): WebSocket;
  resource(name: string, namespace: string): Resource;
  kubectl(args: readonly string[], input?: string): Promise<Output>;
  close(): Promise<void>;
}

/** Connects as the current context of the kubeconfig says. Throws when the file names no cluster. */
export async function openCluster(kubeconfig: string): Promise<Cluster> {
  const config = new KubeConfig();
  config.loadFromFile(kubeconfig);
  const server = config.getCurrentCluster()?.server;
  if (server === undefined) throw new Error(`${kubeconfig}: its current context names no cluster`);
  const { agent, headers } = await createAgent(config);
  const dispatch = async (request: ClusterRequest, signal?: AbortSignal): Promise<Dispatcher.ResponseData> =>
    agent.request({
      origin: new URL(server).origin,
      path: basePath(server) + request.path,
      method: request.method ?? 'GET',
      headers: headersOf(request, headers),
      ...(request.body === undefined ? {} : { body: typeof request.body === 'string' ? request.body : JSON.stringify(request.body) }),
      ...(signal === undefined ? {} : { signal }),
    });
  const send = async (request: ClusterRequest): Promise<Answer> => {
    const response = await dispatch(request, AbortSignal.timeout(ANSWER_MS_MAX));
    return { statusCode: response.statusCode, headers: response.headers, text: await response.body.text() };
  };
  const cluster: Cluster = {
    kubeconfig,
    server,
    send,
    request: async (request) => {
      const { statusCode, text } = await send(request);
      if (statusCode >= 300) throw decodeStatus(statusCode, parseLeniently(text));
      return JSON.parse(text);
    },
    lines: async (path, signal) => {
      const response = await dispatch({ path }, signal);
      if (response.statusCode >= 300) throw decodeStatus(response.statusCode, parseLeniently(await response.body.text()));
      return splitLines(response.body);
    },
    openSocket: (path, protocol) =>
      new WebSocket(`${new URL(server).origin.replace(/^http/, 'ws')}${basePath(server)}${path}`, {
        protocols: protocol,
        dispatcher: agent,
        headers,
      }),
    resource: (name, namespace) => createResource(cluster, name, namespace),
    kubectl: (args, input) => runKubectl(kubeconfig, args, input),
    close: () => agent.destroy(),
  };
  return cluster;
}

/** Undefined unless the promise was refused with one of these reasons: what is gone is gone. */
export async function ignoring<T>(reasons: readonly ApiError['reason'][], promise: Promise<T>): Promise<T | undefined> {
  try {
    return await promise;
  } catch (error) {
    if (error instanceof ApiError && reasons.includes(error.reason)) return undefined;
    throw error;
  }
}

/** A cache of kubectl's own, because discovery changes under its feet when tests define resources; it is removed afterwards. */
async function runKubectl(kubeconfig: string, args: readonly string[], input?: string): Promise<Output> {
  const cache = `/tmp/keelson-conformance-${process.pid}-${++kubectlCalls}`;
  try {
    return await run(kubectlPath, ['--kubeconfig', kubeconfig, '--cache-dir', cache, ...args], input);
  } finally {
    rmSync(cache, { recursive: true, force: true });
  }
}
let kubectlCalls = 0;

async function createAgent(config: KubeConfig): Promise<{ readonly agent: Agent; readonly headers: Record<string, string> }> {
  const options: Json = { headers: {} };
  await config.applyToHTTPSOptions(options);
  const { ca, cert, key, rejectUnauthorized, servername } = options;
  const connect = Object.fromEntries(
    Object.entries({ ca, cert, key, rejectUnauthorized, servername }).filter(([, value]) => value !== undefined),
  );
  return {
    agent: new Agent({ connect: { ...connect, timeout: ANSWER_MS_MAX }, allowH2: false, bodyTimeout: 0, headersTimeout: 0 }),
    headers: options.headers ?? {},
  };
}

function headersOf(request: ClusterRequest, authentication: Readonly<Record<string, string>>): Record<string, string> {
  return {
    accept: request.accept ?? 'application/json',
    'user-agent': 'keelson-conformance',
    ...(request.body === undefined ? {} : { 'content-type': request.contentType ?? 'application/json' }),
    ...authentication,
  };
}

/** A cluster behind a path, as some gateways have them. */
function basePath(server: string): string {
  return new URL(server).pathname.replace(/\/$/, '');
}

function parseLeniently(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
