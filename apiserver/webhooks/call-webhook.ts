/**
 * The API server's road to webhooks: a review is posted over HTTPS, the answer is read within limits. Admission and the conversion of custom resources call it.
 * Connections are kept and shared by all who talk to the same host with the same authority. The home of undici for calls to webhooks.
 * Source: k8s.io/apiserver, pkg/util/webhook/client.go.
 */
import { X509Certificate } from 'node:crypto';
import { lookup as lookupHost } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import type { Agent, Dispatcher } from 'undici';
import { WEBHOOK_PORT_DEFAULT, type WebhookClientConfig } from '#api/meta/webhook-client-config.ts';
import type { Clock } from '#component/clock.ts';
import type { WatchCache } from '../storage/watch-cache.ts';
import { describeAnswer, describeReachError } from './describe-call-error.ts';
import { addressOfService } from './service-address.ts';

type Undici = typeof import('undici');

/** A webhook that is asked more at once is asked later. */
const CONNECTIONS_PER_HOST_MAX = 64;

/** Hosts with connections; whoever was asked longest ago is forgotten. */
const HOSTS_MAX = 128;

const CONNECT_MS_MAX = 10_000;

/** Above what any object, patch or batch of converted objects needs. */
const ANSWER_BYTES_MAX = 32 * 1024 * 1024;

/** A review that got no answer, or one that is none. The message is upstream's. */
export class WebhookCallError extends Error {
  /** Whether it was tried at all, or the configuration names nothing that could be. */
  readonly wasCalled: boolean;

  constructor(message: string, options: { wasCalled: boolean; cause?: unknown }) {
    super(message, { cause: options.cause });
    this.name = 'WebhookCallError';
    this.wasCalled = options.wasCalled;
  }
}

export interface WebhookCall {
  readonly config: WebhookClientConfig;
  /** The review, as JSON. */
  readonly body: string | Buffer;
  readonly timeoutSeconds: number;
  /** Of who waits for the answer; the call ends with it, throwing its reason. */
  readonly signal?: AbortSignal;
}

export interface WebhookClient {
  /** Gives the answer's parsed JSON. Throws WebhookCallError. */
  call(call: WebhookCall): Promise<unknown>;
  close(): Promise<void>;
}

export interface WebhookClientDeps {
  readonly cache: Pick<WatchCache, 'find'>;
  readonly clock: Clock;
}

export function createWebhookClient({ cache, clock }: WebhookClientDeps): WebhookClient {
  const agents = createAgents(cache);
  return {
    call: async ({ config, body, timeoutSeconds, signal }) => {
      const address = addressOf(config, timeoutSeconds);
      // Loaded with the first webhook that is asked: a start has no use for it.
      const undici = await import('undici');
      const dispatcher = agents.for(config, undici);
      const over = new AbortController();
      const cancel = clock.after(timeoutSeconds * 1000, () => over.abort(new Error('context deadline exceeded')));
      const both = signal === undefined ? over.signal : AbortSignal.any([signal, over.signal]);
      try {
        return await post(address, body, { request: undici.request, dispatcher, signal: both });
      } catch (error) {
        signal?.throwIfAborted();
        throw over.signal.aborted ? unreached(address, 'context deadline exceeded', error) : error;
      } finally {
        cancel();
      }
    },
    close: agents.close,
  };
}

interface Address {
  /** With its port, as the certificate and the error messages have it. */
  readonly host: string;
  readonly path: string;
}

function addressOf({ url, service }: WebhookClientConfig, timeoutSeconds: number): Address {
  const query = `?timeout=${timeoutSeconds}s`;
  if (service !== undefined) {
    const { path = '/' } = service;
    const rooted = path.startsWith('/') ? path : `/${path}`;
    return { host: `${nameOf(service)}:${service.port ?? WEBHOOK_PORT_DEFAULT}`, path: `${rooted}${query}` };
  }
  const parsed = new URL(url ?? '');
  return { host: parsed.host, path: `${parsed.pathname}${query}` };
}

/** What the certificate of a Service's webhook must be for. */
function nameOf({ name, namespace }: { readonly name: string; readonly namespace: string }): string {
  return `${name}.${namespace}.svc`;
}

interface Connected {
  readonly request: Undici['request'];
  readonly dispatcher: Dispatcher;
  readonly signal: AbortSignal;
}

