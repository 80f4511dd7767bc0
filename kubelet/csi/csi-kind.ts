/**
 * Volumes of storage drivers: staged once for the node, published for each pod, and taken down in reverse. What is published is found again by the notes that lie
 * beside it, so a kubelet that was killed takes down what another one set up. Paths are given to a driver as it sees them: its containers have the kubelet's
 * directory where upstream has it. Upstream: pkg/volume/csi.
 */
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { csidrivers, volumeattachments } from '#api/generated/resources.ts';
import type { CSIDriver, Pod } from '#api/generated/types.ts';
import { isReason } from '#api/meta/status.ts';
import type { Client } from '#client/client.ts';
import type { Disk } from '../stats/disk-stats.ts';
import type { EngineHost } from '../volumes/engine-host.ts';
import { unmountAll } from '../volumes/sub-paths.ts';
import { below, ownershipOf, type Place, type SetUp, type VolumeKind, type VolumeSource } from '../volumes/volume-kind.ts';
import { giveToGroup } from '../volumes/volume-ownership.ts';
import type { CsiDriver, CsiDrivers } from './csi-drivers.ts';
import {
  attachmentName,
  type CsiSource,
  capabilityOf,
  csiSourceOf,
  givesToGroup,
  podContext,
  stagingDirectory,
  throwIfModeUnsupported,
  type VolumeNote,
} from './csi-volume.ts';
import { capabilities, node, type Texts } from './messages.ts';
import { readSecret } from './read-secret.ts';

export interface CsiKindDeps {
  readonly client: Client;
  readonly drivers: CsiDrivers;
  readonly host: EngineHost;
  /** The kubelet's data. */
  readonly data: Place;
  readonly nodeName: string;
}

export interface PublishedVolume {
  readonly note: VolumeNote;
  readonly place: Place;
}

export interface CsiKind extends VolumeKind {
  /** Every volume of a driver that is published for a pod of this node. */
  listPublished(): Promise<readonly PublishedVolume[]>;
}

const DIRECTORY = 'kubernetes.io~csi';
const NOTE = 'vol_data.json';
const UNIT_BYTES = 1;
const UNIT_INODES = 2;

export function csiKind(deps: CsiKindDeps): CsiKind {
  const { drivers, host, data } = deps;
  /** What is staged is shared by pods: one change of it at a time. */
  const turns = new Map<string, Promise<unknown>>();

  async function inTurn<T>(key: string, action: () => Promise<T>): Promise<T> {
    const before = turns.get(key) ?? Promise.resolve();
    const mine = before.then(action, action);
    const settled = mine.then(
      () => {},
      () => {},
    );
    turns.set(key, settled);
    try {
      return await mine;
    } finally {
      if (turns.get(key) === settled) turns.delete(key);
    }
  }

  function getDriver(name: string, doing: string): CsiDriver {
    const driver = drivers.find(name);
    if (driver !== undefined) return driver;
    const why = `driver name ${name} not found in the list of registered CSI drivers`;
    throw new Error(`kubernetes.io/csi: ${doing} failed to get CSI client: ${why}`);
  }

  async function setUp({ pod, volume, place, isFirst }: SetUp): Promise<VolumeSource> {
    const source = csiSourceOf(volume, pod);
    if (source === undefined) throw new Error('not a volume of a storage driver');
    const target = below(place, 'mount');
    const result = {
      path: target.onHost,
      ...(source.isReadOnly ? { isReadOnly: true } : {}),
      ...(source.isBlock ? { isDevice: true } : {}),
    };
    const about = await findCsiDriver(deps.client, source.driver);
    const isPublished = !isFirst && (source.isBlock || (await host.mountsBelow(target.onHost)).length > 0);
    if (isPublished && about?.spec.requiresRepublish !== true) return result;
    const driver = getDriver(source.driver, 'mounter.SetUpAt');
    throwIfModeUnsupported(source, about);
    await inTurn(`${source.driver}/${source.handle}`, () => publish({ pod, place, source, driver, about, isFirst }));
    return result;
  }

  async function publish({ pod, place, source, driver, about, isFirst }: PublishRequest): Promise<void> {
    const target = below(place, 'mount');
    const note = noteOf(source, place, deps.nodeName);
    const publishContext = await attachmentContext(source, about, note, deps.client);
    await mkdir(place.local, { recursive: true, mode: 0o750 });
    await writeFile(join(place.local, NOTE), JSON.stringify(note));
    const groupId = pod.spec.securityContext?.fsGroup;
    const delegatesGroup = driver.node.has(capabilities.node.mountGroup);
    const capability = capabilityOf(source, delegatesGroup && groupId !== undefined ? String(groupId) : '');
    const common = { volumeId: source.handle, publishContext, volumeCapability: capability, volumeContext: source.attributes };
    let stagingTargetPath = '';
    if (!source.isEphemeral && driver.node.has(capabilities.node.stage)) {
      const staging = below(data, stagingDirectory(source.driver, source.handle), 'globalmount');
      stagingTargetPath = staging.local;
      await mkdir(staging.local, { recursive: true, mode: 0o750 });
      await writeFile(join(dirname(staging.local), NOTE), JSON.stringify(note));
      const stageSecrets = await readSecret(source.stageSecret, deps.client);
      await driver.client.call(node.stageVolume, { ...common, stagingTargetPath, secrets: stageSecrets });
    }
    await driver.client.call(node.publishVolume, {
      ...common,
      stagingTargetPath,
      targetPath: target.local,
      readonly: source.isReadOnly,
      secrets: await readSecret(source.publishSecret, deps.client),
      volumeContext: { ...source.attributes, ...podContext(pod, about, source.isEphemeral) },
    });
    const ownership = ownershipOf(pod, false);
    if (isFirst && !delegatesGroup && ownership !== undefined && givesToGroup(source, about))
      await giveToGroup(host.local(target.onHost), ownership);
  }

  /** A driver that is away keeps its volume mounted: the pod's removal is tried again until it is back. */
  async function tearDown(place: Place): Promise<void> {
    const note = await readNote(place.local);
    if (note === undefined) return;
    const { driverName, volumeHandle } = note;
    await inTurn(`${driverName}/${volumeHandle}`, async () => {
      const driver = getDriver(driverName, 'mounter.TearDownAt');
      await driver.client.call(node.unpublishVolume, { volumeId: volumeHandle, targetPath: below(place, 'mount').local });
      await unmountAll(place.onHost, host);
      await rm(place.local, { recursive: true });
      if (note.volumeLifecycleMode === 'Persistent') await unstageIfUnused(driver, volumeHandle);
    });
  }

  async function unstageIfUnused(driver: CsiDriver, handle: string): Promise<void> {
    const directory = below(data, stagingDirectory(driver.name, handle));
    if ((await stat(directory.local).catch(() => undefined)) === undefined) return;
    const users = (await listPublished()).filter(({ note }) => note.driverName === driver.name && note.volumeHandle === handle);
    if (users.length > 0) return;
    const stagingTargetPath = below(directory, 'globalmount').local;
    if (driver.node.has(capabilities.node.stage)) await driver.client.call(node.unstageVolume, { volumeId: handle, stagingTargetPath });
    await unmountAll(directory.onHost, host);
    await rm(directory.local, { recursive: true });
  }

  async function listPublished(): Promise<readonly PublishedVolume[]> {
    const pods = below(data, 'pods');
    const uids = await readdir(pods.local).catch(() => []);
    const places = uids.map(async (uid) => {
      const volumes = below(pods, uid, 'volumes', DIRECTORY);
      return (await readdir(volumes.local).catch(() => [])).map((name) => below(volumes, name));
    });
    const found = (await Promise.all(places)).flat().map(async (place) => ({ place, note: await readNote(place.local) }));
    return (await Promise.all(found)).flatMap(({ place, note }) => (note === undefined ? [] : [{ place, note }]));
  }

  return {
    directory: DIRECTORY,
    isKindOf: ({ inline, claimed }) => (claimed === undefined ? inline.csi : claimed.volume.spec.csi) !== undefined,
    setUp,
    tearDown,
    listPublished,
    measure: async (place) => {
      const note = await readNote(place.local);
      const driver = drivers.find(note?.driverName ?? '');
      if (note === undefined || driver?.node.has(capabilities.node.stats) !== true) return undefined;
      const request = { volumeId: note.volumeHandle, volumePath: below(place, 'mount').local, stagingTargetPath: '' };
      return toDisk((await driver.client.call(node.getVolumeStats, request)).usage);
    },
  };
}

