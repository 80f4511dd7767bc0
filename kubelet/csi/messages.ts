/**
 * The messages of the Container Storage Interface and of the kubelet's plugin registration, as far as the kubelet speaks them: a table of fields and their numbers,
 * and for each message what it is when nothing is set, which is also its type. Fields that are not in the table are skipped when read.
 * Sources: container-storage-interface/spec v1.11 csi.proto; k8s.io/kubelet pluginregistration/v1.
 */
import protobuf from 'protobufjs/light.js';

/** `type`, `[type]` for a list, `{type}` for a map by string. */
type FieldTable = Readonly<Record<string, readonly [number: number, type: string]>>;

const tables: Readonly<Record<string, FieldTable>> = {
  Empty: {},
  PluginInfo: { type: [1, 'string'], name: [2, 'string'], endpoint: [3, 'string'], supportedVersions: [4, '[string]'] },
  RegistrationStatus: { pluginRegistered: [1, 'bool'], error: [2, 'string'] },

  GetPluginInfoResponse: { name: [1, 'string'], vendorVersion: [2, 'string'] },
  Typed: { type: [1, 'int32'] },
  PluginCapability: { service: [1, 'Typed'], volumeExpansion: [2, 'Typed'] },
  PluginCapabilities: { capabilities: [1, '[PluginCapability]'] },
  RpcCapability: { rpc: [1, 'Typed'] },
  RpcCapabilities: { capabilities: [1, '[RpcCapability]'] },

  CapacityRange: { requiredBytes: [1, 'int64'], limitBytes: [2, 'int64'] },
  MountVolume: { fsType: [1, 'string'], mountFlags: [2, '[string]'], volumeMountGroup: [3, 'string'] },
  AccessMode: { mode: [1, 'int32'] },
  VolumeCapability: { block: [1, 'Empty'], mount: [2, 'MountVolume'], accessMode: [3, 'AccessMode'] },
  Topology: { segments: [1, '{string}'] },
  TopologyRequirement: { requisite: [1, '[Topology]'], preferred: [2, '[Topology]'] },
  Volume: {
    capacityBytes: [1, 'int64'],
    volumeId: [2, 'string'],
    volumeContext: [3, '{string}'],
    accessibleTopology: [5, '[Topology]'],
  },
  CreateVolumeRequest: {
    name: [1, 'string'],
    capacityRange: [2, 'CapacityRange'],
    volumeCapabilities: [3, '[VolumeCapability]'],
    parameters: [4, '{string}'],
    secrets: [5, '{string}'],
    accessibilityRequirements: [7, 'TopologyRequirement'],
  },
  CreateVolumeResponse: { volume: [1, 'Volume'] },
  DeleteVolumeRequest: { volumeId: [1, 'string'], secrets: [2, '{string}'] },
  ControllerExpandVolumeRequest: {
    volumeId: [1, 'string'],
    capacityRange: [2, 'CapacityRange'],
    secrets: [3, '{string}'],
    volumeCapability: [4, 'VolumeCapability'],
  },
  ControllerExpandVolumeResponse: { capacityBytes: [1, 'int64'], nodeExpansionRequired: [2, 'bool'] },

  NodeGetInfoResponse: { nodeId: [1, 'string'], maxVolumesPerNode: [2, 'int64'], accessibleTopology: [3, 'Topology'] },
  NodeStageVolumeRequest: {
    volumeId: [1, 'string'],
    publishContext: [2, '{string}'],
    stagingTargetPath: [3, 'string'],
    volumeCapability: [4, 'VolumeCapability'],
    secrets: [5, '{string}'],
    volumeContext: [6, '{string}'],
  },
  NodeUnstageVolumeRequest: { volumeId: [1, 'string'], stagingTargetPath: [2, 'string'] },
  NodePublishVolumeRequest: {
    volumeId: [1, 'string'],
    publishContext: [2, '{string}'],
    stagingTargetPath: [3, 'string'],
    targetPath: [4, 'string'],
    volumeCapability: [5, 'VolumeCapability'],
    readonly: [6, 'bool'],
    secrets: [7, '{string}'],
    volumeContext: [8, '{string}'],
  },
  NodeUnpublishVolumeRequest: { volumeId: [1, 'string'], targetPath: [2, 'string'] },
  NodeGetVolumeStatsRequest: { volumeId: [1, 'string'], volumePath: [2, 'string'], stagingTargetPath: [3, 'string'] },
  VolumeUsage: { available: [1, 'int64'], total: [2, 'int64'], used: [3, 'int64'], unit: [4, 'int32'] },
  NodeGetVolumeStatsResponse: { usage: [1, '[VolumeUsage]'] },
  NodeExpandVolumeRequest: {
    volumeId: [1, 'string'],
    volumePath: [2, 'string'],
    capacityRange: [3, 'CapacityRange'],
    stagingTargetPath: [4, 'string'],
    volumeCapability: [5, 'VolumeCapability'],
    secrets: [6, '{string}'],
  },
  NodeExpandVolumeResponse: { capacityBytes: [1, 'int64'] },
};

