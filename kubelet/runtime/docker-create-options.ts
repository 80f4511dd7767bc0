/**
 * From the kubelet's description of a sandbox or container to the body of Docker's "create a container". Pure; the one place that knows
 * which of Docker's settings stands for which of Kubernetes'. Called by `docker-runtime.ts`.
 */
import { CPU_PERIOD_MICROS } from '../resources/cgroup-limits.ts';
import { labelsOf, type Ownership } from './container-labels.ts';
import type { ContainerSpec, Device, EngineResources, Mount, SandboxSpec } from './container-runtime.ts';

/** Upstream's kubelet keeps five files of 10 MiB per container. */
const logConfig = { Type: 'json-file', Config: { 'max-size': '10m', 'max-file': '5' } };
/** An image's health check would start a process every 30 s that nobody asked for: Kubernetes has probes. */
const noHealthCheck = { Test: ['NONE'] };

export function sandboxCreateOptions(spec: SandboxSpec, owner: Ownership) {
  const joinsNode = spec.networkMode !== 'none';
  return {
    Image: spec.image,
    // A joined namespace brings its own host name; Docker refuses another one.
    ...(joinsNode ? {} : { Hostname: spec.hostname }),
    Entrypoint: ['sleep', 'infinity'],
    Cmd: [],
    Labels: labelsOf(spec.identity, owner),
    Healthcheck: noHealthCheck,
    HostConfig: {
      NetworkMode: spec.networkMode,
      ...runtimeOptions(spec),
      IpcMode: spec.sharesHostIpc ? 'host' : 'shareable',
      ...(spec.sharesHostPid ? { PidMode: 'host' } : {}),
      // Under a shared process namespace its init reaps the pod's orphans.
      Init: true,
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges'],
      LogConfig: { Type: 'none', Config: {} },
      Sysctls: { ...spec.sysctls },
      ...(spec.cgroupParent === undefined ? {} : { CgroupParent: spec.cgroupParent }),
    },
  };
}

/** What the engine's own settings decide: where it keeps what it has, and the text of the seccomp profile when the container names one of the node's. */
export interface EngineFacts {
  readonly engineDirectory: string;
  readonly seccomp: string | undefined;
}

export function containerCreateOptions(spec: ContainerSpec, owner: Ownership, { engineDirectory, seccomp }: EngineFacts) {
  return {
    Image: spec.image,
    ...(spec.command === undefined ? {} : { Entrypoint: [...spec.command] }),
    ...(spec.args === undefined ? {} : { Cmd: [...spec.args] }),
    Env: [...spec.env],
    ...(spec.workingDir === undefined ? {} : { WorkingDir: spec.workingDir }),
    ...(spec.user === undefined ? {} : { User: spec.user }),
    ...(spec.stopSignal === undefined ? {} : { StopSignal: spec.stopSignal }),
    Tty: spec.hasTerminal,
    OpenStdin: spec.hasStdin,
    StdinOnce: spec.closesStdinOnce,
    Labels: labelsOf(spec.identity, owner),
    Healthcheck: noHealthCheck,
    HostConfig: {
      NetworkMode: `container:${spec.sandboxId}`,
      IpcMode: spec.sharesHostIpc ? 'host' : `container:${spec.sandboxId}`,
      ...pidOptions(spec),
      ...runtimeOptions(spec),
      Privileged: spec.isPrivileged,
      ReadonlyRootfs: spec.hasReadOnlyRoot,
      CapAdd: [...spec.capabilitiesAdded],
      CapDrop: [...spec.capabilitiesDropped],
      SecurityOpt: securityOptions(spec, seccomp),
      ...(spec.seesAllOfProc ? { MaskedPaths: [], ReadonlyPaths: [] } : {}),
      GroupAdd: spec.supplementalGroups.map(String),
      ...(spec.cgroupParent === undefined ? {} : { CgroupParent: spec.cgroupParent }),
      ...updateOptions(spec),
      OomScoreAdj: spec.oomScoreAdjustment,
      LogConfig: logConfig,
      ...mountOptions(spec.mounts, spec.devices, engineDirectory),
    },
  };
}

export function updateOptions({ cpuShares, cpuQuotaMicros, memoryBytesMax }: EngineResources) {
  return {
    CpuShares: cpuShares,
    ...(cpuQuotaMicros === undefined ? {} : { CpuPeriod: CPU_PERIOD_MICROS, CpuQuota: cpuQuotaMicros }),
    // Memory and swap together, so the same number means no swap.
    ...(memoryBytesMax === undefined ? {} : { Memory: memoryBytesMax, MemorySwap: memoryBytesMax }),
  };
}

function runtimeOptions({ runtimeHandler }: { readonly runtimeHandler?: string }): { readonly Runtime?: string } {
  return runtimeHandler === undefined ? {} : { Runtime: runtimeHandler };
}

function securityOptions({ mayGainPrivileges, seccomp, appArmor, seLinux }: ContainerSpec, seccompText: string | undefined): string[] {
  return [
    ...(mayGainPrivileges ? [] : ['no-new-privileges']),
    ...(seccomp.type === 'unconfined' ? ['seccomp=unconfined'] : seccompText === undefined ? [] : [`seccomp=${seccompText}`]),
    ...(appArmor.type === 'default' ? [] : [`apparmor=${appArmor.type === 'localhost' ? appArmor.name : 'unconfined'}`]),
    ...Object.entries(seLinux).map(([name, value]) => `label=${name}:${value}`),
  ];
}

function pidOptions(spec: ContainerSpec): { readonly PidMode?: string } {
  if (spec.pidMode === 'host') return { PidMode: 'host' };
  if (spec.pidMode === 'pod') return { PidMode: `container:${spec.sandboxId}` };
  return spec.pidMode === 'container' ? {} : { PidMode: `container:${spec.pidMode.sharedWithId}` };
}

/** As `Mounts`, which refuse a source that is not there; `Binds` would make a directory of root's. */
function mountOptions(mounts: readonly Mount[], devices: readonly Device[], engineDirectory: string) {
  return {
    Mounts: mounts.map((mount) => ({
      Type: 'bind' as const,
      Source: mount.source,
      Target: mount.target,
      ReadOnly: mount.isReadOnly,
      BindOptions: { Propagation: mount.propagation ?? privateTo(mount.source, engineDirectory), ...readOnlyOptions(mount) },
    })),
    Devices: devices.map(({ source, target, isReadOnly }) => ({
      PathOnHost: source,
      PathInContainer: target,
      CgroupPermissions: isReadOnly ? 'r' : 'rwm',
    })),
  };
}

/** In its own directory the engine insists on `rslave`, lest a container keep alive what it unmounts there. */
function privateTo(source: string, engineDirectory: string) {
  return source.startsWith(`${engineDirectory}/`) ? ('rslave' as const) : ('rprivate' as const);
}

/** Engines of version 25 and newer make mounts below read-only as well, unless told not to; older ones know neither option. */
function readOnlyOptions({ isReadOnly, isReadOnlyBelow = false }: Mount) {
  return isReadOnly ? { ReadOnlyNonRecursive: !isReadOnlyBelow, ReadOnlyForceRecursive: isReadOnlyBelow } : {};
}
