/**
 * The HTTP side: routes in the order in which they are tried, and the hooks every request passes before its body is read (what is asked, who asks, may
 * they). Everything behind is the pipeline's. The only file of this room that imports Fastify; errors leave through one handler, as a `Status`.
 */
import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import { ApiError, toStatus } from '#api/meta/status.ts';
import { createUpgrades, type Upgrades } from '#component/http-upgrade.ts';
import type { Registry } from '#component/metrics.ts';
import type { AggregatedServer } from './aggregation/aggregated-servers.ts';
import type { Aggregation } from './aggregation/aggregation.ts';
import { forwardToServer } from './aggregation/forward-to-server.ts';
import type { DiscoveryDocuments } from './discovery/discovery.ts';
import { compressed, isCompressed } from './encoding/compress.ts';
import { createYamlConverter } from './encoding/convert-yaml.ts';
import { type EncodedAnswer, encodeAnswer, encodeValue } from './encoding/encode-answer.ts';
import { entityTagOf, isKnownBy } from './encoding/entity-tag.ts';
import { type MediaType, negotiateResponse } from './encoding/negotiate.ts';
import { prettied, wantsPretty } from './encoding/pretty.ts';
import { hasProtobuf } from './encoding/protobuf/protobuf-object.ts';
import { SLAB_BYTES, slabs } from './encoding/slabs.ts';
import type { RequestTurn, RequestTurns } from './flow-control/request-turns.ts';
import type { Exchange } from './forwarding/forward.ts';
import { proxyToTarget } from './forwarding/proxy-to-target.ts';
import type { HealthChecks } from './health-checks.ts';
import type { OpenApiDocuments } from './openapi/openapi.ts';
import type { Answer, ConnectionAnswer } from './pipeline/answer.ts';
import { findRoute, isForwarded, isLongRunning, methodNotAllowed, noSuchResource } from './pipeline/dispatch.ts';
import type { ApiRequest, PipelineDeps } from './pipeline/request.ts';
import { createAuthenticator } from './request/authenticate.ts';
import { throwIfForbidden } from './request/authorize.ts';
import { sinkOf } from './request/byte-sink.ts';
import { impersonate, wantsImpersonation } from './request/impersonate.ts';
import { joinConnections } from './request/join-connections.ts';
import { parseRequestInfo, type RequestInfo } from './request/request-info.ts';
import { createRequestLifetimes, type RequestLifetime } from './request/request-lifetime.ts';
import type { RequestMetrics } from './request/request-metrics.ts';
import { goneSignal, sendMessages } from './request/send-messages.ts';
import { BODY_BYTES_MAX, toApiError } from './request/to-api-error.ts';
import type { User } from './request/user.ts';
import { createWarnings, type Warnings } from './request/warnings.ts';
import { isReview } from './review-definitions.ts';
import type { IssuerDocument } from './service-accounts/issuer-discovery.ts';
import { versionInfo } from './version.ts';

export interface ServerDeps extends PipelineDeps {
  readonly aggregation: Pick<Aggregation, 'servers'>;
  readonly discovery: DiscoveryDocuments;
  readonly openApi: OpenApiDocuments;
  readonly issuerDocuments: readonly IssuerDocument[];
  readonly health: HealthChecks;
  readonly turns: RequestTurns;
  readonly registry: Registry;
  readonly metrics: RequestMetrics;
  /** PEM: what this server shows, and the authorities that certificates of clients and of front proxies are checked against. */
  readonly tls: { readonly certificate: string; readonly key: string; readonly clientCa: string; readonly frontProxyCa: string };
}

/** Names of objects may be 253 characters long and more when encoded; the router's default is 100. */
const PATH_PART_CHARACTERS_MAX = 4_096;

interface RequestContext {
  readonly info: RequestInfo;
  readonly query: URLSearchParams;
  readonly user: User;
  /** Absent for what goes on for as long as its client wants, but for watches, which have a beginning. */
  readonly turn: RequestTurn | undefined;
}

type ContextOf = (request: FastifyRequest) => RequestContext;

