/**
 * Nodes without machines, any number of them in one process: they register, renew their leases, and let the pods that are bound to them run, get ready, crash
 * and end as told. To the rest of the cluster they are nodes like any other. The in-process cluster says which there are; beside a composed cluster, where `main.ts`
 * builds this, they are the Nodes that anybody creates with the label `keelson.dev/simulated: "true"`, until they are deleted.
 */
import { nodes, pods } from '#api/generated/resources.ts';
import type { Node, Pod } from '#api/generated/types.ts';
import { keyOf, type ObjectKey } from '#api/meta/object-key.ts';
import type { Client } from '#client/client.ts';
import { type ControllerDefinition, onChange, onRelatedChange, runController, type Trigger } from '#client/controller.ts';
import { createEventRecorder } from '#client/event-recorder.ts';
import { type Change, createInformer, type Informer } from '#client/informer.ts';
import type { Clock } from '#component/clock.ts';
import type { Logger } from '#component/logger.ts';
import type { Random } from '#component/random.ts';
import { runTogether } from '#component/shutdown.ts';
import { type AddressBook, createAddressBook } from './addresses.ts';
import { defaultConduct, type PodConduct, withAnnotations } from './pod-conduct.ts';
import { isSimulated, type NodeShape, reconcileSimulatedNode, type SimulatedNodeSnapshot } from './simulated-node.ts';
import { reconcileSimulatedPod, type SimulatedPodSnapshot } from './simulated-pod.ts';

/** Writes of one kind that are under way at once. */
const WORKERS = 16;
/** Where the nodes' own addresses are from: shared address space (RFC 6598), which nobody dials. */
const NODE_RANGE = '100.64.0.0/10';
const BY_NODE = 'node';

