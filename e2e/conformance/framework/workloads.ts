/** Workloads that tests run: what they look like, whose a pod is, and waiting until their pods or their status are as they should be. */
import type { Json } from '../../cluster.ts';
import type { TestScope } from './conformance-test.ts';
import { aTemplate, isReady } from './pods.ts';

/** An image that is nowhere, and is not looked for: its pods never run. */
export const ABSENT_IMAGE: Json = { image: 'keelson/absent:404', imagePullPolicy: 'Never' };

export interface WorkloadOptions {
  /** Selected by, and of the pods unless the template says otherwise. */
  readonly labels: Json;
  readonly template?: Json;
  /** Laid over what it would be. */
  readonly spec?: Json;
  readonly metadata?: Json;
}

const apps = ['DaemonSet', 'Deployment', 'ReplicaSet', 'StatefulSet'] as const;

/** Of the idle program, unless a template is given; its own labels are those of its pods. */
export function aWorkload(
  kind: (typeof apps)[number] | 'ReplicationController',
  name: string,
  { labels, template = aTemplate(labels), spec = {}, metadata = {} }: WorkloadOptions,
): Json {
  const isController = kind === 'ReplicationController';
  return {
    apiVersion: isController ? 'v1' : 'apps/v1',
    kind,
    metadata: { name, labels, ...metadata },
    spec: { selector: isController ? labels : { matchLabels: labels }, template, ...spec },
  };
}

/** `{ a: 'b', c: 'd' }` → `a=b,c=d` */
export function selectorOf(labels: Json): string {
  return Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(',');
}

/** The owner reference that says `controller: true`. */
export function controllerOf(object: Json): Json | undefined {
  return (object.metadata.ownerReferences ?? []).find(({ controller }: Json) => controller === true);
}

export function isOwnedBy(object: Json, owner: Json): boolean {
  return controllerOf(object)?.uid === owner.metadata.uid;
}

export function isGoing({ metadata }: Json): boolean {
  return metadata.deletionTimestamp !== undefined;
}

export function conditionOf(object: Json | undefined, type: string): Json | undefined {
  return (object?.status?.conditions ?? []).find((condition: Json) => condition.type === type);
}

/** The ready pods of these labels, as soon as there are so many and no others. */
export function untilPodsReady(t: TestScope, labels: Json, count: number): Promise<readonly Json[]> {
  return t
    .resource('v1/pods')
    .untilAll(
      { labelSelector: selectorOf(labels) },
      `${count} pods are ready`,
      (pods) => pods.length === count && pods.every(isReady) && pods,
    );
}

/** The Deployment as soon as all its pods are of its template and available, and no others are left. */
export function untilRolledOut(t: TestScope, name: string, deadlineMs?: number): Promise<Json> {
  return t.resource('apps/v1/deployments').until(name, `${name} is rolled out`, (found) => isRolledOut(found) && found, deadlineMs);
}

function isRolledOut(deployment: Json | undefined): boolean {
  if (deployment === undefined) return false;
  const { metadata, spec, status } = deployment;
  return (
    status.observedGeneration >= metadata.generation &&
    [status.replicas, status.updatedReplicas, status.availableReplicas].every((count) => (count ?? 0) === spec.replicas)
  );
}
