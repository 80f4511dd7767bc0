/** Pods and nodes for tests: the caller names what matters, the rest is plain. */
import type { Node, NodeSpec, ObjectMeta, Pod, PodSpec } from '#api/generated/types.ts';
import type { Draft } from '#api/meta/resource-type.ts';
import { type NodeInfo, nodeInfoOf } from '../node-info.ts';
import { createNominations, type Nominations } from '../nominations.ts';
import type { SchedulerPlugin } from '../plugin.ts';
import { type PodCycle, preparePodCycle } from '../pod-cycle.ts';
import { type PodInfo, podInfoOf } from '../pod-info.ts';
import { DEFAULT_SCHEDULER_NAME, type Profile } from '../profile.ts';
import { createShapeIndex } from '../shape-index.ts';
import type { Snapshot } from '../snapshot.ts';
import { createTally } from '../tally.ts';

type Resources = Readonly<Record<string, string>>;

interface PodOptions extends Partial<PodSpec> {
  readonly name?: string;
  readonly labels?: Resources;
  readonly requests?: Resources;
  readonly hostPort?: number;
  readonly owner?: { readonly kind: string; readonly name: string };
}

export function aPodDraft({ name = 'web', labels = {}, requests = {}, hostPort, owner, ...spec }: PodOptions = {}): Draft<Pod> {
  const ports = hostPort === undefined ? {} : { ports: [{ containerPort: 80, hostPort }] };
  const owners = owner === undefined ? {} : { ownerReferences: [{ apiVersion: 'apps/v1', uid: owner.name, controller: true, ...owner }] };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default', labels, ...owners },
    spec: { containers: [{ name: 'main', image: 'example.com/main', resources: { requests }, ...ports }], ...spec },
  };
}

export function aPod(options: PodOptions = {}): Pod {
  const draft = aPodDraft(options);
  return { ...draft, metadata: completed(draft.metadata) };
}

export function aPodInfo(options: PodOptions = {}): PodInfo {
  return podInfoOf(aPod(options));
}

interface NodeOptions extends NodeSpec {
  readonly name?: string;
  readonly labels?: Resources;
  readonly allocatable?: Resources;
}

/** Four cores, 8 GiB, 110 pods, unless said otherwise. */
export function aNodeDraft({ name = 'worker-1', labels = {}, allocatable = {}, ...spec }: NodeOptions = {}): Draft<Node> {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels: { 'kubernetes.io/hostname': name, ...labels } },
    spec,
    status: { allocatable: { cpu: '4', memory: '8Gi', pods: '110', ...allocatable } },
  };
}

export function aNode(options: NodeOptions = {}): Node {
  const draft = aNodeDraft(options);
  return { ...draft, metadata: completed(draft.metadata) };
}

export function aNodeInfo(options: NodeOptions = {}, pods: readonly PodOptions[] = []): NodeInfo {
  return nodeInfoOf(
    aNode(options),
    pods.map((pod, index) => aPodInfo({ name: `running-${index}-on-${options.name ?? 'worker-1'}`, ...pod })),
  );
}

export function aSnapshot(nodes: readonly NodeInfo[]): Snapshot {
  const shapes = createShapeIndex();
  const [claims, images] = [createTally(), createTally()];
  for (const node of nodes) {
    for (const image of node.images.keys()) images.add(image, 1);
    for (const { shape, claimKeys } of node.pods) {
      shapes.add(shape, node.name);
      for (const key of claimKeys) claims.add(key, 1);
    }
  }
  return { nodes, find: (name) => nodes.find((node) => node.name === name), shapes, claimUsers: claims.get, nodesWithImage: images.get };
}

/** The cycle of a pod that only these plugins look at. */
export function aCycle(
  pod: PodInfo,
  nodes: readonly NodeInfo[],
  plugins: readonly SchedulerPlugin[],
  nominations: Nominations = createNominations(),
): PodCycle {
  return preparePodCycle(pod, aProfile(plugins), aSnapshot(nodes), nominations);
}

function completed(metadata: Partial<ObjectMeta>): ObjectMeta {
  const { name = '' } = metadata;
  return { ...metadata, name, uid: `uid-of-${name}`, resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' };
}

/** Every plugin at every point: where it has nothing to say it is not asked. */
function aProfile(plugins: readonly SchedulerPlugin[]): Profile {
  const all = plugins.map((plugin) => ({ plugin, weight: 1 }));
  return {
    schedulerName: DEFAULT_SCHEDULER_NAME,
    points: {
      preEnqueue: all,
      queueSort: all,
      preFilter: all,
      filter: all,
      postFilter: all,
      preScore: all,
      score: all,
      reserve: all,
      permit: all,
      preBind: all,
      bind: all,
      postBind: all,
    },
  };
}