const root = new protobuf.Root();
for (const [name, table] of Object.entries(tables)) {
  const message = new protobuf.Type(name);
  for (const [field, [number, type]] of Object.entries(table)) message.add(fieldOf(field, number, type));
  root.add(message);
}

function fieldOf(name: string, number: number, type: string): protobuf.ReflectionObject {
  const inner = /^[[{](.*)[\]}]$/.exec(type)?.[1] ?? type;
  if (type.startsWith('{')) return new protobuf.MapField(name, number, 'string', inner);
  return new protobuf.Field(name, number, inner, type.startsWith('[') ? 'repeated' : undefined);
}

export interface Codec<T> {
  encode(message: T): Buffer;
  decode(bytes: Uint8Array): T;
}

/** `empty`: the message when nothing is set. A message inside it that is not set is left out. */
function codec<T extends object>(name: string, empty: T): Codec<T> {
  const type = root.lookupType(name);
  return {
    encode: (message) => Buffer.from(type.encode(type.fromObject(message)).finish()),
    decode: (bytes) => Object.assign(structuredClone(empty), type.toObject(type.decode(bytes), { longs: Number })),
  };
}

export type Texts = Readonly<Record<string, string>>;

export interface VolumeCapability {
  readonly block?: object;
  readonly mount?: { readonly fsType?: string; readonly mountFlags?: readonly string[]; readonly volumeMountGroup?: string };
  readonly accessMode: { readonly mode: number };
}
export interface CapacityRange {
  readonly requiredBytes: number;
}
export interface Topology {
  readonly segments?: Texts;
}
export interface TopologyRequirement {
  readonly requisite: readonly Topology[];
  readonly preferred: readonly Topology[];
}
interface Typed {
  readonly type?: number;
}

export interface PluginInfo {
  readonly type: string;
  readonly name: string;
  readonly endpoint: string;
  readonly supportedVersions: readonly string[];
}
export interface RegistrationStatus {
  readonly pluginRegistered: boolean;
  readonly error: string;
}
export interface GetPluginInfoResponse {
  readonly name: string;
  readonly vendorVersion: string;
}
export interface PluginCapabilities {
  readonly capabilities: readonly { readonly service?: Typed; readonly volumeExpansion?: Typed }[];
}
export interface RpcCapabilities {
  readonly capabilities: readonly { readonly rpc?: Typed }[];
}
export interface CreateVolumeRequest {
  readonly name: string;
  readonly capacityRange: CapacityRange;
  readonly volumeCapabilities: readonly VolumeCapability[];
  readonly parameters: Texts;
  readonly secrets: Texts;
  readonly accessibilityRequirements?: TopologyRequirement;
}
export interface CreateVolumeResponse {
  readonly volume?: {
    readonly capacityBytes?: number;
    readonly volumeId?: string;
    readonly volumeContext?: Texts;
    readonly accessibleTopology?: readonly Topology[];
  };
}
export interface DeleteVolumeRequest {
  readonly volumeId: string;
  readonly secrets: Texts;
}
export interface ControllerExpandVolumeRequest {
  readonly volumeId: string;
  readonly capacityRange: CapacityRange;
  readonly secrets: Texts;
  readonly volumeCapability?: VolumeCapability;
}
export interface ControllerExpandVolumeResponse {
  readonly capacityBytes: number;
  readonly nodeExpansionRequired: boolean;
}
export interface NodeGetInfoResponse {
  readonly nodeId: string;
  readonly maxVolumesPerNode: number;
  readonly accessibleTopology?: Topology;
}
export interface NodeStageVolumeRequest {
  readonly volumeId: string;
  readonly publishContext: Texts;
  readonly stagingTargetPath: string;
  readonly volumeCapability: VolumeCapability;
  readonly secrets: Texts;
  readonly volumeContext: Texts;
}
export interface NodeUnstageVolumeRequest {
  readonly volumeId: string;
  readonly stagingTargetPath: string;
}
export interface NodePublishVolumeRequest extends NodeStageVolumeRequest {
  readonly targetPath: string;
  readonly readonly: boolean;
}
export interface NodeUnpublishVolumeRequest {
  readonly volumeId: string;
  readonly targetPath: string;
}
export interface NodeGetVolumeStatsRequest {
  readonly volumeId: string;
  readonly volumePath: string;
  readonly stagingTargetPath: string;
}
export interface NodeGetVolumeStatsResponse {
  readonly usage: readonly { readonly available?: number; readonly total?: number; readonly used?: number; readonly unit?: number }[];
}
export interface NodeExpandVolumeRequest {
  readonly volumeId: string;
  readonly volumePath: string;
  readonly capacityRange: CapacityRange;
  readonly stagingTargetPath: string;
  readonly volumeCapability: VolumeCapability;
  readonly secrets: Texts;
}
export interface NodeExpandVolumeResponse {
  readonly capacityBytes: number;
}

/** A call of one request and one answer, named as gRPC names it. */
export interface Method<Request, Response> {
  readonly path: string;
  readonly request: Codec<Request>;
  readonly response: Codec<Response>;
}

