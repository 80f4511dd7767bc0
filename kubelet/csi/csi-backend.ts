/**
 * Volumes for claims by a storage driver's own controller service, where the driver asks for it: an annotation of its CSIDriver says that no sidecars come with it
 * and the kubelets are to call the controller themselves. What a class's parameters mean to Kubernetes rather than to the driver is upstream's external provisioner's.
 */
import type { CSIDriver, CSIPersistentVolumeSource, SecretReference } from '#api/generated/types.ts';
import type { Client } from '#client/client.ts';
import {
  type EnlargedVolume,
  type MadeVolume,
  NoRoomError,
  type VolumeBackend,
  type VolumeRequest,
} from '../provisioner/volume-backend.ts';
import type { CsiDriver } from './csi-drivers.ts';
import { accessModeOf, capabilityOf } from './csi-volume.ts';
import { callStatus, isCallError } from './grpc-client.ts';
import { capabilities, controller, type Texts, type Topology, type TopologyRequirement } from './messages.ts';
import { readSecret } from './read-secret.ts';

/** On a CSIDriver: `kubelet` if its controller service is to be called by the kubelet, as it brings no sidecars that do. */
export const SIDECARS_ANNOTATION = 'csi.keelson.dev/sidecars';

const PREFIX = 'csi.storage.k8s.io/';
const FS_TYPE_DEFAULT = 'ext4';
/** On a volume: what its deletion needs to know. */
const DELETION_SECRET_NAME = 'volume.kubernetes.io/provisioner-deletion-secret-name';
const DELETION_SECRET_NAMESPACE = 'volume.kubernetes.io/provisioner-deletion-secret-namespace';

export function wantsBackend(driver: CSIDriver): boolean {
  return driver.metadata.annotations?.[SIDECARS_ANNOTATION] === 'kubelet';
}

export function createCsiBackend(driver: CsiDriver, client: Client): VolumeBackend {
  async function create(request: VolumeRequest): Promise<MadeVolume> {
    const { name, claim, storageClass, sizeBytes } = request;
    if (!driver.controller.has(capabilities.controller.createDelete)) throw new Error(`driver ${driver.name} does not create volumes`);
    const { parameters = {} } = storageClass;
    const fsType = parameters[`${PREFIX}fstype`] ?? FS_TYPE_DEFAULT;
    const isBlock = claim.spec.volumeMode === 'Block';
    const volumeMode = { isBlock, fsType, mountOptions: storageClass.mountOptions ?? [], accessModes: claim.spec.accessModes ?? [] };
    const requirement = requirementOf(driver);
    try {
      const { volume } = await driver.client.call(controller.createVolume, {
        name,
        capacityRange: { requiredBytes: sizeBytes },
        volumeCapabilities: volumeMode.accessModes.map((mode) => ({
          ...capabilityOf(volumeMode),
          accessMode: { mode: accessModeOf([mode]) },
        })),
        parameters: ownParameters(parameters),
        secrets: await readSecret(secretFor('provisioner', request), client),
        ...(requirement === undefined ? {} : { accessibilityRequirements: requirement }),
      });
      const csi = sourceOf(request, volume?.volumeId ?? '', volume?.volumeContext ?? {}, isBlock ? undefined : fsType);
      const affinity = affinityOf(volume?.accessibleTopology ?? []);
      const spec = { csi: { ...csi, driver: driver.name }, ...affinity };
      return { spec, sizeBytes: volume?.capacityBytes || sizeBytes, annotations: deletionSecret(secretFor('provisioner', request)) };
    } catch (error) {
      if (isCallError(error, callStatus.RESOURCE_EXHAUSTED)) throw new NoRoomError(error.message, { cause: error });
      throw error;
    }
  }

  return {
    name: driver.name,
    create,

    delete: async ({ metadata, spec }) => {
      const { annotations = {} } = metadata;
      const secret = { name: annotations[DELETION_SECRET_NAME] ?? '', namespace: annotations[DELETION_SECRET_NAMESPACE] ?? '' };
      await driver.client.call(controller.deleteVolume, {
        volumeId: spec.csi?.volumeHandle ?? '',
        secrets: await readSecret(secret, client),
      });
    },

    enlarge: async ({ spec }, sizeBytes): Promise<EnlargedVolume> => {
      if (!driver.controller.has(capabilities.controller.expand))
        return { sizeBytes, needsNode: driver.node.has(capabilities.node.expand) };
      const source = {
        isBlock: spec.volumeMode === 'Block',
        fsType: spec.csi?.fsType ?? '',
        mountOptions: spec.mountOptions ?? [],
        accessModes: spec.accessModes ?? [],
      };
      const answer = await driver.client.call(controller.expandVolume, {
        volumeId: spec.csi?.volumeHandle ?? '',
        capacityRange: { requiredBytes: sizeBytes },
        secrets: await readSecret(spec.csi?.controllerExpandSecretRef, client),
        volumeCapability: capabilityOf(source),
      });
      return { sizeBytes: answer.capacityBytes || sizeBytes, needsNode: answer.nodeExpansionRequired };
    },
  };
}

