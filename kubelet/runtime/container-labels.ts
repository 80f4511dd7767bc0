/**
 * The labels that carry a container's identity on the engine, written when it is made and read back by a kubelet that restarts. The prefix
 * is our own: another kubelet on the same engine (Docker Desktop's) takes containers with upstream's labels for its own and deletes them.
 */
import type { ContainerIdentity } from './container-runtime.ts';

export interface Ownership {
  readonly cluster: string;
  readonly node: string;
}

export const clusterLabel = 'keelson.dev/cluster';
export const nodeLabel = 'keelson.dev/node';
export const podUidLabel = 'keelson.dev/pod-uid';
/** On a volume of the engine: the persistent volume that it is. */
export const dataVolumeLabel = 'keelson.dev/persistent-volume';
const podNamespaceLabel = 'keelson.dev/pod-namespace';
const podNameLabel = 'keelson.dev/pod-name';
const containerNameLabel = 'keelson.dev/container-name';
const typeLabel = 'keelson.dev/type';
const attemptLabel = 'keelson.dev/attempt';

export function labelsOf(identity: ContainerIdentity, owner: Ownership): Record<string, string> {
  return {
    [clusterLabel]: owner.cluster,
    [nodeLabel]: owner.node,
    [podNamespaceLabel]: identity.podNamespace,
    [podNameLabel]: identity.podName,
    [podUidLabel]: identity.podUid,
    ...(identity.containerName === undefined ? {} : { [containerNameLabel]: identity.containerName }),
    [typeLabel]: identity.containerName === undefined ? 'sandbox' : 'container',
    [attemptLabel]: String(identity.attempt),
  };
}

/** Undefined for labels that are not ours or not whole. */
export function identityOf(labels: Readonly<Record<string, string>>): ContainerIdentity | undefined {
  const podUid = labels[podUidLabel];
  const podNamespace = labels[podNamespaceLabel];
  const podName = labels[podNameLabel];
  const containerName = labels[containerNameLabel];
  const attempt = Number(labels[attemptLabel]);
  if (podUid === undefined || podNamespace === undefined || podName === undefined || !Number.isInteger(attempt)) return undefined;
  return { podUid, podNamespace, podName, attempt, ...(containerName === undefined ? {} : { containerName }) };
}

/** The engine's filter for everything this node's kubelet made. */
export function ownedBy(owner: Ownership): string[] {
  return [`${clusterLabel}=${owner.cluster}`, `${nodeLabel}=${owner.node}`];
}