const nothing = codec<object>('Empty', {});
const capacityRange: CapacityRange = { requiredBytes: 0 };
const volumeCapability: VolumeCapability = { accessMode: { mode: 0 } };
const staging = { volumeId: '', publishContext: {}, stagingTargetPath: '', volumeCapability, secrets: {}, volumeContext: {} };

function method<Request, Response>(path: string, request: Codec<Request>, response: Codec<Response>): Method<Request, Response> {
  return { path, request, response };
}

export const registration = {
  getInfo: method(
    '/pluginregistration.Registration/GetInfo',
    nothing,
    codec<PluginInfo>('PluginInfo', { type: '', name: '', endpoint: '', supportedVersions: [] }),
  ),
  notifyRegistrationStatus: method(
    '/pluginregistration.Registration/NotifyRegistrationStatus',
    codec<RegistrationStatus>('RegistrationStatus', { pluginRegistered: false, error: '' }),
    nothing,
  ),
} as const;

const rpcCapabilities = codec<RpcCapabilities>('RpcCapabilities', { capabilities: [] });

export const identity = {
  getPluginInfo: method(
    '/csi.v1.Identity/GetPluginInfo',
    nothing,
    codec<GetPluginInfoResponse>('GetPluginInfoResponse', { name: '', vendorVersion: '' }),
  ),
  getPluginCapabilities: method(
    '/csi.v1.Identity/GetPluginCapabilities',
    nothing,
    codec<PluginCapabilities>('PluginCapabilities', { capabilities: [] }),
  ),
} as const;

export const controller = {
  getCapabilities: method('/csi.v1.Controller/ControllerGetCapabilities', nothing, rpcCapabilities),
  createVolume: method(
    '/csi.v1.Controller/CreateVolume',
    codec<CreateVolumeRequest>('CreateVolumeRequest', { name: '', capacityRange, volumeCapabilities: [], parameters: {}, secrets: {} }),
    codec<CreateVolumeResponse>('CreateVolumeResponse', {}),
  ),
  deleteVolume: method(
    '/csi.v1.Controller/DeleteVolume',
    codec<DeleteVolumeRequest>('DeleteVolumeRequest', { volumeId: '', secrets: {} }),
    nothing,
  ),
  expandVolume: method(
    '/csi.v1.Controller/ControllerExpandVolume',
    codec<ControllerExpandVolumeRequest>('ControllerExpandVolumeRequest', { volumeId: '', capacityRange, secrets: {} }),
    codec<ControllerExpandVolumeResponse>('ControllerExpandVolumeResponse', { capacityBytes: 0, nodeExpansionRequired: false }),
  ),
} as const;

export const node = {
  getCapabilities: method('/csi.v1.Node/NodeGetCapabilities', nothing, rpcCapabilities),
  getInfo: method(
    '/csi.v1.Node/NodeGetInfo',
    nothing,
    codec<NodeGetInfoResponse>('NodeGetInfoResponse', { nodeId: '', maxVolumesPerNode: 0 }),
  ),
  stageVolume: method('/csi.v1.Node/NodeStageVolume', codec<NodeStageVolumeRequest>('NodeStageVolumeRequest', staging), nothing),
  unstageVolume: method(
    '/csi.v1.Node/NodeUnstageVolume',
    codec<NodeUnstageVolumeRequest>('NodeUnstageVolumeRequest', { volumeId: '', stagingTargetPath: '' }),
    nothing,
  ),
  publishVolume: method(
    '/csi.v1.Node/NodePublishVolume',
    codec<NodePublishVolumeRequest>('NodePublishVolumeRequest', { ...staging, targetPath: '', readonly: false }),
    nothing,
  ),
  unpublishVolume: method(
    '/csi.v1.Node/NodeUnpublishVolume',
    codec<NodeUnpublishVolumeRequest>('NodeUnpublishVolumeRequest', { volumeId: '', targetPath: '' }),
    nothing,
  ),
  getVolumeStats: method(
    '/csi.v1.Node/NodeGetVolumeStats',
    codec<NodeGetVolumeStatsRequest>('NodeGetVolumeStatsRequest', { volumeId: '', volumePath: '', stagingTargetPath: '' }),
    codec<NodeGetVolumeStatsResponse>('NodeGetVolumeStatsResponse', { usage: [] }),
  ),
  expandVolume: method(
    '/csi.v1.Node/NodeExpandVolume',
    codec<NodeExpandVolumeRequest>('NodeExpandVolumeRequest', {
      volumeId: '',
      volumePath: '',
      capacityRange,
      stagingTargetPath: '',
      volumeCapability,
      secrets: {},
    }),
    codec<NodeExpandVolumeResponse>('NodeExpandVolumeResponse', { capacityBytes: 0 }),
  ),
} as const;

/** What services say that they can do. */
export const capabilities = {
  plugin: { controllerService: 1, topology: 2 },
  controller: { createDelete: 1, publish: 2, expand: 9 },
  node: { stage: 1, stats: 2, expand: 3, mountGroup: 6 },
} as const;

/** Of `AccessMode`. */
export const accessModes: Readonly<Record<string, number>> = {
  ReadWriteOnce: 1,
  ReadOnlyMany: 3,
  ReadWriteMany: 5,
  ReadWriteOncePod: 6,
};
