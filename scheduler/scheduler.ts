/**
 * The scheduler put together: informers feed the cache and the queue, cycles empty the queue while this process leads. Built by `main.ts` and
 * by tests; nothing runs before `run`.
 */
import { namespaces, nodes, pods, services } from '#api/generated/resources.ts';
import type { Node, Pod } from '#api/generated/types.ts';
import { jsonEquals } from '#api/meta/json.ts';
import type { ApiObject } from '#api/meta/resource-type.ts';
import type { Client } from '#client/client.ts';
import { createEventRecorder } from '#client/event-recorder.ts';
import { type Change, createInformer, type Informer } from '#client/informer.ts';
import { runAsLeader } from '#client/leader-election.ts';
import type { Clock } from '#component/clock.ts';
import type { Logger } from '#component/logger.ts';
import type { Random } from '#component/random.ts';
import { runTogether } from '#component/shutdown.ts';
import { type ClusterCache, createClusterCache } from './cluster-cache.ts';
import { createDefaultPlugins } from './plugins/index.ts';
import { findLikePods } from './pod-likeness.ts';
import { runSchedulingCycles } from './schedule-one.ts';
import { createSchedulingQueue, type SchedulingQueue } from './scheduling-queue.ts';

const SCHEDULER_NAME = 'default-scheduler';

export interface SchedulerDeps {
  readonly client: Client;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Of this process among candidates for leadership; absent when it is the only one. */
  readonly identity?: string;
}

export interface Scheduler {
  run(signal: AbortSignal): Promise<void>;
  /** The caches that have not been filled yet. */
  unready(): readonly string[];
  queueSizes: SchedulingQueue['sizes'];
}

export function createScheduler(deps: SchedulerDeps): Scheduler {
  const { client, clock, random, log, identity } = deps;
  const nodeInformer = createInformer({ type: nodes }, deps);
  const podInformer = createInformer({ type: pods, fieldSelector: 'status.phase!=Succeeded,status.phase!=Failed' }, deps);
  const serviceInformer = createInformer({ type: services }, deps);
  const namespaceInformer = createInformer({ type: namespaces }, deps);
  const informers: readonly Informer<ApiObject>[] = [nodeInformer, podInformer, serviceInformer, namespaceInformer];
  const plugins = createDefaultPlugins({
    findLike: (pod) => findLikePods(pod, serviceInformer.store.list(pod.metadata.namespace)),
    namespaceLabels: (name) => namespaceInformer.store.find({ namespace: '', name })?.metadata.labels,
  });
  const cache = createClusterCache();
  const queue = createSchedulingQueue(clock, isRelevantChange);
  const events = createEventRecorder({ component: SCHEDULER_NAME }, { client, clock, random, log });
  nodeInformer.onChange((change) => followNode(change, cache, queue));
  podInformer.onChange((change) => followPod(change, cache, queue));

  const lead = async (signal: AbortSignal): Promise<void> => {
    await Promise.all(informers.map((informer) => informer.whenSynced(signal)));
    log.info({ nodes: cache.snapshot().length }, 'scheduling');
    await runSchedulingCycles({ client, clock, random, log, events, queue, cache, plugins }, signal);
  };
  return {
    unready: () => informers.filter((informer) => !informer.hasSynced()).map(({ type }) => type.plural),
    queueSizes: queue.sizes,
    run: async (signal) => {
      try {
        await runTogether(signal, [
          ...informers.map((informer) => (stop: AbortSignal) => informer.run(stop)),
          (stop) => events.run(stop),
          (stop) => runAsLeader({ leaseName: 'kube-scheduler', identity }, { client, clock, random, log }, lead, stop),
        ]);
      } finally {
        queue.close();
      }
    },
  };
}

function followNode(change: Change<Node>, cache: ClusterCache, queue: SchedulingQueue): void {
  if (change.type === 'deleted') {
    cache.removeNode(change.object.metadata.name);
    return;
  }
  // Heartbeats and image lists change all the time and matter to no plugin.
  if (change.type === 'updated' && !hasNodeChanged(change.previous, change.object)) return;
  cache.setNode(change.object);
  queue.wake('node-changed');
}

function hasNodeChanged(previous: Node, current: Node): boolean {
  const relevant = ({ metadata, spec, status }: Node) => [metadata.labels ?? {}, spec ?? {}, status?.allocatable ?? {}];
  return !jsonEquals(relevant(previous), relevant(current));
}

function followPod(change: Change<Pod>, cache: ClusterCache, queue: SchedulingQueue): void {
  const pod = change.object;
  if (change.type !== 'deleted' && isBound(pod)) {
    followBoundPod(change, cache, queue);
  } else if (change.type !== 'deleted' && isWaiting(pod)) {
    queue.add(pod);
  } else {
    queue.remove(pod.metadata.uid);
    cache.removePod(pod.metadata.uid);
    if (isBound(pod)) queue.wake('pod-left');
  }
}

function followBoundPod(change: Exclude<Change<Pod>, { type: 'deleted' }>, cache: ClusterCache, queue: SchedulingQueue): void {
  const pod = change.object;
  const previous = change.type === 'updated' && isBound(change.previous) ? change.previous : undefined;
  if (previous !== undefined && !isRelevantChange(previous, pod)) return;
  queue.remove(pod.metadata.uid);
  cache.setPod(pod);
  queue.wake('pod-placed');
  // A resize may have given something back, and a pod that ends no longer counts for spreading.
  if (previous !== undefined) queue.wake('pod-left');
}

function isBound({ spec }: Pod): boolean {
  return (spec.nodeName ?? '') !== '';
}

/** Ours to schedule, free to be scheduled, and not on its way out. */
function isWaiting({ spec, metadata }: Pod): boolean {
  const isOurs = (spec.schedulerName ?? SCHEDULER_NAME) === SCHEDULER_NAME;
  return isOurs && (spec.schedulingGates ?? []).length === 0 && metadata.deletionTimestamp === undefined;
}

/** What plugins look at; a status, above all the one we write ourselves, is not among it. */
function isRelevantChange(previous: Pod, current: Pod): boolean {
  const relevant = ({ metadata, spec }: Pod) => [metadata.labels ?? {}, spec, metadata.deletionTimestamp ?? ''];
  return !jsonEquals(relevant(previous), relevant(current));
}
