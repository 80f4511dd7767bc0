/**
 * Makes, enlarges and deletes the volumes of claims: the part that upstream's external provisioner and resizer play beside a storage driver. Claims and volumes
 * are watched as keys; each is looked at late, and every step may be repeated. What a backend must do is in `volume-backend.ts`, what is to be done in
 * `plan-provisioning.ts`, and how in `provision-volume.ts`.
 */
import { persistentvolumeclaims, persistentvolumes, storageclasses } from '#api/generated/resources.ts';
import type { Node, PersistentVolume, PersistentVolumeClaim } from '#api/generated/types.ts';
import { formatKey, keyOf, type ObjectKey, parseKey } from '#api/meta/object-key.ts';
import type { EventRecorder } from '#client/event-recorder.ts';
import { createInformer, type Informer, type InformerDeps } from '#client/informer.ts';
import { createWorkQueue, type WorkQueue } from '#client/work-queue.ts';
import { runTogether } from '#component/shutdown.ts';
import {
  actingNode,
  backendOf,
  isReady,
  planVolume,
  provisionerOf,
  selectedNodeOf,
  volumeNameFor,
  wantedSize,
} from './plan-provisioning.ts';
import { deleteVolume, enlargeVolume, letGo, provisionVolume } from './provision-volume.ts';
import type { VolumeBackend } from './volume-backend.ts';

export interface ProvisionerOptions {
  readonly nodeName: string;
  readonly nodes: Informer<Node>;
  /** Of those that this node has now. */
  findBackend(name: string): VolumeBackend | undefined;
  /** What is left for the node to do when a volume has been enlarged. */
  expandOnNode?(claim: PersistentVolumeClaim, volume: PersistentVolume): Promise<void>;
  /** Whether a node has the backend of this name. */
  hasBackend(node: Node, backend: string): boolean;
}

export interface ProvisionerDeps extends InformerDeps {
  readonly events: EventRecorder;
}

export interface Provisioner {
  run(signal: AbortSignal): Promise<void>;
  /** The backends or the nodes that have them have changed: everything is looked at again. */
  wake(): void;
}

/** Backends are slow, and one claim must not wait for all the others. */
const WORKERS = 4;
/** After a failure, doubling: as upstream's sidecars wait. */
const RETRY_MS_FIRST = 1_000;
const RETRY_MS_MAX = 300_000;

export function createProvisioner(options: ProvisionerOptions, deps: ProvisionerDeps): Provisioner {
  const claims = createInformer({ type: persistentvolumeclaims }, deps);
  const volumes = createInformer({ type: persistentvolumes }, deps);
  const classes = createInformer({ type: storageclasses }, deps);
  const claimQueue = createWorkQueue(deps.clock);
  const volumeQueue = createWorkQueue(deps.clock);

  /** In a row, by key: of claims with their namespace, of volumes without. */
  const failures = new Map<string, number>();

  function retryDelayMs(key: string): number {
    const count = failures.get(key) ?? 0;
    failures.set(key, count + 1);
    return Math.min(RETRY_MS_FIRST * 2 ** count, RETRY_MS_MAX);
  }

  /** The backend, if it is this node's turn to ask it. */
  function mine(name: string | undefined, selected: string | undefined): VolumeBackend | undefined {
    const backend = name === undefined ? undefined : options.findBackend(name);
    if (backend === undefined) return undefined;
    const acting = actingNode(options.nodes.store.list(), (node) => options.hasBackend(node, backend.name), selected);
    return acting === options.nodeName ? backend : undefined;
  }

  async function syncClaim(key: ObjectKey): Promise<void> {
    const claim = claims.store.find(key);
    if (claim === undefined) return;
    const volume = volumes.store.find({ namespace: '', name: claim.spec.volumeName || volumeNameFor(claim) });
    if (volume === undefined) await syncUnprovided(claim);
    else await syncSize(claim, volume);
    if (volume !== undefined) await options.expandOnNode?.(claim, volume);
  }

  async function syncUnprovided(claim: PersistentVolumeClaim): Promise<void> {
    const storageClass = classes.store.find({ namespace: '', name: claim.spec.storageClassName ?? '' });
    const backend = mine(provisionerOf(claim, storageClass), selectedNodeOf(claim));
    if (backend !== undefined && storageClass !== undefined) await provisionVolume({ claim, storageClass, backend }, deps);
  }

  /** Our own writes wake us before the caches show them all: what is decided here is decided on the server's word. */
  async function syncSize(known: PersistentVolumeClaim, volume: PersistentVolume): Promise<void> {
    if (wantedSize(known, volume) === undefined) return;
    const backend = mine(backendOf(volume), undefined);
    if (backend === undefined) return;
    const claim = await deps.client.resource(persistentvolumeclaims).get(keyOf(known));
    const size = wantedSize(claim, volume);
    if (size !== undefined) await enlargeVolume({ claim, volume, backend, size }, deps);
  }

  async function syncVolume(key: ObjectKey): Promise<void> {
    const volume = volumes.store.find(key);
    const plan = volume === undefined ? 'nothing' : planVolume(volume);
    if (volume === undefined || plan === 'nothing') return;
    const backend = mine(backendOf(volume), undefined);
    if (backend === undefined) return;
    if (plan === 'delete') await deleteVolume({ volume, backend }, deps);
    else await letGo(volume, deps);
  }

  function wake(): void {
    for (const claim of claims.store.list()) claimQueue.add(formatKey(keyOf(claim)));
    for (const volume of volumes.store.list()) volumeQueue.add(formatKey(keyOf(volume)));
  }

  async function work(queue: WorkQueue, sync: (key: ObjectKey) => Promise<void>, signal: AbortSignal): Promise<void> {
    await Promise.all([claims, volumes, classes, options.nodes].map((informer) => informer.whenSynced(signal)));
    while (!signal.aborted) {
      const key = await queue.take(signal);
      try {
        await sync(parseKey(key));
        failures.delete(key);
      } catch (error) {
        const delayMs = retryDelayMs(key);
        queue.addAfter(key, delayMs);
        deps.log.warn({ err: error, key, delayMs }, 'a volume could not be made, enlarged or deleted; trying again');
      } finally {
        queue.done(key);
      }
    }
  }

  return {
    wake,
    run: async (signal) => {
      const unsubscribers = [
        claims.onChange(({ object }) => claimQueue.add(formatKey(keyOf(object)))),
        volumes.onChange(({ object }) => volumeQueue.add(formatKey(keyOf(object)))),
        classes.onChange(wake),
        options.nodes.onChange((change) => {
          if (change.type !== 'updated' || isReady(change.object) !== isReady(change.previous)) wake();
        }),
      ];
      const workers = Array.from({ length: WORKERS }, () => [
        (inner: AbortSignal) => work(claimQueue, syncClaim, inner),
        (inner: AbortSignal) => work(volumeQueue, syncVolume, inner),
      ]).flat();
      try {
        await runTogether(signal, [
          ...[claims, volumes, classes].map((informer) => (inner: AbortSignal) => informer.run(inner)),
          ...workers,
        ]);
      } finally {
        for (const unsubscribe of unsubscribers) unsubscribe();
        claimQueue.close();
        volumeQueue.close();
      }
    },
  };
}
