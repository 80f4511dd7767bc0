/**
 * The node's heartbeat: a Lease in `kube-node-lease`, renewed every ten seconds and good for forty. The node-lifecycle controller takes a
 * node whose lease has run out for dead. A renewal that fails is tried again soon, as each one that is missed brings that nearer.
 * Source: https://kubernetes.io/docs/concepts/architecture/leases/
 */
import { leases } from '#api/generated/resources.ts';
import type { Lease, Node } from '#api/generated/types.ts';
import { isReason } from '#api/meta/status.ts';
import type { Client } from '#client/client.ts';
import { type Clock, formatMicroTime } from '#component/clock.ts';
import type { Logger } from '#component/logger.ts';

const NAMESPACE = 'kube-node-lease';
const DURATION_SECONDS = 40;
const RENEW_MS = 10_000;
const RETRY_MS_FIRST = 200;
const RETRY_MS_MAX = 7_000;

export interface NodeLeaseDeps {
  readonly client: Client;
  readonly clock: Clock;
  readonly log: Logger;
  readonly nodeName: string;
  /** The lease belongs to the node, so that it goes with it. */
  readonly node: () => Node | undefined;
}

/** Until aborted. */
export async function runNodeLease(deps: NodeLeaseDeps, signal: AbortSignal): Promise<void> {
  let lease: Lease | undefined;
  let failures = 0;
  while (!signal.aborted) {
    try {
      lease = await renew(lease, deps);
      failures = 0;
    } catch (error) {
      failures += 1;
      // Another version of it is there, or none: look again.
      lease = undefined;
      deps.log.warn({ err: error, failures }, 'cannot renew the lease of the node');
    }
    const waitMs = failures === 0 ? RENEW_MS : Math.min(RETRY_MS_FIRST * 2 ** (failures - 1), RETRY_MS_MAX);
    await deps.clock.sleep(waitMs, signal).catch(() => {});
  }
}

async function renew(known: Lease | undefined, deps: NodeLeaseDeps): Promise<Lease> {
  const resource = deps.client.resource(leases);
  const renewTime = formatMicroTime(deps.clock.now());
  const spec = { holderIdentity: deps.nodeName, leaseDurationSeconds: DURATION_SECONDS, renewTime };
  const present = known ?? (await find(deps));
  if (present !== undefined) return resource.update({ ...present, spec: { ...present.spec, ...spec } });
  const node = deps.node();
  const owners = node === undefined ? [] : [{ apiVersion: 'v1', kind: 'Node', name: deps.nodeName, uid: node.metadata.uid }];
  return resource.create({
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name: deps.nodeName, namespace: NAMESPACE, ...(owners.length === 0 ? {} : { ownerReferences: owners }) },
    spec,
  });
}

async function find({ client, nodeName }: NodeLeaseDeps): Promise<Lease | undefined> {
  try {
    return await client.resource(leases).get({ namespace: NAMESPACE, name: nodeName });
  } catch (error) {
    if (isReason(error, 'NotFound')) return undefined;
    throw error;
  }
}