/** The class may be gone when the volume is deleted. */
function deletionSecret(secret: SecretReference | undefined): Texts {
  return secret === undefined ? {} : { [DELETION_SECRET_NAME]: secret.name ?? '', [DELETION_SECRET_NAMESPACE]: secret.namespace ?? '' };
}

/** Those that Kubernetes itself understands are not the driver's business. */
export function ownParameters(parameters: Texts): Texts {
  return Object.fromEntries(Object.entries(parameters).filter(([key]) => !key.startsWith(PREFIX)));
}

function sourceOf(
  request: VolumeRequest,
  volumeHandle: string,
  volumeAttributes: Texts,
  fsType: string | undefined,
): Omit<CSIPersistentVolumeSource, 'driver'> {
  const refs = {
    nodeStageSecretRef: secretFor('node-stage', request),
    nodePublishSecretRef: secretFor('node-publish', request),
    nodeExpandSecretRef: secretFor('node-expand', request),
    controllerExpandSecretRef: secretFor('controller-expand', request),
  };
  const given = Object.fromEntries(Object.entries(refs).filter(([, secret]) => secret !== undefined));
  return { volumeHandle, volumeAttributes, ...(fsType === undefined ? {} : { fsType }), ...given };
}

/** What a class says of a secret, with the claim's and the volume's names filled in. */
export function secretFor(purpose: string, { storageClass, claim, name: volumeName }: VolumeRequest): SecretReference | undefined {
  const { parameters = {} } = storageClass;
  const known: Texts = { 'pvc.name': claim.metadata.name, 'pvc.namespace': claim.metadata.namespace ?? '', 'pv.name': volumeName };
  const fill = (text: string) => text.replace(/\$\{([^}]*)\}/g, (whole, key: string) => known[key] ?? whole);
  const name = parameters[`${PREFIX}${purpose}-secret-name`];
  const namespace = parameters[`${PREFIX}${purpose}-secret-namespace`];
  return name === undefined || namespace === undefined ? undefined : { name: fill(name), namespace: fill(namespace) };
}

/** The node that acts is the one where the pod goes, so its own place is where the volume must be reached from. */
function requirementOf({ plugin, info }: CsiDriver): TopologyRequirement | undefined {
  if (!plugin.has(capabilities.plugin.topology) || info.accessibleTopology === undefined) return undefined;
  return { requisite: [info.accessibleTopology], preferred: [info.accessibleTopology] };
}

export function affinityOf(topologies: readonly Topology[]) {
  const terms = topologies.flatMap(({ segments = {} }) => {
    const matchExpressions = Object.entries(segments).map(([key, value]) => ({ key, operator: 'In', values: [value] }));
    return matchExpressions.length === 0 ? [] : [{ matchExpressions }];
  });
  return terms.length === 0 ? {} : { nodeAffinity: { required: { nodeSelectorTerms: terms } } };
}
