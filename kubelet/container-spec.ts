/**
 * From a pod and one of its containers to what the runtime is asked to make: command, environment, resources, security, mounts. Pure, so
 * that what a field of the pod turns into can be read, and tested, in one place. Throws `ConfigError` where the pod asks for the impossible.
 */
import type { Container, Pod, VolumeMount } from '#api/generated/types.ts';
import { buildEnvironment, ConfigError, type EnvironmentContext, expandVariables } from './environment.ts';
import type { NodeFacts } from './pod-fields.ts';
import { amountOf } from './resource-amounts.ts';
import { cpuQuotaOf, cpuSharesOf } from './resources/cgroup-limits.ts';
import { oomScoreAdjustmentOf } from './resources/oom-score.ts';
import type { ContainerSpec, ImageInfo, Mount, SandboxSpec } from './runtime/container-runtime.ts';

/** Linux refuses longer host names; upstream cuts them too. */
const HOSTNAME_CHARS_MAX = 63;

export interface ContainerSpecContext extends EnvironmentContext {
  readonly attempt: number;
  readonly sandboxId: string;
  readonly image: ImageInfo;
  /** Where each volume of the pod is on the engine's host. */
  readonly volumeSources: ReadonlyMap<string, VolumeSource>;
  /** `/etc/hosts`, `/etc/resolv.conf`, the termination message. */
  readonly extraMounts: readonly Mount[];
  /** The pod's cgroup; absent where the engine is to choose. */
  readonly cgroupParent: string | undefined;
}

/** A volume on the engine's host: a directory or file, or the name of one of the engine's own volumes. */
export interface VolumeSource {
  readonly path: string;
  readonly mustExist?: boolean;
  /** Gives the checked path below the volume for a `subPath`; throws when there can be none. */
  readonly subPath?: (path: string) => string;
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
    image: container.image ?? '',
    ...(command === undefined || command.length === 0 ? {} : { command }),
    ...(args === undefined || args.length === 0 ? {} : { args }),
    env: [...environment].map(([name, value]) => `${name}=${value}`),
    ...(container.workingDir ? { workingDir: container.workingDir } : {}),
    mounts: [
      ...withoutShadowed(context.extraMounts, container),
      ...(container.volumeMounts ?? []).map((mount) => toMount(mount, context, environment)),
    ],
    ...securityOf(pod, container, context.image),
    ...resourcesOf(pod, container, context.facts),
    ...(context.cgroupParent === undefined ? {} : { cgroupParent: context.cgroupParent }),
    pidMode: pod.spec.hostPID === true ? 'host' : pod.spec.shareProcessNamespace === true ? 'pod' : 'container',
    sharesHostIpc: pod.spec.hostIPC === true,
    hasTerminal: container.tty === true,
    hasStdin: container.stdin === true,
    closesStdinOnce: container.stdinOnce === true,
    ...(container.lifecycle?.stopSignal === undefined ? {} : { stopSignal: container.lifecycle.stopSignal }),
  };
}

export interface SandboxOptions {
  readonly attempt: number;
  readonly image: string;
  /** What a pod of the host network joins. */
  readonly nodeNetworkMode: string;
  readonly mounts: readonly Mount[];
  readonly cgroupParent: string | undefined;
}

export function buildSandboxSpec(pod: Pod, options: SandboxOptions): SandboxSpec {
  return {
    identity: identityOf(pod, options.attempt),
    image: options.image,
    hostname: hostnameOf(pod),
    networkMode: pod.spec.hostNetwork === true ? options.nodeNetworkMode : 'none',
    sharesHostIpc: pod.spec.hostIPC === true,
    sharesHostPid: pod.spec.hostPID === true,
    sysctls: Object.fromEntries((pod.spec.securityContext?.sysctls ?? []).map(({ name, value }) => [name, value])),
    mounts: options.mounts,
    ...(options.cgroupParent === undefined ? {} : { cgroupParent: options.cgroupParent }),
  };
}

