/**
 * The scheduler put together: informers feed the cache and the queue, cycles empty the queue while this process leads. Built by `main.ts` and
 * by tests; nothing runs before `run`.
 */
import { namespaces, nodes, poddisruptionbudgets, pods, services } from '#api/generated/resources.ts';
import type { ApiObject } from '#api/meta/resource-type.ts';
import type { Client } from '#client/client.ts';
import { createEventRecorder } from '#client/event-recorder.ts';
import { createInformer, type Informer } from '#client/informer.ts';
import { runAsLeader } from '#client/leader-election.ts';
import type { Clock } from '#component/clock.ts';
import type { Logger } from '#component/logger.ts';
import type { Random } from '#component/random.ts';
import { runTogether } from '#component/shutdown.ts';
import { createClusterCache } from './cluster-cache.ts';
import { defaultConfiguration, type SchedulerConfiguration } from './configuration/configuration.ts';
import { createProfile } from './configuration/profile-plan.ts';
import { followNode, followPod, isRelevantChange } from './follow-cluster.ts';
import { createNominations } from './nominations.ts';
import type { PluginDeps } from './plugins/index.ts';
import { findLikePods } from './pod-likeness.ts';
import { createProfiles } from './profiles.ts';
import { runSchedulingCycles } from './schedule-one.ts';
import { createSchedulingQueue, type SchedulingQueue } from './scheduling-queue.ts';
import { createStorage } from './volumes/storage.ts';
import { createStorageInformers } from './volumes/storage-informers.ts';

export interface SchedulerDeps {
  readonly client: Client;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Of this process among candidates for leadership; absent when it is the only one. */
  readonly identity?: string;
  /** Upstream's defaults if absent. */
  readonly configuration?: SchedulerConfiguration;
}

export interface Scheduler {
  run(signal: AbortSignal): Promise<void>;
  /** The caches that have not been filled yet. */
  unready(): readonly string[];
  queueSizes: SchedulingQueue['sizes'];
}

export function createScheduler(deps: SchedulerDeps): Scheduler {
  const { client, clock, random, log, identity, configuration = defaultConfiguration() } = deps;
  const nodeInformer = createInformer({ type: nodes }, deps);
  const podInformer = createInformer({ type: pods, fieldSelector: 'status.phase!=Succeeded,status.phase!=Failed' }, deps);
  const serviceInformer = createInformer({ type: services }, deps);
  const namespaceInformer = createInformer({ type: namespaces }, deps);
  const budgetInformer = createInformer({ type: poddisruptionbudgets }, deps);
  const storageInformers = createStorageInformers(deps);
  const informers: readonly Informer<ApiObject>[] = [
    nodeInformer,
    podInformer,
    serviceInformer,
    namespaceInformer,
    budgetInformer,
    ...storageInformers.informers,
  ];
  const pluginDeps: PluginDeps = {
    client,
    clock,
    random,
    storage: createStorage(storageInformers.stored),
    onStorageChange: storageInformers.onStorageChange,
    findLike: (pod) => findLikePods(pod, serviceInformer.store.list(pod.metadata.namespace)),
    namespaceLabels: (name) => namespaceInformer.store.find({ namespace: '', name })?.metadata.labels,
    listBudgets: () => budgetInformer.store.list(),
  };
  const [first, ...others] = configuration.profiles;
  const profiles = createProfiles([createProfile(first, pluginDeps), ...others.map((plan) => createProfile(plan, pluginDeps))]);
  const recorders = new Map(
    profiles.names.map((component) => [component, createEventRecorder({ component }, { client, clock, random, log })]),
  );
  const cache = createClusterCache();
  const nominations = createNominations();
  const queue = createSchedulingQueue({ clock, backOffMs: configuration.backOffMs, isRelevantChange, ...profiles.queueing });
  storageInformers.onEvent(queue.wake);
  nodeInformer.onChange((change) => followNode(change, { cache, queue }));
  podInformer.onChange((change) => followPod(change, { cache, queue, nominations, isOurs: profiles.has }));

  const lead = async (signal: AbortSignal): Promise<void> => {
    await Promise.all(informers.map((informer) => informer.whenSynced(signal)));
    log.info({ nodes: cache.snapshot().nodes.length }, 'scheduling');
    const eventsOf: Parameters<typeof runSchedulingCycles>[0]['eventsOf'] = ({ schedulerName }) => {
      const recorder = recorders.get(schedulerName);
      if (recorder === undefined) throw new Error(`there is no profile ${schedulerName}`);
      return recorder;
    };
    await runSchedulingCycles({ client, clock, random, log, queue, cache, nominations, profileOf: profiles.get, eventsOf }, signal);
  };
  return {
    unready: () => informers.filter((informer) => !informer.hasSynced()).map(({ type }) => type.plural),
    queueSizes: queue.sizes,
    run: async (signal) => {
      try {
        await runTogether(signal, [
          ...informers.map((informer) => (stop: AbortSignal) => informer.run(stop)),
          ...[...recorders.values()].map((events) => (stop: AbortSignal) => events.run(stop)),
          (stop) => runAsLeader({ leaseName: 'kube-scheduler', identity }, { client, clock, random, log }, lead, stop),
        ]);
      } finally {
        queue.close();
      }
    },
  };
}
