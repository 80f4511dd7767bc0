/**
 * The node's static pods: runs what the manifest folder asks for, with or without an API server, and keeps a mirror pod of each in the API. A manifest that changed is
 * another pod, which starts once the one before it has gone; one that cannot be read changes nothing until it can. Level-triggered: every reason to look leads to one
 * look at everything.
 */
import { isMirrorPod } from '#api/core/v1/mirror-pod.ts';
import { pods } from '#api/generated/resources.ts';
import type { Node, Pod, PodStatus } from '#api/generated/types.ts';
import { formatKey, keyOf } from '#api/meta/object-key.ts';
import { isReason, notFound } from '#api/meta/status.ts';
import type { Client } from '#client/client.ts';
import type { Informer } from '#client/informer.ts';
import type { Clock } from '#component/clock.ts';
import type { Logger } from '#component/logger.ts';
import type { PodStates } from '../pod-states.ts';
import type { PodPublisher } from '../pod-worker.ts';
import type { PodWorkers } from '../pod-workers.ts';
import { draftMirror, isStaticPod, planMirror, readStaticPod, throughMirror } from './manifest.ts';
import type { ManifestFolder } from './manifest-folder.ts';

export interface StaticPods {
  /** Resolves when the folder has been read for the first time: from then on it is known which containers are a static pod's. */
  whenLoaded(): Promise<void>;
  /** Looks again: the node is known, or a pod has ended. */
  wake(): void;
  run(signal: AbortSignal): Promise<void>;
}

export interface StaticPodsDeps {
  readonly folder: ManifestFolder;
  readonly nodeName: string;
  readonly node: () => Node | undefined;
  readonly workers: Pick<PodWorkers, 'addStatic' | 'removeStatic' | 'pods' | 'update'>;
  readonly informer: Informer<Pod>;
  readonly states: Pick<PodStates, 'whenListed'>;
  readonly client: Client;
  readonly clock: Clock;
  readonly log: Logger;
}

/** After the API did not take a mirror. */
const RETRY_MS = 5_000;

export function createStaticPods(deps: StaticPodsDeps): StaticPods {
  const { folder, workers, informer, client, clock, log } = deps;
  const loaded = Promise.withResolvers<void>();
  /** By file: the last text of it that was good. */
  let wanted = new Map<string, Pod>();
  let isStale = false;
  let isLooking = false;
  let isRunning = false;

  function wake(): void {
    // What runs must be known before anything is started.
    if (!isRunning) return;
    isStale = true;
    if (!isLooking) void lookUntilCurrent();
  }

  async function lookUntilCurrent(): Promise<void> {
    isLooking = true;
    while (isStale) {
      isStale = false;
      await look();
    }
    isLooking = false;
  }

  async function look(): Promise<void> {
    await readFolder();
    runPods();
    loaded.resolve();
    try {
      if (informer.hasSynced()) await keepMirrors();
    } catch (error) {
      log.warn({ err: error }, 'cannot keep the mirror of a static pod');
      clock.after(RETRY_MS, wake);
    }
  }

  async function readFolder(): Promise<void> {
    const read = new Map<string, Pod>();
    for (const manifest of await folder.read()) {
      const before = wanted.get(manifest.file);
      try {
        read.set(manifest.file, readStaticPod(manifest, deps.nodeName));
      } catch (error) {
        log.error({ err: error, file: manifest.file }, 'cannot read the manifest of a static pod');
        if (before !== undefined) read.set(manifest.file, before);
      }
    }
    wanted = read;
  }

  /** A pod of the name of one that still runs waits for it: `wake` is called when that has ended. */
  function runPods(): void {
    const uids = new Set([...wanted.values()].map(({ metadata }) => metadata.uid));
    for (const pod of workers.pods()) if (isStaticPod(pod) && !uids.has(pod.metadata.uid)) workers.removeStatic(pod.metadata.uid);
    const taken = new Set(workers.pods().map((pod) => formatKey(keyOf(pod))));
    for (const pod of wanted.values()) if (!taken.has(formatKey(keyOf(pod)))) workers.addStatic(pod, publisher);
  }

  async function keepMirrors(): Promise<void> {
    const node = deps.node();
    const resource = client.resource(pods);
    const mirrors = new Map(
      informer.store
        .list()
        .filter(isMirrorPod)
        .map((mirror) => [formatKey(keyOf(mirror)), mirror]),
    );
    const statics = new Map([...wanted.values()].map((pod) => [formatKey(keyOf(pod)), pod]));
    for (const key of new Set([...statics.keys(), ...mirrors.keys()])) {
      const [pod, mirror] = [statics.get(key), mirrors.get(key)];
      const plan = planMirror(pod, mirror);
      if (plan === 'create' && pod !== undefined && node !== undefined) await orAlready(resource.create(draftMirror(pod, node)));
      if (plan === 'delete' && mirror !== undefined) {
        const options = { gracePeriodSeconds: 0, preconditions: { uid: mirror.metadata.uid } };
        await orAlready(resource.delete(keyOf(mirror), options));
      }
      if (plan === undefined && pod !== undefined && mirror !== undefined) workers.update(throughMirror(pod, mirror));
    }
  }

  const publisher: PodPublisher = {
    publish: async (pod: Pod, status: PodStatus) => {
      const mirror = findMirror(pod);
      return throughMirror(pod, await client.resource(pods).updateStatus({ ...mirror, status }));
    },
    reread: async (pod) => throughMirror(pod, await client.resource(pods).get(keyOf(pod))),
  };

  function findMirror(pod: Pod): Pod {
    const found = informer.store.find(keyOf(pod));
    if (found === undefined || !isMirrorPod(found)) throw notFound(pods, pod.metadata.name);
    return found;
  }

  return {
    whenLoaded: () => loaded.promise,
    wake,
    run: async (signal) => {
      informer.onChange(({ object }) => {
        if (isMirrorPod(object)) wake();
      });
      void informer.whenSynced(signal).then(wake, () => {});
      await deps.states.whenListed(signal);
      isRunning = true;
      wake();
      await folder.watch(wake, signal);
    },
  };
}

/** What another try has done already is done. */
async function orAlready(change: Promise<unknown>): Promise<void> {
  try {
    await change;
  } catch (error) {
    if (!isReason(error, 'AlreadyExists', 'NotFound', 'Conflict')) throw error;
  }
}