export function createServer(deps: ServerDeps): FastifyInstance {
  const upgrades = createUpgrades();
  const app: FastifyInstance = fastify({
    https: {
      cert: deps.tls.certificate,
      key: deps.tls.key,
      ca: [deps.tls.clientCa, deps.tls.frontProxyCa],
      minVersion: 'TLSv1.2',
      requestCert: true,
      // Connections without a certificate are anonymous; ones with a wrong certificate are refused by `authenticate`, with a Status.
      rejectUnauthorized: false,
      shouldUpgradeCallback: upgrades.shouldUpgradeCallback,
    },
    bodyLimit: BODY_BYTES_MAX,
    // No route has a schema; the compilers that Fastify would load for them are a tenth of a start.
    schemaController: { compilersFactory: { buildValidator: refuseSchemas, buildSerializer: refuseSchemas } },
    // Generated clients ask for `/version/` and `/apis/apps/v1/`.
    routerOptions: { maxParamLength: PATH_PART_CHARACTERS_MAX, ignoreTrailingSlash: true },
    forceCloseConnections: 'idle',
    frameworkErrors: (error, request, reply) => sendError(error, request, reply, deps),
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  app.setErrorHandler((error, request, reply) => sendError(error, request, reply, deps));
  app.setNotFoundHandler(() => {
    throw noSuchResource();
  });
  const contextOf = addHooks(app, deps);
  addHealthRoutes(app, deps, contextOf);
  addDocumentRoutes(app, deps, contextOf);
  const lifetimes = createRequestLifetimes(deps.clock);
  const handleResource = createResourceHandler(deps, contextOf, upgrades, lifetimes);
  // Before the body is read: it belongs to the server that the request is handed on to.
  const forwardToOther = createAggregatedHandler(deps, contextOf, upgrades, lifetimes);
  app.addHook('onRequest', async (request, reply) => {
    const { info } = contextOf(request);
    const server = deps.aggregation.servers.findByPath(info.path);
    if (server !== undefined) return forwardToOther(server, request, reply);
    if (info.isResource && isForwarded(info)) return handleResource(request, reply);
  });
  for (const path of ['/api/*', '/apis/*']) app.all(path, handleResource);
  upgrades.listen(app.server, app.routing);
  return app;
}

function refuseSchemas(): never {
  throw new Error('objects of the API are never validated along a route schema');
}

/** What every request passes before its body is read. Gives the function that tells what was found out. */
function addHooks(app: FastifyInstance, deps: ServerDeps): ContextOf {
  const contexts = new WeakMap<IncomingMessage, RequestContext>();
  const authenticate = createAuthenticator({ ...deps.tls, tokens: deps.tokens });
  app.addHook('onRequest', async (request, reply) => {
    const [path = '/', queryText = ''] = splitUrl(request.raw.url ?? '/');
    const query = new URLSearchParams(queryText);
    const info = parseRequestInfo(request.method, path, query);
    const requester = await authenticate(request.raw);
    const isAsOther = wantsImpersonation(request.headers);
    const user = isAsOther ? impersonate(requester, request.raw.headersDistinct, deps.authorizer) : requester;
    const turn =
      info.isResource && info.verb !== 'watch' && isLongRunning(info) ? undefined : beginTurn(request, reply, { info, query, user });
    contexts.set(request.raw, { info, query, user, turn });
    if (turn?.admitted) await turn.admitted;
    throwIfForbidden(deps.authorizer, user, info);
  });
  app.addHook('onResponse', async (request, reply) => {
    deps.metrics.observe(contexts.get(request.raw)?.info, reply.statusCode, reply.elapsedTime);
  });
  return (request) => {
    const context = contexts.get(request.raw);
    if (context === undefined) throw new Error('the request passed no hook');
    return context;
  };

  function beginTurn(request: FastifyRequest, reply: FastifyReply, what: Pick<RequestContext, 'info' | 'query' | 'user'>): RequestTurn {
    const { accept, 'content-length': contentLength } = request.headers;
    const turn = deps.turns.begin({ ...what, accept, contentLength });
    reply.headers(turn.headers);
    reply.raw.once('close', turn.end);
    return turn;
  }
}

function addHealthRoutes(app: FastifyInstance, { health, registry }: ServerDeps, contextOf: ContextOf): void {
  for (const kind of ['livez', 'readyz', 'healthz'] as const) {
    const report = (check: string, request: FastifyRequest, reply: FastifyReply) => {
      const { query } = contextOf(request);
      const result = health.report(kind, { check, isVerbose: query.has('verbose'), excluded: query.getAll('exclude') });
      if (result === undefined) throw noSuchResource();
      return reply.code(result.statusCode).type('text/plain; charset=utf-8').send(result.text);
    };
    app.get(`/${kind}`, (request, reply) => report('', request, reply));
    // A check's name may have slashes in it.
    app.get<{ Params: { '*': string } }>(`/${kind}/*`, (request, reply) => report(request.params['*'], request, reply));
  }
  app.get('/metrics', async (_request, reply) => reply.type(registry.contentType).send(await registry.metrics()));
}

/** What the server says about itself: its version, what there is, and how it is described. */
function addDocumentRoutes(app: FastifyInstance, { discovery, openApi, issuerDocuments }: ServerDeps, contextOf: ContextOf): void {
  const sendValue = (value: object | undefined, request: FastifyRequest, reply: FastifyReply) => {
    if (value === undefined) throw noSuchResource();
    return sendEncoded(encodeValue(value, 200, negotiateResponse(request.headers.accept)), reply);
  };
  app.get('/version', (request, reply) => sendValue(versionInfo, request, reply));
  app.get('/openapi/v2', (request, reply) => sendDocument(openApi.v2(request.headers.accept), request, reply));
  app.get('/openapi/v3', (request, reply) => sendValue(openApi.index(), request, reply));
  app.get('/openapi/v3/*', (request, reply) => {
    const { info, query } = contextOf(request);
    const document = openApi.v3(info.path);
    if (document === undefined) throw noSuchResource();
    const { hash, bytes } = document;
    const wanted = query.get('hash');
    // Another document by now: the address in the index tells which one is kept for good.
    if (wanted !== null && wanted !== hash) return reply.redirect(`${info.path}?hash=${hash}`, 301);
    const answer = { statusCode: 200, contentType: 'application/json', pieces: [bytes()] };
    return sendDocument(answer, request, reply, `"${hash}"`);
  });
  for (const { path, contentType, body } of issuerDocuments) {
    app.get(path, (_request, reply) => reply.type(contentType).header('cache-control', 'public, max-age=3600').send(body));
  }
  app.get('/', (request, reply) => sendValue({ paths: discovery.paths() }, request, reply));
  for (const path of ['/api', '/apis', '/api/:version', '/apis/:group', '/apis/:group/:version']) {
    app.get(path, (request, reply) => {
      const found = discovery.find(contextOf(request).info.path, request.headers.accept);
      if (found === undefined) throw noSuchResource();
      reply.header('vary', 'Accept');
      if (!found.isAggregated) return reply.type(found.contentType).send(found.body);
      return sendDocument({ statusCode: 200, contentType: found.contentType, pieces: [found.body] }, request, reply);
    });
  }
}

type RequestLifetimes = ReturnType<typeof createRequestLifetimes>;

/** Every verb on everything that another server answers. */
function createAggregatedHandler(deps: ServerDeps, contextOf: ContextOf, upgrades: Upgrades, lifetimes: RequestLifetimes) {
  return async (server: AggregatedServer, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const { info, user } = contextOf(request);
    const isUpgrade = upgrades.isUpgrade(request.raw);
    const isStream = isUpgrade || (info.isResource && isLongRunning(info));
    const lifetime = lifetimes.begin(reply.raw, { isStream });
    const signals = isUpgrade ? [goneSignal(request.raw)] : [lifetime.connection, lifetime.signal];
    const exchange = exchangeOf(request.raw, reply, { ...deps, upgrades });
    try {
      const signal = AbortSignal.any([...signals, deps.stopping]);
      await forwardToServer(server, user, exchange, { ...deps.aggregation, clock: deps.clock, signal });
      return reply;
    } finally {
      lifetime.end();
    }
  };
}

/** Every verb on every resource. */
function createResourceHandler(deps: ServerDeps, contextOf: ContextOf, upgrades: Upgrades, lifetimes: RequestLifetimes) {
  const yaml = createYamlConverter(deps.clock);
  return async (request: FastifyRequest, reply: FastifyReply): Promise<unknown> => {
    const { info, query, user, turn } = contextOf(request);
    if (!info.isResource) throw request.method === 'GET' ? noSuchResource() : methodNotAllowed();
    const route = findRoute(deps.resources, info);
    const isStream = isLongRunning(route.info);
    const { type } = route.definition;
    const negotiable = { hasProtobuf: hasProtobuf(type.schema), hasTable: !isReview(type) };
    const form = negotiateResponse(isStream && route.info.verb !== 'watch' ? undefined : request.headers.accept, negotiable);
    const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
    const received = await yaml.convert({ body, contentType: request.headers['content-type'] });
    const lifetime = lifetimes.begin(reply.raw, { isStream });
    const warnings = createWarnings();
    const apiRequest: ApiRequest = {
      ...route,
      query,
      user,
      ...received,
      userAgent: request.headers['user-agent'],
      form,
      signal: lifetime.signal,
      warn: warnings.add,
    };
    const { deprecationWarning } = route.definition.custom ?? {};
    if (deprecationWarning !== undefined) apiRequest.warn(deprecationWarning);
    try {
      const answer = await route.handler(apiRequest, deps).finally(() => sendWarnings(warnings, reply));
      if (answer.type === 'stream') {
        if (upgrades.isUpgrade(request.raw)) {
          const take = () => {
            reply.hijack();
            return upgrades.take(request.raw);
          };
          await sendMessages(
            answer,
            { request: request.raw, take, isWatch: route.info.verb === 'watch', onInitialized: () => turn?.end() },
            deps,
          );
          return reply;
        }
        return await sendStream(answer, reply, { ...deps, lifetime, turn });
      }
      if (answer.type === 'forward') {
        const exchange = exchangeOf(request.raw, reply, { ...deps, upgrades });
        await proxyToTarget(answer.target, exchange, { ...deps, connection: lifetime.connection, isNamespaced: info.namespace !== '' });
        return reply;
      }
      if (answer.type === 'connection') return await connect(answer, request, reply, { ...deps, upgrades });
      const encoded = await encodeAnswer(answer, { form, query, nowMs: deps.clock.now() });
      return sendEncoded(wantsPretty(query, request.headers['user-agent']) ? prettied(encoded) : encoded, reply, turn);
    } finally {
      lifetime.end();
    }
  };
}

/** From here on the client talks to the kubelet. Throws ApiError while it can still be answered. */
async function connect(
  { target }: ConnectionAnswer,
  { raw }: FastifyRequest,
  reply: FastifyReply,
  { upgrades, kubelets, clock, stopping }: ServerDeps & { readonly upgrades: Upgrades },
): Promise<FastifyReply> {
  if (!upgrades.isUpgrade(raw)) throw new ApiError('BadRequest', 'Upgrade request required');
  const request = { method: raw.method ?? 'GET', headers: raw.headers };
  const { head, connection } = await kubelets.upgrade(target, request, AbortSignal.any([goneSignal(raw), stopping]));
  reply.hijack();
  const client = upgrades.take(raw);
  client.write(head);
  await joinConnections(client, connection, { clock, signal: stopping });
  return reply;
}

/** The client's side of a request that is handed on. */
function exchangeOf(request: IncomingMessage, reply: FastifyReply, deps: ServerDeps & { readonly upgrades: Upgrades }): Exchange {
  const { upgrades, clock, stopping } = deps;
  return {
    request,
    response: reply.raw,
    isUpgrade: upgrades.isUpgrade(request),
    begin: () => void reply.hijack(),
    takeConnection: () => upgrades.take(request),
    join: (client, target) => joinConnections(client, target, { clock, signal: stopping }),
  };
}

/** A response that goes on: from here on an error can only end it. */
async function sendStream(
  answer: Extract<Answer, { type: 'stream' }>,
  reply: FastifyReply,
  { log, lifetime, turn }: Pick<ServerDeps, 'log'> & { readonly lifetime: RequestLifetime; readonly turn: RequestTurn | undefined },
): Promise<FastifyReply> {
  reply.hijack();
  const { raw } = reply;
  for (const [name, value] of Object.entries(reply.getHeaders())) if (value !== undefined) raw.setHeader(name, value);
  raw.writeHead(200, { 'content-type': answer.contentType, 'cache-control': 'no-cache, private' });
  raw.flushHeaders();
  try {
    await answer.run(sinkOf(raw), lifetime.connection, () => turn?.end());
    raw.end();
  } catch (error) {
    log.error({ err: error, path: reply.request.url }, 'a stream broke');
    raw.destroy();
  }
  return reply;
}

/** A document that clients keep: with its tag, and without its body for those who have it. */
function sendDocument(answer: EncodedAnswer, request: FastifyRequest, reply: FastifyReply, known?: string): FastifyReply {
  const tag = known ?? entityTagOf(answer.pieces[0] ?? Buffer.alloc(0));
  reply.header('etag', tag);
  if (isKnownBy(request.headers['if-none-match'], tag)) return reply.code(304).header('cache-control', 'no-cache, private').send();
  return sendEncoded(answer, reply);
}

function sendEncoded({ statusCode, contentType, pieces }: EncodedAnswer, reply: FastifyReply, turn?: RequestTurn): FastifyReply {
  const bytes = pieces.reduce((sum, piece) => sum + piece.length, 0);
  if (turn) turn.answerBytes = bytes;
  reply.code(statusCode).type(contentType).header('cache-control', 'no-cache, private');
  if (isCompressed(reply.request.headers['accept-encoding'], bytes)) {
    const varied = reply.getHeader('vary');
    reply.header('content-encoding', 'gzip').header('vary', varied === undefined ? 'Accept-Encoding' : `${varied}, Accept-Encoding`);
    return reply.send(compressed(pieces));
  }
  reply.header('content-length', bytes);
  const [only] = pieces;
  if (pieces.length === 1 && only !== undefined) return reply.send(only);
  if (bytes <= SLAB_BYTES) return reply.send(Buffer.concat(pieces, bytes));
  return reply.send(Readable.from(slabs(pieces), { objectMode: false, highWaterMark: SLAB_BYTES }));
}

function sendError(error: unknown, request: FastifyRequest, reply: FastifyReply, { log }: Pick<ServerDeps, 'log'>): FastifyReply {
  const apiError = toApiError(error);
  if (apiError.code >= 500) log.error({ err: apiError, method: request.method, path: request.url }, 'a request failed');
  if (apiError.reason === 'Unauthorized') log.info({ why: apiError.cause, path: request.url }, 'unable to authenticate the request');
  const waitSeconds = retryAfterSeconds(apiError);
  if (waitSeconds > 0) reply.header('retry-after', String(waitSeconds));
  return sendEncoded(encodeValue(toStatus(apiError), apiError.code, { mediaType: errorMediaType(request) }), reply);
}

/** Clients that are told so try again by themselves; an error that says when, says it, and one that gives its causes wants to be read first. */
function retryAfterSeconds({ reason, details }: ApiError): number {
  return details?.retryAfterSeconds ?? (reason === 'TooManyRequests' && details?.causes === undefined ? 1 : 0);
}

/** A Status has every form, whatever the request was for. */
function errorMediaType(request: FastifyRequest): MediaType {
  try {
    return negotiateResponse(request.headers.accept, { hasProtobuf: true }).mediaType;
  } catch {
    return 'application/json';
  }
}

function splitUrl(url: string): readonly [string, string] {
  const at = url.indexOf('?');
  return at < 0 ? [url, ''] : [url.slice(0, at), url.slice(at + 1)];
}

/** With whatever the answer will be. */
function sendWarnings(warnings: Warnings, reply: FastifyReply): void {
  const headers = warnings.headers();
  if (headers.length > 0) reply.header('warning', headers);
}