export function hostnameOf({ spec, metadata }: Pod): string {
  return (spec.hostnameOverride ?? spec.hostname ?? metadata.name).slice(0, HOSTNAME_CHARS_MAX).replace(/[-.]+$/, '');
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

function toMount(mount: VolumeMount, context: ContainerSpecContext, environment: ReadonlyMap<string, string>): Mount {
  const source = context.volumeSources.get(mount.name);
  if (source === undefined) throw new ConfigError(`volumeMount "${mount.name}": no volume of that name is mounted`);
  const subPath = mount.subPathExpr === undefined ? mount.subPath : expandVariables(mount.subPathExpr, environment);
  const propagation = propagations[mount.mountPropagation ?? 'None'];
  return {
    source: subPath === undefined || subPath === '' ? source.path : pathBelow(source, mount.name, subPath),
    target: mount.mountPath.startsWith('/') ? mount.mountPath : `/${mount.mountPath}`,
    isReadOnly: mount.readOnly === true,
    ...(propagation === undefined ? {} : { propagation }),
    ...(source.mustExist === true ? { mustExist: true } : {}),
  };
}

function pathBelow(source: VolumeSource, volumeName: string, subPath: string): string {
  if (source.subPath === undefined) throw new ConfigError(`volume "${volumeName}" does not support subPath`);
  return source.subPath(subPath);
}

const propagations: Readonly<Record<string, 'rslave' | 'rshared'>> = { HostToContainer: 'rslave', Bidirectional: 'rshared' };

function securityOf(pod: Pod, container: Container, image: ImageInfo) {
  const podContext = pod.spec.securityContext ?? {};
  const own = container.securityContext ?? {};
  const runAsUser = own.runAsUser ?? podContext.runAsUser;
  const runAsGroup = own.runAsGroup ?? podContext.runAsGroup;
  const fsGroup = podContext.fsGroup === undefined ? [] : [podContext.fsGroup];
  if (own.runAsNonRoot ?? podContext.runAsNonRoot) throwIfRoot(runAsUser, image, container);
  const user = runAsUser === undefined ? imageUserWith(image, runAsGroup) : String(runAsUser);
  return {
    ...(user === undefined ? {} : { user: runAsUser !== undefined && runAsGroup !== undefined ? `${user}:${runAsGroup}` : user }),
    supplementalGroups: [...(podContext.supplementalGroups ?? []), ...fsGroup],
    isPrivileged: own.privileged === true,
    hasReadOnlyRoot: own.readOnlyRootFilesystem === true,
    mayGainPrivileges: own.privileged === true || own.allowPrivilegeEscalation !== false,
    capabilitiesAdded: own.capabilities?.add ?? [],
    capabilitiesDropped: own.capabilities?.drop ?? [],
  };
}

/** A group without a user keeps the image's user. */
function imageUserWith(image: ImageInfo, runAsGroup: number | undefined): string | undefined {
  return runAsGroup === undefined ? undefined : `${image.user.split(':')[0] || '0'}:${runAsGroup}`;
}

function throwIfRoot(runAsUser: number | undefined, image: ImageInfo, container: Container): void {
  const imageUser = image.user.split(':')[0] ?? '';
  if (runAsUser === 0) throw new ConfigError("container's runAsUser breaks non-root policy");
  if (runAsUser !== undefined) return;
  if (imageUser === '' || imageUser === '0') throw new ConfigError('container has runAsNonRoot and image will run as root');
  if (!/^\d+$/.test(imageUser)) {
    const message = `container has runAsNonRoot and image has non-numeric user (${imageUser}), cannot verify user is non-root`;
    throw new ConfigError(`${message} (container: ${container.name})`);
  }
}

function resourcesOf(pod: Pod, container: Container, node: NodeFacts) {
  const { limits, requests } = container.resources ?? {};
  const cpuLimit = amountOf(limits, 'cpu');
  const cpuRequest = requests?.cpu === undefined ? cpuLimit : amountOf(requests, 'cpu');
  const memoryLimit = amountOf(limits, 'memory');
  return {
    cpuShares: cpuSharesOf(Math.ceil(cpuRequest * 1000)),
    ...(cpuLimit === 0 ? {} : { cpuQuotaMicros: cpuQuotaOf(Math.ceil(cpuLimit * 1000), node.cpuCount) }),
    ...(memoryLimit === 0 ? {} : { memoryBytesMax: Math.ceil(memoryLimit) }),
    oomScoreAdjustment: oomScoreAdjustmentOf(pod, container, node.memoryBytes),
  };
}
