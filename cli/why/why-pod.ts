/** Asks the server for what `keelson why pod/NAME` needs, and gives the answer as lines. */
import {
  csidrivers,
  csinodes,
  csistoragecapacities,
  events,
  namespaces,
  nodes,
  persistentvolumeclaims,
  persistentvolumes,
  poddisruptionbudgets,
  pods,
  services,
  storageclasses,
} from '#api/generated/resources.ts';
import type { Pod } from '#api/generated/types.ts';
import { findCondition } from '#api/meta/condition.ts';
import { formatKey, keyOf, type ObjectKey } from '#api/meta/object-key.ts';
import type { ApiObject, ResourceType } from '#api/meta/resource-type.ts';
import type { Client } from '#client/client.ts';
import { type ClusterObjects, type ExplanationDeps, explainPod } from '../../scheduler/explain-pod.ts';
import { findPodWaits } from './pod-waits.ts';
import { renderExplanation } from './render-explanation.ts';

/** Throws what the server answers: `NotFound` for a pod that is not there. */
export async function whyPod(key: ObjectKey, deps: ExplanationDeps): Promise<readonly string[]> {
  const pod = await deps.client.resource(pods).get(key);
  const name = `pod ${formatKey(keyOf(pod))}`;
  if ((pod.spec.nodeName ?? '') !== '') return describeWaits(name, pod, deps.client);
  if (pod.metadata.deletionTimestamp !== undefined)
    return [`${name} is being deleted, and waits for its finalizers: ${pod.metadata.finalizers?.join(', ')}`];
  const condition = findCondition(pod.status?.conditions, 'PodScheduled');
  return renderExplanation(name, explainPod(pod, await listObjects(deps.client), deps), condition?.status === 'False');
}

async function describeWaits(name: string, pod: Pod, client: Client): Promise<readonly string[]> {
  const { metadata, spec, status } = pod;
  const fieldSelector = `involvedObject.uid=${metadata.uid}`;
  const { items } = await client.resource(events).list({ namespace: metadata.namespace ?? '', fieldSelector });
  const waits = findPodWaits(pod, items);
  if (waits.length > 0) return [`${name} is on ${spec.nodeName} and waits`, ...waits.map((wait) => `  ${wait}`)];
  const hasEnded = status?.phase === 'Succeeded' || status?.phase === 'Failed';
  return [
    hasEnded
      ? `${name} has ended: ${[status.phase, status.message].filter(Boolean).join(': ')}`
      : `${name} is on ${spec.nodeName} and ready: it waits for nothing`,
  ];
}

async function listObjects(client: Client): Promise<ClusterObjects> {
  const all = async <T extends ApiObject>(type: ResourceType<T>): Promise<readonly T[]> => (await client.resource(type).list()).items;
  const [nodeList, podList, serviceList, namespaceList, budgets, claims, volumes, classes, csiNodes, drivers, capacities] =
    await Promise.all([
      all(nodes),
      all(pods),
      all(services),
      all(namespaces),
      all(poddisruptionbudgets),
      all(persistentvolumeclaims),
      all(persistentvolumes),
      all(storageclasses),
      all(csinodes),
      all(csidrivers),
      all(csistoragecapacities),
    ]);
  return {
    nodes: nodeList,
    pods: podList,
    services: serviceList,
    namespaces: namespaceList,
    budgets,
    claims,
    volumes,
    classes,
    csiNodes,
    drivers,
    capacities,
  };
}