export interface SimulatedNodesDeps {
  readonly client: Client;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

export interface SimulatedNodesOptions {
  readonly nodes: readonly NodeShape[];
  /** Also keeps Nodes that others make with the label for it. */
  readonly isAdopting?: boolean;
  /** What pods do here, unless their annotations say otherwise; parts left out are as by default. */
  readonly conduct?: (pod: Pod) => Partial<PodConduct>;
}

export interface SimulatedNodes {
  run(signal: AbortSignal): Promise<void>;
  /** The caches that have not been filled yet. */
  unready(): readonly string[];
  add(shape: NodeShape): void;
  /** As if its power were cut: it stops renewing its lease and its pods stand still, until `start`. */
  stop(name: string): void;
  start(name: string): void;
}

interface Place {
  readonly shape: NodeShape;
  readonly address: string;
  /** Somebody else's: gone when its Node is. */
  readonly isAdopted: boolean;
  isStopped: boolean;
  hasLease: boolean;
}

export function createSimulatedNodes(options: SimulatedNodesOptions, deps: SimulatedNodesDeps): SimulatedNodes {
  const places = new Map<string, Place>();
  const nodeInformer = createInformer({ type: nodes }, deps);
  const podInformer = createInformer(
    { type: pods, fieldSelector: 'spec.nodeName!=', indexes: { [BY_NODE]: ({ spec }: Pod) => [spec.nodeName ?? ''] } },
    deps,
  );
  const changed = createSignal<string>();
  const addresses = createAddressBook();

  function addPlace(shape: NodeShape, origin: Pick<Place, 'isAdopted' | 'hasLease'>): void {
    const address = addresses.hold(NODE_RANGE, holderOf(shape.name));
    if (address === undefined) throw new Error(`there is no address left in ${NODE_RANGE} for the simulated node ${shape.name}`);
    places.set(shape.name, { shape, address, ...origin, isStopped: false });
    changed.tell(shape.name);
  }

  const add = (shape: NodeShape): void => addPlace(shape, { isAdopted: false, hasLease: false });

  function adopt({ type, object: node }: Change<Node>): void {
    const { name } = node.metadata;
    const place = places.get(name);
    if (type === 'deleted') {
      if (place?.isAdopted !== true) return;
      places.delete(name);
      addresses.release(holderOf(name));
    } else if (place === undefined && isSimulated(node)) {
      const known = node.status?.addresses?.find((address) => address.type === 'InternalIP')?.address;
      if (known !== undefined) addresses.note(known, holderOf(name));
      // One that was kept before has its lease, whose time may be short.
      addPlace(shapeOf(node), { isAdopted: true, hasLease: known !== undefined });
    }
  }

  function setStopped(name: string, isStopped: boolean): void {
    const place = places.get(name);
    if (place === undefined) throw new Error(`there is no simulated node ${name}`);
    place.isStopped = isStopped;
    changed.tell(name);
  }

  for (const shape of options.nodes) add(shape);
  const nodesOf = changed.trigger(() => [...places.keys()].map(nodeKey), nodeKey);
  const podsOf = changed.trigger(
    () => [],
    (name) => podInformer.store.listByIndex(BY_NODE, name).map(keyOf),
  );
  if (options.isAdopting === true) nodeInformer.onChange(adopt);
  podInformer.onChange(({ type, object: { metadata, status } }) => {
    if (type === 'deleted') addresses.release(metadata.uid);
    else if (status?.podIP !== undefined) addresses.note(status.podIP, metadata.uid);
  });
  const conductOf = (pod: Pod) => withAnnotations({ ...defaultConduct(pod), ...options.conduct?.(pod) }, pod);
  const world: World = { places, nodes: nodeInformer, pods: podInformer, addresses, clock: deps.clock, conductOf };
  const events = createEventRecorder({ component: 'kubelet' }, deps);
  return {
    add,
    unready: () => [nodeInformer, podInformer].filter((informer) => !informer.hasSynced()).map(({ type }) => type.plural),
    stop: (name) => setStopped(name, true),
    start: (name) => setStopped(name, false),
    run: (signal) =>
      runTogether(signal, [
        (inner) => nodeInformer.run(inner),
        (inner) => podInformer.run(inner),
        (inner) => events.run(inner),
        (inner) => runController(nodeController(world, nodesOf), { ...deps, events }, inner),
        (inner) => runController(podController(world, podsOf), { ...deps, events }, inner),
      ]),
  };
}

/** What is asked for in a Node that somebody else made; its labels and taints are there already. */
function shapeOf({ metadata, status }: Node): NodeShape {
  const { capacity, allocatable } = status ?? {};
  return {
    name: metadata.name,
    ...(capacity === undefined ? {} : { capacity }),
    ...(allocatable === undefined ? {} : { allocatable }),
  };
}

/** A node's name in the book where pods have their uids. */
function holderOf(nodeName: string): string {
  return `node/${nodeName}`;
}

interface World {
  readonly places: ReadonlyMap<string, Place>;
  readonly nodes: Informer<NonNullable<SimulatedNodeSnapshot['node']>>;
  readonly pods: Informer<Pod>;
  readonly addresses: AddressBook;
  readonly clock: Clock;
  conductOf(pod: Pod): PodConduct;
}

function nodeController(world: World, ownNodes: Trigger): ControllerDefinition<SimulatedNodeSnapshot> {
  return {
    name: 'simulated-nodes',
    informers: [world.nodes],
    triggers: [ownNodes, onChange(world.nodes)],
    workers: WORKERS,
    snapshot: ({ name }, lastFailure) => {
      const place = world.places.get(name);
      if (place === undefined || place.isStopped) return undefined;
      const node = world.nodes.store.find(nodeKey(name));
      const hasLease = place.hasLease && lastFailure === undefined && node !== undefined;
      place.hasLease = node !== undefined;
      return { shape: place.shape, address: place.address, node, hasLease, nowMs: world.clock.now() };
    },
    reconcile: reconcileSimulatedNode,
  };
}

function podController(world: World, ownPods: Trigger): ControllerDefinition<SimulatedPodSnapshot> {
  return {
    name: 'simulated-pods',
    informers: [world.nodes, world.pods],
    // A node that gets its range of addresses has pods waiting for them.
    triggers: [
      ownPods,
      onChange(world.pods),
      onRelatedChange(world.nodes, ({ metadata, spec }) => (spec?.podCIDR === undefined ? [] : podsWithoutAddress(world, metadata.name))),
    ],
    workers: WORKERS,
    snapshot: (key) => {
      const pod = world.pods.store.find(key);
      const place = world.places.get(pod?.spec.nodeName ?? '');
      if (pod === undefined || place === undefined || place.isStopped) return undefined;
      const podCidr = world.nodes.store.find(nodeKey(place.shape.name))?.spec?.podCIDR;
      const freeAddress = podCidr === undefined ? undefined : world.addresses.hold(podCidr, pod.metadata.uid);
      return { pod, conduct: world.conductOf(pod), nodeIp: place.address, freeAddress, nowMs: world.clock.now() };
    },
    reconcile: reconcileSimulatedPod,
  };
}

function podsWithoutAddress({ places, pods: { store } }: World, nodeName: string): readonly ObjectKey[] {
  if (!places.has(nodeName)) return [];
  return store
    .listByIndex(BY_NODE, nodeName)
    .filter(({ status }) => status?.podIP === undefined)
    .map(keyOf);
}

function nodeKey(name: string): ObjectKey {
  return { namespace: '', name };
}

/** Tells triggers of names; those who subscribe later hear first of what `known` gives. */
function createSignal<Name>() {
  const listeners = new Set<(name: Name) => void>();
  return {
    tell: (name: Name) => {
      for (const listener of listeners) listener(name);
    },
    trigger:
      (known: () => readonly ObjectKey[], keysOf: (name: Name) => ObjectKey | readonly ObjectKey[]): Trigger =>
      (enqueue) => {
        const listener = (name: Name) => {
          for (const key of [keysOf(name)].flat()) enqueue(key);
        };
        listeners.add(listener);
        for (const key of known()) enqueue(key);
        return () => listeners.delete(listener);
      },
  };
}
