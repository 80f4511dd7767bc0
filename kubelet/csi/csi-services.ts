/**
 * Storage drivers on this node, put together: those that registered, the kind of volumes that they make possible, what the cluster is told of them, and the
 * backends of those whose controller the kubelet calls. Built once by the kubelet's process; `run` works until aborted.
 */
import { csidrivers, persistentvolumeclaims } from '#api/generated/resources.ts';
import type { Node, PersistentVolume, PersistentVolumeClaim } from '#api/generated/types.ts';
import { keyOf } from '#api/meta/object-key.ts';
import { parseQuantity, quantityToNumber } from '#api/meta/quantity.ts';
import type { EventRecorder } from '#client/event-recorder.ts';
import { createInformer, type InformerDeps } from '#client/informer.ts';
import { runTogether } from '#component/shutdown.ts';
import { finishEnlarging } from '../provisioner/provision-volume.ts';
import type { VolumeBackend } from '../provisioner/volume-backend.ts';
import type { EngineHost } from '../volumes/engine-host.ts';
import { below, type Place } from '../volumes/volume-kind.ts';
import { createCsiBackend, wantsBackend } from './csi-backend.ts';
import { createCsiDrivers } from './csi-drivers.ts';
import { type CsiKind, csiKind } from './csi-kind.ts';
import { NODE_ID_ANNOTATION } from './csi-node-object.ts';
import { createCsiRegistration } from './csi-registration.ts';
import { capabilityOf, claimIsPending, stagingDirectory } from './csi-volume.ts';
import { node as nodeService } from './messages.ts';
import { readSecret } from './read-secret.ts';

export interface CsiServicesDeps extends InformerDeps {
  readonly host: EngineHost;
  readonly data: Place;
  readonly nodeName: string;
}

export interface CsiServices {
  readonly kind: CsiKind;
  findBackend(name: string): VolumeBackend | undefined;
  /** Calls back when the backends have changed. */
  onChange(handler: () => void): void;
  onNode(node: Node): void;
  /** Enlarges the file system of a claim that waits for it, if its volume is in use here. */
  expandOnNode(claim: PersistentVolumeClaim, volume: PersistentVolume, events: EventRecorder): Promise<void>;
  run(signal: AbortSignal): Promise<void>;
}

export function createCsiServices(deps: CsiServicesDeps): CsiServices {
  const { client, data } = deps;
  const drivers = createCsiDrivers(below(data, 'plugins_registry').local, deps);
  const about = createInformer({ type: csidrivers }, deps);
  const kind = csiKind({ ...deps, drivers });
  let own: Node | undefined;
  const registration = createCsiRegistration({ ...deps, drivers, node: () => own });

  return {
    kind,
    findBackend: (name) => {
      const driver = drivers.find(name);
      const object = about.store.find({ namespace: '', name });
      return driver === undefined || object === undefined || !wantsBackend(object) ? undefined : createCsiBackend(driver, client);
    },
    onChange: (handler) => {
      drivers.onChange(handler);
      about.onChange(handler);
    },
    onNode: (node) => {
      own = node;
      registration.wake();
    },

    expandOnNode: async (claim, volume, events) => {
      const { csi, capacity } = volume.spec;
      if (csi === undefined || !claimIsPending(claim)) return;
      const published = (await kind.listPublished()).find(
        ({ note }) => note.driverName === csi.driver && note.volumeHandle === csi.volumeHandle,
      );
      const driver = drivers.find(csi.driver);
      if (published === undefined || driver === undefined) return;
      const storage = capacity?.storage ?? '0';
      const { volumeMode, mountOptions = [], accessModes = [] } = volume.spec;
      const source = { isBlock: volumeMode === 'Block', fsType: csi.fsType ?? '', mountOptions, accessModes };
      await driver.client.call(nodeService.expandVolume, {
        volumeId: csi.volumeHandle,
        volumePath: below(published.place, 'mount').local,
        capacityRange: { requiredBytes: quantityToNumber(parseQuantity(storage)) },
        stagingTargetPath: below(data, stagingDirectory(csi.driver, csi.volumeHandle), 'globalmount').local,
        volumeCapability: capabilityOf(source),
        secrets: await readSecret(csi.nodeExpandSecretRef, client),
      });
      const newest = await client.resource(persistentvolumeclaims).get(keyOf(claim));
      await client.resource(persistentvolumeclaims).updateStatus({ ...newest, status: finishEnlarging(newest, storage) });
      events.record(
        claim,
        'Normal',
        'FileSystemResizeSuccessful',
        `MountVolume.NodeExpandVolume succeeded for volume "${volume.metadata.name}"`,
      );
    },

    run: (signal) => runTogether(signal, [(inner) => drivers.run(inner), (inner) => about.run(inner), (inner) => registration.run(inner)]),
  };
}

/** Whether a node has this driver, as it tells. */
export function hasDriver({ metadata }: Node, name: string): boolean {
  const ids: unknown = JSON.parse(metadata.annotations?.[NODE_ID_ANNOTATION] ?? '{}');
  return typeof ids === 'object' && ids !== null && Object.hasOwn(ids, name);
}