interface PublishRequest extends Pick<SetUp, 'pod' | 'place' | 'isFirst'> {
  readonly pod: Pod;
  readonly source: CsiSource;
  readonly driver: CsiDriver;
  readonly about: CSIDriver | undefined;
}

function noteOf(source: CsiSource, place: Place, nodeName: string): VolumeNote {
  return {
    driverName: source.driver,
    volumeHandle: source.handle,
    specVolID: place.local.split('/').at(-1) ?? '',
    nodeName,
    attachmentID: attachmentName(source.handle, source.driver, nodeName),
    volumeLifecycleMode: source.isEphemeral ? 'Ephemeral' : 'Persistent',
  };
}

async function readNote(directory: string): Promise<VolumeNote | undefined> {
  const text = await readFile(join(directory, NOTE), 'utf8').catch(() => undefined);
  return text === undefined ? undefined : JSON.parse(text);
}

async function findCsiDriver(client: Client, name: string): Promise<CSIDriver | undefined> {
  try {
    return await client.resource(csidrivers).get({ namespace: '', name });
  } catch (error) {
    if (isReason(error, 'NotFound')) return undefined;
    throw error;
  }
}

/** A driver that attaches first says in the attachment what publishing needs to know. */
async function attachmentContext(source: CsiSource, about: CSIDriver | undefined, note: VolumeNote, client: Client): Promise<Texts> {
  if (source.isEphemeral || about?.spec.attachRequired === false) return {};
  const attachment = await client
    .resource(volumeattachments)
    .get({ namespace: '', name: note.attachmentID })
    .catch((error: unknown) => {
      if (isReason(error, 'NotFound')) return undefined;
      throw error;
    });
  if (attachment?.status?.attached === true) return attachment.status.attachmentMetadata ?? {};
  const why = attachment?.status?.attachError?.message;
  throw new Error(
    why === undefined ? `volume attachment is being created: ${note.attachmentID} is not attached yet` : `volume attachment failed: ${why}`,
  );
}

type Usage = { readonly available?: number; readonly total?: number; readonly used?: number; readonly unit?: number };

function toDisk(usage: readonly Usage[]): Disk {
  const bytes = usage.find(({ unit }) => unit === UNIT_BYTES) ?? {};
  const inodes = usage.find(({ unit }) => unit === UNIT_INODES) ?? {};
  return {
    capacityBytes: bytes.total ?? 0,
    availableBytes: bytes.available ?? 0,
    usedBytes: bytes.used ?? 0,
    inodes: inodes.total ?? 0,
    inodesFree: inodes.available ?? 0,
    inodesUsed: inodes.used ?? 0,
  };
}
