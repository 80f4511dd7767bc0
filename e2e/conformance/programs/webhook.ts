/**
 * The webhooks that tests register, in a pod: HTTPS with the certificate in /certificate; the path says which one. An answer is an AdmissionReview,
 * or for /crdconvert a ConversionReview, of the version that was asked in. `node webhook.ts <port>`.
 */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { text } from 'node:stream/consumers';

const DELAY_MS = 5_000;
const UNWANTED = 'webhook-disallow';

// biome-ignore lint/suspicious/noExplicitAny: what is reviewed is any kind of object
type Json = any;

interface Verdict {
  readonly message?: string;
  /** A JSON patch. */
  readonly patch?: readonly Json[];
}

const [port = 8444] = process.argv.slice(2).map(Number);
const allowed: Verdict = {};

/** Refuses an object that says so under the key that the tests use. */
const refuseUnwanted =
  (what: string, valuesOf: (object: Json) => Json): ((request: Json) => Verdict) =>
  ({ operation, object, oldObject }) => {
    const looked = operation === 'DELETE' ? oldObject : object;
    return valuesOf(looked)?.['webhook-e2e-test'] === UNWANTED ? { message: `the ${what} contains unwanted data` } : allowed;
  };

/** Two stages: what the first one adds makes the second one add something too. */
function addStages({ object }: Json): Verdict {
  const data = object.data ?? {};
  const stages = [
    ['mutation-start', 'mutation-stage-1'],
    ['mutation-stage-1', 'mutation-stage-2'],
  ] as const;
  return { patch: stages.filter(([from]) => data[from] === 'yes').map(([, to]) => ({ op: 'add', path: `/data/${to}`, value: 'yes' })) };
}

function addLabel({ object }: Json): Verdict {
  const value = object.metadata?.labels === undefined ? { 'added-label': 'yes' } : 'yes';
  return { patch: [{ op: 'add', path: `/metadata/labels${typeof value === 'string' ? '/added-label' : ''}`, value }] };
}

function addInitContainer(): Verdict {
  const value = [{ name: 'webhook-added-init-container', image: 'webhook-added-image', resources: {} }];
  return { patch: [{ op: 'add', path: '/spec/initContainers', value }] };
}

function reviewPod({ object }: Json): Verdict {
  if (object.metadata?.labels?.['webhook-e2e-test'] === UNWANTED) return { message: 'the pod contains unwanted label' };
  const isUnwanted = object.spec.containers.some(({ name }: Json) => name.includes(UNWANTED));
  return isUnwanted ? { message: 'the pod contains unwanted container name' } : allowed;
}

function reviewAttach({ operation, name }: Json): Verdict {
  return operation === 'CONNECT' && name === 'to-be-attached-pod'
    ? { message: "attaching to pod 'to-be-attached-pod' is not allowed" }
    : allowed;
}

const admission: Readonly<Record<string, (request: Json) => Verdict | Promise<Verdict>>> = {
  '/always-deny': () => ({ message: 'this webhook denies all requests' }),
  '/always-allow-delay-5s': () => new Promise((resolve) => setTimeout(resolve, DELAY_MS, allowed)),
  '/never': () => new Promise(() => {}),
  '/add-label': addLabel,
  '/configmaps': refuseUnwanted('configmap', (object) => object?.data),
  '/mutating-configmaps': addStages,
  '/pods': reviewPod,
  '/pods/attach': reviewAttach,
  '/mutating-pods': addInitContainer,
  '/custom-resource': refuseUnwanted('custom resource', (object) => object?.data),
  '/mutating-custom-resource': addStages,
  '/crd': refuseUnwanted('crd', (object) => object?.metadata?.labels),
};

async function reviewAdmission(path: string, request: Json): Promise<Json> {
  const decide = admission[path];
  if (decide === undefined) throw new Error(`no webhook at ${path}`);
  const { message, patch = [] } = await decide(request);
  if (message !== undefined) return { uid: request.uid, allowed: false, status: { message } };
  if (patch.length === 0) return { uid: request.uid, allowed: true };
  return { uid: request.uid, allowed: true, patchType: 'JSONPatch', patch: Buffer.from(JSON.stringify(patch)).toString('base64') };
}

/** v1 has `hostPort`, v2 has `host` and `port`. */
function convert(object: Json, desiredAPIVersion: string): Json {
  const { hostPort, host, port: number, ...rest } = object;
  const isV1 = desiredAPIVersion.endsWith('/v1');
  if (object.apiVersion === desiredAPIVersion) return object;
  if (isV1) return { ...rest, apiVersion: desiredAPIVersion, hostPort: `${host ?? ''}:${number ?? ''}` };
  const [first = '', second = ''] = String(hostPort ?? '').split(':');
  return { ...rest, apiVersion: desiredAPIVersion, host: first, port: second };
}

function reviewConversion({ uid, desiredAPIVersion, objects }: Json): Json {
  return { uid, convertedObjects: objects.map((object: Json) => convert(object, desiredAPIVersion)), result: { status: 'Success' } };
}

const server = createServer(
  { cert: readFileSync('/certificate/tls.crt'), key: readFileSync('/certificate/tls.key') },
  async (message, reply) => {
    try {
      const path = (message.url ?? '/').split('?')[0] ?? '/';
      if (path === '/readyz') return void reply.end('ok');
      const { apiVersion, kind, request } = JSON.parse(await text(message));
      const response = path === '/crdconvert' ? reviewConversion(request) : await reviewAdmission(path, request);
      reply.setHeader('content-type', 'application/json').end(JSON.stringify({ apiVersion, kind, response }));
    } catch (error) {
      reply.writeHead(500).end(String(error));
    }
  },
);
server.listen(port, () => console.log(`webhooks listen on ${port}`));
process.once('SIGTERM', () => process.exit(0));
