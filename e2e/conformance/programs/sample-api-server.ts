/**
 * A small aggregated API server, in a pod: `node sample-api-server.ts <port>` serves flunders, of the group that GROUP names, from memory. As upstream's
 * sample does it: whoever shows the front proxy's certificate speaks for the user in its headers (by
 * kube-system/extension-apiserver-authentication), and what that user may do the cluster is asked (a SubjectAccessReview).
 */
import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, request } from 'node:https';
import { text } from 'node:stream/consumers';
import { TLSSocket } from 'node:tls';

// biome-ignore lint/suspicious/noExplicitAny: whatever a client stores
type Json = any;

const ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';
const VERSION = 'v1alpha1';
const RETRY_MS = 500;

const [port = 8444] = process.argv.slice(2).map(Number);
const flunders = new Map<string, Json>();
let version = 1;
const group = process.env.GROUP ?? 'wardle.example.com';

class Refusal extends Error {
  readonly code: number;
  readonly reason: string;
  constructor(code: number, reason: string, message: string) {
    super(message);
    this.code = code;
    this.reason = reason;
  }
}

/** A request to the cluster as the pod's own account. */
async function askCluster(path: string, body?: Json): Promise<Json> {
  const answered = Promise.withResolvers<Json>();
  const options = {
    host: process.env.KUBERNETES_SERVICE_HOST,
    port: process.env.KUBERNETES_SERVICE_PORT,
    path,
    method: body === undefined ? 'GET' : 'POST',
    ca: readFileSync(`${ACCOUNT}/ca.crt`),
    headers: { authorization: `Bearer ${readFileSync(`${ACCOUNT}/token`, 'utf8')}`, 'content-type': 'application/json' },
  };
  request(options, async (response) => {
    const answer = await text(response);
    if ((response.statusCode ?? 500) >= 300) answered.reject(new Error(`${path}: ${response.statusCode} ${answer}`));
    else answered.resolve(JSON.parse(answer));
  })
    .once('error', answered.reject)
    .end(body === undefined ? undefined : JSON.stringify(body));
  return answered.promise;
}

/** Its configuration comes with rights that are given at the same time as the pod is made. */
async function untilFrontProxyKnown(): Promise<Json> {
  for (;;) {
    try {
      const { data } = await askCluster('/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication');
      return data;
    } catch (error) {
      console.log(String(error));
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}

async function authorize(user: string, groups: readonly string[], attributes: Json): Promise<void> {
  const spec = { user, groups, resourceAttributes: { group: group, version: VERSION, resource: 'flunders', ...attributes } };
  const review = { apiVersion: 'authorization.k8s.io/v1', kind: 'SubjectAccessReview', spec };
  const { status } = await askCluster('/apis/authorization.k8s.io/v1/subjectaccessreviews', review);
  if (!status.allowed) throw new Refusal(403, 'Forbidden', `${user} may not ${attributes.verb} flunders`);
}

function documents(path: string): Json | undefined {
  const groupVersion = { groupVersion: `${group}/${VERSION}`, version: VERSION };
  if (path === '/apis')
    return { kind: 'APIGroupList', apiVersion: 'v1', groups: [{ name: group, versions: [groupVersion], preferredVersion: groupVersion }] };
  if (path === `/apis/${group}`)
    return { kind: 'APIGroup', apiVersion: 'v1', name: group, versions: [groupVersion], preferredVersion: groupVersion };
  if (path === `/apis/${group}/${VERSION}`) {
    const verbs = ['create', 'delete', 'get', 'list'];
    const resources = [{ name: 'flunders', singularName: 'flunder', namespaced: true, kind: 'Flunder', verbs }];
    return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion: groupVersion.groupVersion, resources };
  }
  return undefined;
}

async function answerFlunders(message: IncomingMessage, namespace: string, name: string): Promise<[code: number, body: Json]> {
  const apiVersion = `${group}/${VERSION}`;
  const inNamespace = [...flunders.values()].filter(({ metadata }) => metadata.namespace === namespace);
  if (message.method === 'POST') {
    const given = JSON.parse(await text(message));
    const metadata = { ...given.metadata, namespace, uid: crypto.randomUUID(), resourceVersion: String(++version) };
    const flunder = { ...given, apiVersion, kind: 'Flunder', metadata: { ...metadata, creationTimestamp: new Date().toISOString() } };
    flunders.set(`${namespace}/${metadata.name}`, flunder);
    return [201, flunder];
  }
  if (name === '') return [200, { kind: 'FlunderList', apiVersion, metadata: { resourceVersion: String(version) }, items: inNamespace }];
  const flunder = flunders.get(`${namespace}/${name}`);
  if (flunder === undefined) throw new Refusal(404, 'NotFound', `flunders.${group} "${name}" not found`);
  if (message.method === 'DELETE') flunders.delete(`${namespace}/${name}`);
  return [200, flunder];
}

async function answer(message: IncomingMessage, usernameHeader: string, groupHeader: string): Promise<[code: number, body: Json]> {
  const path = (message.url ?? '/').split('?')[0] ?? '/';
  if (path === '/readyz' || path === '/healthz') return [200, {}];
  const isFrontProxy = message.socket instanceof TLSSocket && message.socket.authorized;
  const user = String(message.headers[usernameHeader.toLowerCase()] ?? '');
  if (!isFrontProxy || user === '') throw new Refusal(401, 'Unauthorized', 'only the front proxy may ask');
  const groups = String(message.headers[groupHeader.toLowerCase()] ?? '').split(', ');
  const document = documents(path);
  if (document !== undefined) return [200, document];
  const [, namespace = '', name = ''] = new RegExp(`^/apis/${group}/${VERSION}/namespaces/([^/]+)/flunders(?:/([^/]+))?$`).exec(path) ?? [];
  if (namespace === '') throw new Refusal(404, 'NotFound', 'the server could not find the requested resource');
  const verbs: Readonly<Record<string, string>> = { POST: 'create', DELETE: 'delete', GET: name === '' ? 'list' : 'get' };
  await authorize(user, groups, { verb: verbs[message.method ?? ''] ?? 'update', namespace, name });
  return answerFlunders(message, namespace, name);
}

function send(reply: ServerResponse, code: number, body: Json): void {
  reply.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

const frontProxy = await untilFrontProxyKnown();
const [usernameHeader = 'X-Remote-User'] = JSON.parse(frontProxy['requestheader-username-headers']);
const [groupHeader = 'X-Remote-Group'] = JSON.parse(frontProxy['requestheader-group-headers']);
createServer(
  {
    cert: readFileSync('/certificate/tls.crt'),
    key: readFileSync('/certificate/tls.key'),
    ca: frontProxy['requestheader-client-ca-file'],
    requestCert: true,
    rejectUnauthorized: false,
  },
  (message, reply) => {
    answer(message, usernameHeader, groupHeader).then(
      ([code, body]) => send(reply, code, body),
      (error: unknown) => {
        const { code, reason } = error instanceof Refusal ? error : { code: 500, reason: 'InternalError' };
        send(reply, code, { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message: String(error), reason, code });
      },
    );
  },
).listen(port, () => console.log(`flunders of ${group} on ${port}`));
process.once('SIGTERM', () => process.exit(0));
