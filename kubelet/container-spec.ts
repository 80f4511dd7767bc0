/**
 * From a pod and one of its containers to what the runtime is asked to make: command, environment, resources, security, mounts. Pure, so
 * that what a field of the pod turns into can be read, and tested, in one place. Throws `ConfigError` where the pod asks for the impossible.
 */
import type { Container, Pod, VolumeDevice, VolumeMount } from '#api/generated/types.ts';
import { containerSecurity } from './container-security.ts';
import { buildEnvironment, ConfigError, type EnvironmentContext, expandVariables } from './environment.ts';
import { engineResourcesOf } from './resize/engine-resources.ts';
import { oomScoreAdjustmentOf } from './resources/oom-score.ts';
import type { ContainerSpec, Device, ImageInfo, Mount, SandboxSpec } from './runtime/container-runtime.ts';
import type { VolumeSource } from './volumes/volume-kind.ts';

/** Linux refuses longer host names; upstream cuts them too. */
const HOSTNAME_CHARS_MAX = 63;
/** What fits into the kernel's `nodename`. */
const NODENAME_CHARS_MAX = 64;

export interface ContainerSpecContext extends EnvironmentContext {
  readonly attempt: number;
  readonly sandboxId: string;
  readonly image: ImageInfo;
  /** Where each volume of the pod is on the engine's host. */
  readonly volumeSources: ReadonlyMap<string, VolumeSource>;
  /** Where the parts of volumes that this container mounts are on the engine's host, by the index of the mount. */
  readonly subPaths: ReadonlyMap<number, string>;
  /** Whether the engine can make mounts below a read-only mount read-only too. */
  readonly mountsRecursively: boolean;
  /** As the sandbox's. */
  readonly runtimeHandler?: string;
  /** The container whose processes an ephemeral one is to see. */
  readonly targetId?: string | undefined;
  /** `/etc/hosts`, `/etc/resolv.conf`, the termination message. */
  readonly extraMounts: readonly Mount[];
  /** The pod's cgroup; absent where the engine is to choose. */
  readonly cgroupParent: string | undefined;
}

/** Part of a volume that a container mounts. */
export interface SubPath {
  /** Of the container's mount. */
  readonly index: number;
  readonly volumeName: string;
  /** Relative, without `..`. */
  readonly path: string;
}

export function buildContainerSpec(context: ContainerSpecContext): ContainerSpec {
  const { pod, container } = context;
  const environment = buildEnvironment(context);
  const expand = (words: readonly string[] | undefined) => words?.map((word) => expandVariables(word, environment));
  const command = expand(container.command);
  const args = expand(container.args);
  return {
    identity: identityOf(pod, context.attempt, container.name),
    sandboxId: context.sandboxId,
    ...(context.runtimeHandler ? { runtimeHandler: context.runtimeHandler } : {}),
    image: container.image ?? '',
    ...(command === undefined || command.length === 0 ? {} : { command }),
    ...(args === undefined || args.length === 0 ? {} : { args }),
    env: [...environment].map(([name, value]) => `${name}=${value}`),
    ...(container.workingDir ? { workingDir: container.workingDir } : {}),
    mounts: [
      ...withoutShadowed(context.extraMounts, container),
      ...(container.volumeMounts ?? []).map((mount, index) => toMount(mount, index, context)),
    ],
    devices: (container.volumeDevices ?? []).map((device) => toDevice(device, context)),
    ...containerSecurity(pod, container, context.image),
    ...engineResourcesOf(container, context.facts.cpuCount),
    oomScoreAdjustment: oomScoreAdjustmentOf(pod, container, context.facts.memoryBytes),
    ...(context.cgroupParent === undefined ? {} : { cgroupParent: context.cgroupParent }),
    pidMode: pidModeOf(pod, context.targetId),
    sharesHostIpc: pod.spec.hostIPC === true,
    hasTerminal: container.tty === true,
    hasStdin: container.stdin === true,
    closesStdinOnce: container.stdinOnce === true,
    ...(container.lifecycle?.stopSignal === undefined ? {} : { stopSignal: container.lifecycle.stopSignal }),
  };
}

function pidModeOf({ spec }: Pod, targetId: string | undefined): ContainerSpec['pidMode'] {
  if (spec.hostPID === true) return 'host';
  if (spec.shareProcessNamespace === true) return 'pod';
  return targetId === undefined ? 'container' : { sharedWithId: targetId };
}

export interface SandboxOptions {
  readonly attempt: number;
  readonly image: string;
  /** What a pod of the host network joins. */
  readonly nodeNetworkMode: string;
  readonly clusterDomain: string;
  /** What the pod's RuntimeClass names; empty: the engine's default. */
  readonly runtimeHandler?: string;
  readonly cgroupParent: string | undefined;
}

/** Throws when the pod's name in full is longer than the kernel takes, and for what no sandbox of this engine can be. */
export function buildSandboxSpec(pod: Pod, options: SandboxOptions): SandboxSpec {
  if (pod.spec.hostUsers === false) throw new Error("can't set `spec.hostUsers: false`, runtime does not support user namespaces");
  return {
    identity: identityOf(pod, options.attempt),
    image: options.image,
    hostname: kernelHostnameOf(pod, options.clusterDomain),
    ...(options.runtimeHandler ? { runtimeHandler: options.runtimeHandler } : {}),
    networkMode: pod.spec.hostNetwork === true ? options.nodeNetworkMode : 'none',
    sharesHostIpc: pod.spec.hostIPC === true,
    sharesHostPid: pod.spec.hostPID === true,
    sysctls: Object.fromEntries((pod.spec.securityContext?.sysctls ?? []).map(({ name, value }) => [name, value])),
    ...(options.cgroupParent === undefined ? {} : { cgroupParent: options.cgroupParent }),
  };
}