async function post({ host, path }: Address, body: string | Buffer, { request, dispatcher, signal }: Connected): Promise<unknown> {
  const answer = await reach({ host, path }, async () => {
    const headers = { 'content-type': 'application/json', accept: 'application/json' };
    const response = await request(`https://${host}${path}`, { method: 'POST', headers, body, dispatcher, signal });
    return { statusCode: response.statusCode, text: await readAll(response.body) };
  });
  if (answer.statusCode >= 200 && answer.statusCode < 300) return parse(answer.text);
  throw new WebhookCallError(messageOfStatus(answer.text) ?? describeAnswer(answer.statusCode, answer.text), { wasCalled: true });
}

async function reach<T>(address: Address, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (error instanceof WebhookCallError) throw error;
    throw unreached(address, describeReachError(error, address.host), error);
  }
}

function unreached({ host, path }: Address, why: string, cause: unknown): WebhookCallError {
  return new WebhookCallError(`Post ${JSON.stringify(`https://${host}${path}`)}: ${why}`, { wasCalled: true, cause });
}

async function readAll(body: AsyncIterable<unknown>): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    if (!Buffer.isBuffer(chunk)) continue;
    bytes += chunk.length;
    if (bytes > ANSWER_BYTES_MAX) throw new WebhookCallError(`the answer is larger than ${ANSWER_BYTES_MAX} bytes`, { wasCalled: true });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, bytes).toString('utf8');
}

function parse(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return value;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new WebhookCallError(`couldn't get version/kind; json parse error: ${why}`, { wasCalled: true, cause });
  }
}

/** A refusal may be a Status. */
function messageOfStatus(text: string): string | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || Reflect.get(value, 'kind') !== 'Status') return undefined;
    const message: unknown = Reflect.get(value, 'message');
    return typeof message === 'string' && message !== '' ? message : undefined;
  } catch {
    return undefined;
  }
}

function createAgents(cache: Pick<WatchCache, 'find'>) {
  const agents = new Map<string, Agent>();
  return {
    for: (config: WebhookClientConfig, undici: Undici): Agent => {
      const { service, url = '', caBundle = '' } = config;
      const host = service === undefined ? new URL(url).host : `${nameOf(service)}:${service.port ?? WEBHOOK_PORT_DEFAULT}`;
      const key = `${service === undefined ? 'url' : 'service'} ${host} ${caBundle}`;
      const agent = agents.get(key) ?? createAgent(config, cache, undici);
      // The last one asked is the last one forgotten.
      agents.delete(key);
      agents.set(key, agent);
      forgetOldest(agents);
      return agent;
    },
    close: async () => {
      await Promise.all([...agents.values()].map((agent) => agent.destroy()));
      agents.clear();
    },
  };
}

function forgetOldest(agents: Map<string, Agent>): void {
  const [oldest] = agents;
  if (agents.size <= HOSTS_MAX || oldest === undefined) return;
  agents.delete(oldest[0]);
  // Ends once the calls under way are answered.
  void oldest[1].close();
}

function createAgent({ caBundle = '', service }: WebhookClientConfig, cache: Pick<WatchCache, 'find'>, undici: Undici): Agent {
  const ca = caBundle === '' ? {} : { ca: authorityIn(caBundle) };
  const { name = '', namespace = '', port = WEBHOOK_PORT_DEFAULT } = service ?? {};
  const lookup = service === undefined ? {} : { lookup: lookupOf(() => addressOfService({ namespace, name, port }, cache)) };
  return new undici.Agent({ connections: CONNECTIONS_PER_HOST_MAX, connect: { ...ca, ...lookup, timeout: CONNECT_MS_MAX } });
}

/** Throws WebhookCallError for what is no certificate. */
function authorityIn(caBundle: string): string {
  const pem = Buffer.from(caBundle, 'base64').toString('utf8');
  try {
    new X509Certificate(pem);
    return pem;
  } catch (cause) {
    throw new WebhookCallError('unable to load root certificates: unable to parse bytes as PEM block', { wasCalled: false, cause });
  }
}

/** Answers what a Service's name stands for; a name that stands for another is asked of the resolver. */
function lookupOf(address: () => string): LookupFunction {
  return (_host, options, callback) => {
    try {
      const found = address();
      const family = isIP(found);
      if (family === 0) lookupHost(found, options, callback);
      else if (options.all === true) callback(null, [{ address: found, family }]);
      else callback(null, found, family);
    } catch (error) {
      callback(error instanceof Error ? error : new Error(String(error)), '', 0);
    }
  };
}
