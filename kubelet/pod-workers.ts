/**
 * One worker per pod of this node. Pods come from the informer; containers without a pod (deleted while the kubelet was away) get a worker
 * that only removes them, once both the informer and the engine have been heard. Ends by letting go: a kubelet that stops leaves its pods
 * running.
 */
import { isMirrorPod } from '#api/core/v1/mirror-pod.ts';
import type { Pod } from '#api/generated/types.ts';
import type { Informer } from '#client/informer.ts';
import { aborted } from '#component/shutdown.ts';
import type { Eviction } from './eviction/eviction-manager.ts';
import { createApiPublisher, createPodWorker, type PodPublisher, type PodWorker, type PodWorkerDeps } from './pod-worker.ts';
import type { ContainerIdentity } from './runtime/container-runtime.ts';

export interface PodWorkers {
  /** Until aborted. Containers of pods that nobody knows are removed once `whenLoaded` tells that static pods are known. */
  run(whenLoaded: Promise<void>, signal: AbortSignal): Promise<void>;
  /** A pod that the API does not know by this uid. */
  addStatic(pod: Pod, publisher: PodPublisher): void;
  removeStatic(podUid: string): void;
  /** A newer version of a pod that is looked after. */
  update(pod: Pod): void;
  wake(podUids: ReadonlySet<string>): void;
  wakeAll(): void;
  evict(podUid: string, eviction: Eviction): void;
  pods(): readonly Pod[];
  findPod(namespace: string, name: string): Pod | undefined;
}

/** `onPodEnd` is called when nothing of a pod is left. */
export function createPodWorkers(informer: Informer<Pod>, deps: PodWorkerDeps, onPodEnd: () => void = () => {}): PodWorkers {
  const workers = new Map<string, PodWorker>();

  const toApi = createApiPublisher(deps.client);

  function add(pod: Pod, isGone: boolean, publisher = toApi): void {
    const { uid } = pod.metadata;
    const onEnd = () => {
      workers.delete(uid);
      wakeWaiting();
      onPodEnd();
    };
    const worker = createPodWorker(pod, { isGone, publisher, onEnd }, deps);
    workers.set(uid, worker);
    worker.wake();
  }

  function onPod(pod: Pod): void {
    // It only shows what a static pod's worker looks after.
    if (isMirrorPod(pod)) return;
    const worker = workers.get(pod.metadata.uid);
    if (worker === undefined) add(pod, false);
    else worker.update(pod);
    wakeWaiting();
  }

  /** Any change of a pod may have made the room that another one waits for. */
  function wakeWaiting(): void {
    for (const worker of workers.values()) {
      const { conditions = [] } = worker.pod().status ?? {};
      if (conditions.some(({ type }) => type === 'PodResizePending')) worker.wake();
    }
  }

  /** Containers, then files, that no pod of the API accounts for. */
  async function adoptOrphans(): Promise<void> {
    for (const { identity } of deps.states.all()) {
      if (!workers.has(identity.podUid)) add(orphanPod(identity), true);
    }
    for (const podUid of await deps.volumes.listPodUids()) {
      if (!workers.has(podUid)) await deps.volumes.remove(podUid);
    }
  }

  return {
    run: async (whenLoaded, signal) => {
      await Promise.all([informer.whenSynced(signal), deps.states.whenListed(signal), whenLoaded]);
      const unsubscribe = informer.onChange((change) => {
        if (change.type === 'deleted') return workers.get(change.object.metadata.uid)?.markGone();
        if (change.type === 'updated' && change.previous.metadata.uid !== change.object.metadata.uid) {
          workers.get(change.previous.metadata.uid)?.markGone();
        }
        onPod(change.object);
      });
      // What the informer knew before this subscription.
      for (const pod of informer.store.list()) onPod(pod);
      await adoptOrphans();
      await aborted(signal);
      unsubscribe();
      for (const worker of workers.values()) worker.stop();
    },

    addStatic: (pod, publisher) => add(pod, false, publisher),
    removeStatic: (podUid) => workers.get(podUid)?.markGone(),
    update: (pod) => workers.get(pod.metadata.uid)?.update(pod),

    wake: (podUids) => {
      for (const podUid of podUids) workers.get(podUid)?.wake();
    },
    wakeAll: () => {
      for (const worker of workers.values()) worker.wake();
    },
    evict: (podUid, eviction) => workers.get(podUid)?.evict(eviction),
    pods: () => [...workers.values()].map((worker) => worker.pod()),
    findPod: (namespace, name) =>
      [...workers.values()]
        .map((worker) => worker.pod())
        .findLast(({ metadata }) => metadata.namespace === namespace && metadata.name === name),
  };
}

/** As much of a pod as its containers' labels tell: enough to remove them. */
function orphanPod({ podUid, podNamespace, podName }: ContainerIdentity): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: podName, namespace: podNamespace, uid: podUid, resourceVersion: '0', creationTimestamp: '' },
    spec: { containers: [] },
  };
}