export function hostnameOf({ spec, metadata }: Pod): string {
  if (spec.hostnameOverride !== undefined) return spec.hostnameOverride;
  return (spec.hostname || metadata.name).slice(0, HOSTNAME_CHARS_MAX).replace(/[-.]+$/, '');
}

/** The name under which cluster DNS knows the pod; undefined when it has no subdomain. */
export function fullHostnameOf(pod: Pod, clusterDomain: string): string | undefined {
  const { hostnameOverride, subdomain } = pod.spec;
  if (hostnameOverride !== undefined || !subdomain) return undefined;
  return `${hostnameOf(pod)}.${subdomain}.${pod.metadata.namespace ?? 'default'}.svc.${clusterDomain}`;
}

function kernelHostnameOf(pod: Pod, clusterDomain: string): string {
  const fullName = pod.spec.setHostnameAsFQDN === true ? fullHostnameOf(pod, clusterDomain) : undefined;
  if (fullName === undefined || fullName.length <= NODENAME_CHARS_MAX) return fullName ?? hostnameOf(pod);
  throw new Error(
    `failed to construct FQDN from pod hostname and cluster domain, FQDN ${fullName} is too long (${NODENAME_CHARS_MAX} characters is the max, ${fullName.length} characters requested)`,
  );
}

function identityOf({ metadata }: Pod, attempt: number, containerName?: string) {
  const identity = { podUid: metadata.uid, podNamespace: metadata.namespace ?? '', podName: metadata.name, attempt };
  return containerName === undefined ? identity : { ...identity, containerName };
}

/** A volume that the author mounts over one of our files wins. */
function withoutShadowed(mounts: readonly Mount[], container: Container): readonly Mount[] {
  const taken = new Set((container.volumeMounts ?? []).map(({ mountPath }) => mountPath));
  return mounts.filter(({ target }) => !taken.has(target));
}

function toMount(
  mount: VolumeMount,
  index: number,
  { container, volumeSources, subPaths, mountsRecursively }: ContainerSpecContext,
): Mount {
  const source = volumeSources.get(mount.name);
  if (source === undefined) throw new ConfigError(`cannot find volume "${mount.name}" to mount into container "${container.name}"`);
  const propagation = propagations[mount.mountPropagation ?? 'None'];
  const isReadOnly = mount.readOnly === true || source.isReadOnly === true;
  if (mount.recursiveReadOnly === 'Enabled' && !mountsRecursively) {
    throw new ConfigError(`volume "${mount.name}" requested recursive read-only mode, but it is not supported by the runtime`);
  }
  const isRecursive = isReadOnly && mountsRecursively && ['Enabled', 'IfPossible'].includes(mount.recursiveReadOnly ?? '');
  return {
    source: subPaths.get(index) ?? source.path,
    target: mount.mountPath.startsWith('/') ? mount.mountPath : `/${mount.mountPath}`,
    isReadOnly,
    ...(propagation === undefined ? {} : { propagation }),
    ...(isRecursive ? { isReadOnlyBelow: true } : {}),
  };
}

function toDevice({ name, devicePath }: VolumeDevice, { container, volumeSources }: ContainerSpecContext): Device {
  const source = volumeSources.get(name);
  if (source?.isDevice !== true) throw new ConfigError(`cannot find volume "${name}" to pass into container "${container.name}"`);
  return { source: source.path, target: devicePath, isReadOnly: source.isReadOnly === true };
}

/** The parts of volumes that a container mounts, with their variables filled in; whether they can be had is found out when they are bound. */
export function subPathsOf(context: EnvironmentContext): readonly SubPath[] {
  const { container } = context;
  const mounts = container.volumeMounts ?? [];
  if (mounts.every(({ subPath, subPathExpr }) => !subPath && !subPathExpr)) return [];
  const environment = buildEnvironment(context);
  return mounts.flatMap(({ name, subPath, subPathExpr }, index) => {
    const path = subPathExpr ? expandStrictly(subPathExpr, environment) : (subPath ?? '');
    if (path === '') return [];
    if (path.startsWith('/')) throw new ConfigError(`error SubPath \`${path}\` must not be an absolute path`);
    if (path.split('/').includes('..')) throw new ConfigError(`unable to provision SubPath \`${path}\`: must not contain '..'`);
    return [{ index, volumeName: name, path }];
  });
}

/** A variable that is not there would make another path. */
function expandStrictly(text: string, environment: ReadonlyMap<string, string>): string {
  const missing = [...text.matchAll(/\$(\$|\(([^()]*)\))/g)]
    .map(([, , name]) => name)
    .find((name) => name !== undefined && !environment.has(name));
  if (missing !== undefined) throw new ConfigError(`missing value for "${missing}"`);
  return expandVariables(text, environment);
}

const propagations: Readonly<Record<string, 'rslave' | 'rshared'>> = { HostToContainer: 'rslave', Bidirectional: 'rshared' };
