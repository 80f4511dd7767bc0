/**
 * Applies manifests through the client library. The cluster's own workloads (`main.ts addons`) are created or brought back to what their
 * manifests say, on every start; the hello application (`keelson start`) is created where it is missing and otherwise its user's. The API
 * server may still be starting: `waitUntilReady` waits for it.
 */
import { secrets } from '#api/generated/resources.ts';
import type { ObjectKey } from '#api/meta/object-key.ts';
import type { ApiObject, Draft, ResourceType } from '#api/meta/resource-type.ts';
import { isReason } from '#api/meta/status.ts';
import type { Client } from '#client/client.ts';
import type { Clock } from '#component/clock.ts';
import { type Manifest, resourceTypeOf } from './manifest.ts';

/** How often the API server is asked whether it is there, while it is not. */
const READY_POLL_MS = 100;

/** Compose starts the API server beside whoever waits; one that is not there after this long needs a look at its log. */
const READY_MS_MAX = 120_000;

export interface ApplyDeps {
  readonly client: Client;
  readonly clock: Clock;
  /** Hears what became of each object. */
  readonly onApplied?: (manifest: Manifest, outcome: ApplyOutcome) => void;
}

export type ApplyOutcome = 'created' | 'merged' | 'kept';

export interface DnsIdentity {
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
}

/** The Secret that the DNS pods mount at /etc/keelson. */
export function dnsIdentitySecret({ ca, certificate, key }: DnsIdentity): Manifest {
  return {
    apiVersion: 'v1',
    kind: secrets.kind,
    metadata: { name: 'cluster-dns-identity', namespace: 'kube-system' },
    type: 'Opaque',
    data: { 'ca.crt': base64(ca), 'tls.crt': base64(certificate), 'tls.key': base64(key) },
  };
}

/** Resolves once the API server says it is ready; rejects after `READY_MS_MAX`. */
export async function waitUntilReady({ client, clock }: ApplyDeps, signal: AbortSignal): Promise<void> {
  const startMs = clock.monotonic();
  for (;;) {
    const problem = await findProblem(client);
    if (problem === undefined) return;
    if (clock.monotonic() - startMs > READY_MS_MAX) throw new Error(`the API server is not ready: ${problem}`);
    await clock.sleep(READY_POLL_MS, signal);
  }
}

/** Creates each object, or merges its manifest into the one that is there. In the order given: a Service before the pods that use it. */
export function applyManifests(manifests: readonly Manifest[], deps: ApplyDeps): Promise<void> {
  return eachManifest(manifests, deps, async (manifest, { client }) => {
    // Lists are replaced whole: a strategic merge goes by port number alone and takes 53/TCP for 53/UDP, upstream's too.
    await client.resource(resourceTypeOf(manifest)).patch(keyOfManifest(manifest), 'merge', manifest);
    return 'merged';
  });
}

/** Creates what is missing and leaves what is there to whoever changed it. */
export function createMissing(manifests: readonly Manifest[], deps: ApplyDeps): Promise<void> {
  return eachManifest(manifests, deps, async () => 'kept');
}

type Present = (manifest: Manifest, deps: ApplyDeps) => Promise<ApplyOutcome>;

/** Looks before it creates, because a second Service with a fixed address is refused for the address and not for its name. */
async function eachManifest(manifests: readonly Manifest[], deps: ApplyDeps, whenPresent: Present): Promise<void> {
  for (const manifest of manifests) {
    const isPresent = await exists(manifest, deps.client);
    if (!isPresent) await createObject(manifest, deps.client);
    deps.onApplied?.(manifest, isPresent ? await whenPresent(manifest, deps) : 'created');
  }
}

async function exists(manifest: Manifest, client: Client): Promise<boolean> {
  try {
    await client.resource(resourceTypeOf(manifest)).get(keyOfManifest(manifest));
    return true;
  } catch (error) {
    if (isReason(error, 'NotFound')) return false;
    throw error;
  }
}

async function createObject(manifest: Manifest, client: Client): Promise<void> {
  const type: ResourceType<ApiObject> = resourceTypeOf(manifest);
  const draft: Draft<ApiObject> = manifest;
  await client.resource(type).create(draft);
}

function keyOfManifest({ metadata: { namespace = '', name } }: Manifest): ObjectKey {
  return { namespace, name };
}

async function findProblem(client: Client): Promise<string | undefined> {
  try {
    const { statusCode, text } = await client.getText('/readyz');
    return statusCode === 200 ? undefined : text.trim();
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
