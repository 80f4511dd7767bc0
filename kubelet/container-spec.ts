/**
 * From a pod and one of its containers to what the runtime is asked to make: command, environment, resources, security, mounts. Pure, so
 * that what a field of the pod turns into can be read, and tested, in one place. Throws `ConfigError` where the pod asks for the impossible.
 */
import type { Container, Pod, VolumeMount } from '#api/generated/types.ts';
import { containerSecurity } from './container-security.ts';
import { buildEnvironment, ConfigError, type EnvironmentContext, expandVariables } from './environment.ts';
import type { NodeFacts } from './pod-fields.ts';
import { amountOf } from './resource-amounts.ts';
import { cpuQuotaOf, cpuSharesOf } from './resources/cgroup-limits.ts';
import { oomScoreAdjustmentOf } from './resources/oom-score.ts';
import type { ContainerSpec, ImageInfo, Mount, SandboxSpec } from './runtime/container-runtime.ts';

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
  /** As the sandbox's. */
  readonly runtimeHandler?: string;
  /** The container whose processes an ephemeral one is to see. */
  readonly targetId?: string | undefined;
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
    ...(context.runtimeHandler ? { runtimeHandler: context.runtimeHandler } : {}),
    image: container.image ?? '',
    ...(command === undefined || command.length === 0 ? {} : { command }),
    ...(args === undefined || args.length === 0 ? {} : { args }),
    env: [...environment].map(([name, value]) => `${name}=${value}`),
    ...(container.workingDir ? { workingDir: container.workingDir } : {}),
    mounts: [
      ...withoutShadowed(context.extraMounts, container),
      ...(container.volumeMounts ?? []).map((mount) => toMount(mount, context, environment)),
    ],
    ...containerSecurity(pod, container, context.image),
    ...resourcesOf(pod, container, context.facts),
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
  readonly mounts: readonly Mount[];
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
    mounts: options.mounts,
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
