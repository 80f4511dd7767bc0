/**
 * Applies manifests through the client library: on every start the cluster's own workloads (`main.ts addons`), and the hello application
 * (`keelson start`). Each object is created, or brought back to what its manifest says and otherwise left alone. The API server may
 * still be starting: `waitUntilReady` waits for it.
 */

import { secrets } from '#api/generated/resources.ts';
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

export type ApplyOutcome = 'created' | 'merged';

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

/** Applies in the order given: a Service account before the pods that use it. */
export async function applyManifests(manifests: readonly Manifest[], deps: ApplyDeps): Promise<void> {
  for (const manifest of manifests) {
    const outcome = await applyManifest(manifest, deps.client);
    deps.onApplied?.(manifest, outcome);
  }
}

/**
 * Creates the object, or merges the manifest into the one that is there: fields it does not name stay as they are. Looks before it creates,
 * because a second Service with a fixed address is refused for the address and not for its name.
 */
async function applyManifest(manifest: Manifest, client: Client): Promise<ApplyOutcome> {
  const type: ResourceType<ApiObject> = resourceTypeOf(manifest);
  const draft: Draft<ApiObject> = manifest;
  const resource = client.resource(type);
  const { namespace = '', name } = manifest.metadata;
  try {
    await resource.get({ namespace, name });
  } catch (error) {
    if (!isReason(error, 'NotFound')) throw error;
    await resource.create(draft);
    return 'created';
  }
  await resource.patch({ namespace, name }, 'strategic', manifest);
  return 'merged';
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
