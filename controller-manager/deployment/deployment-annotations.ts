/**
 * What the Deployment controller notes on objects, in upstream's words because `kubectl rollout` reads it: the revision of a rollout, the
 * revisions a ReplicaSet had before it was rolled back to, and the sizes at the last scaling. Upstream: pkg/controller/deployment/util.
 */
import type { Deployment, ReplicaSet } from '#api/generated/types.ts';
import { maxSurge } from './fence-posts.ts';

export const REVISION = 'deployment.kubernetes.io/revision';
export const REVISION_HISTORY = 'deployment.kubernetes.io/revision-history';
export const ROLLBACK_TO = 'deprecated.deployment.rollback.to';
const DESIRED_REPLICAS = 'deployment.kubernetes.io/desired-replicas';
const MAX_REPLICAS = 'deployment.kubernetes.io/max-replicas';

/** Belong to one object alone and are not handed down from the Deployment to its ReplicaSets. */
const notInherited: ReadonlySet<string> = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  REVISION,
  REVISION_HISTORY,
  DESIRED_REPLICAS,
  MAX_REPLICAS,
  ROLLBACK_TO,
]);

/** The history is an annotation; upstream bounds it so that the object stays writable. */
const REVISION_HISTORY_CHARS_MAX = 2_000;

type Annotations = Readonly<Record<string, string>>;

/** An int64, which is more than a number holds; 0 where there is none. */
export function revisionOf(object: Deployment | ReplicaSet): bigint {
  const text = object.metadata.annotations?.[REVISION] ?? '';
  const revision = /^\d{1,19}$/.test(text) ? BigInt(text) : 0n;
  return BigInt.asIntN(64, revision) === revision ? revision : 0n;
}

export function maxRevision(replicaSets: readonly ReplicaSet[]): bigint {
  const newest = replicaSets.toSorted(byRevision).at(-1);
  return newest === undefined ? 0n : revisionOf(newest);
}

/** For sorting: the oldest first. */
export function byRevision(left: ReplicaSet, right: ReplicaSet): number {
  return Number(revisionOf(left) - revisionOf(right));
}

/** How many replicas the Deployment wanted when this ReplicaSet was last scaled. */
export function desiredReplicasOf(replicaSet: ReplicaSet): number | undefined {
  return numberIn(replicaSet.metadata.annotations, DESIRED_REPLICAS);
}

/** How many pods all ReplicaSets together were allowed when this one was last scaled. */
export function maxReplicasOf(replicaSet: ReplicaSet): number | undefined {
  return numberIn(replicaSet.metadata.annotations, MAX_REPLICAS);
}

export function inheritedAnnotations(deployment: Deployment): Annotations {
  return inheritedFrom(deployment.metadata.annotations);
}

/** Those that a Deployment and its ReplicaSets have in common. */
export function inheritedFrom(annotations: Annotations = {}): Annotations {
  return Object.fromEntries(Object.entries(annotations).filter(([name]) => !notInherited.has(name)));
}

/** Those that belong to one object alone. */
export function withoutInherited(annotations: Annotations = {}): Annotations {
  return Object.fromEntries(Object.entries(annotations).filter(([name]) => notInherited.has(name)));
}

export function replicasAnnotations(deployment: Deployment): Annotations {
  const replicas = deployment.spec.replicas ?? 1;
  return { [DESIRED_REPLICAS]: String(replicas), [MAX_REPLICAS]: String(replicas + maxSurge(deployment)) };
}

/** The revision only ever rises; the one it replaces (this is a rollback) goes into the history. */
export function revisionAnnotations(replicaSet: ReplicaSet, revision: bigint): Annotations {
  const annotations = replicaSet.metadata.annotations ?? {};
  const previous = annotations[REVISION];
  if (revisionOf(replicaSet) >= revision) return {};
  if (previous === undefined) return { [REVISION]: String(revision) };
  return { [REVISION]: String(revision), [REVISION_HISTORY]: extendHistory(annotations[REVISION_HISTORY] ?? '', previous) };
}

/** The object with these annotations; itself when it has them all. */
export function withAnnotations(replicaSet: ReplicaSet, wanted: Annotations): ReplicaSet {
  const current = replicaSet.metadata.annotations ?? {};
  if (Object.entries(wanted).every(([name, value]) => current[name] === value)) return replicaSet;
  return { ...replicaSet, metadata: { ...replicaSet.metadata, annotations: { ...current, ...wanted } } };
}

function extendHistory(history: string, revision: string): string {
  const revisions = [...history.split(',').filter((entry) => entry !== ''), revision];
  while (revisions.join(',').length > REVISION_HISTORY_CHARS_MAX) revisions.shift();
  return revisions.join(',');
}

function numberIn(annotations: Annotations | undefined, name: string): number | undefined {
  const value = Number(annotations?.[name]);
  return Number.isInteger(value) ? value : undefined;
}
