/**
 * What the kubelet asks of a container engine, in the kubelet's words. One implementation drives Docker (`docker-runtime.ts`), one lives in
 * memory (`fake-runtime.ts`); `container-runtime.contract.ts` is the suite both pass. Every container carries its identity as labels and a
 * name derived from it, so a kubelet that restarts finds what it made, and making the same thing twice is refused by the engine.
 */
import type { Writable } from 'node:stream';
import type { Usage } from '../stats/usage.ts';
import type { LogPiece } from './log-frames.ts';

/** Who a container is. The attempt counts the containers made for one (pod, container) pair, from 0; it is the restart count. */
export interface ContainerIdentity {
  readonly podUid: string;
  readonly podNamespace: string;
  readonly podName: string;
  /** Absent for a sandbox. */
  readonly containerName?: string;
  readonly attempt: number;
}

/** A bind mount; `source` is a path on the engine's host, where something must be. */
export interface Mount {
  readonly source: string;
  readonly target: string;
  readonly isReadOnly: boolean;
  readonly propagation?: 'rprivate' | 'rslave' | 'rshared';
  /** Mounts below it are read-only too. Only if the engine `mountsRecursively`. */
  readonly isReadOnlyBelow?: boolean;
}

/** A device of the engine's host. */
export interface Device {
  readonly source: string;
  readonly target: string;
  readonly isReadOnly: boolean;
}

/** Of seccomp or AppArmor: the engine's own, none, or one of the node's by its name. */
export type SecurityProfile =
  | { readonly type: 'default' }
  | { readonly type: 'unconfined' }
  | { readonly type: 'localhost'; readonly name: string };

export interface SandboxSpec {
  readonly identity: ContainerIdentity;
  readonly image: string;
  readonly hostname: string;
  /** One of the engine's runtimes; absent: its default. */
  readonly runtimeHandler?: string;
  /** `none`: the kubelet wires the network itself. `container:<id>` or `host`: the pod uses the node's. */
  readonly networkMode: string;
  readonly sharesHostIpc: boolean;
  readonly sharesHostPid: boolean;
  readonly sysctls: Readonly<Record<string, string>>;
  /** The pod's cgroup, in the words of the engine's driver. */
  readonly cgroupParent?: string;
}

/** What can be changed while a container runs. */
export interface EngineResources {
  readonly cpuShares: number;
  /** CPU time per 100 ms, in microseconds; absent: unlimited. */
  readonly cpuQuotaMicros?: number;
  readonly memoryBytesMax?: number;
}

export interface ContainerSpec extends EngineResources {
  readonly identity: ContainerIdentity;
  readonly sandboxId: string;
  readonly runtimeHandler?: string;
  readonly image: string;
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  /** `NAME=value` */
  readonly env: readonly string[];
  readonly workingDir?: string;
  readonly mounts: readonly Mount[];
  readonly devices: readonly Device[];
  /** `user`, `user:group` in numbers; absent: the image's. */
  readonly user?: string;
  readonly supplementalGroups: readonly number[];
  readonly isPrivileged: boolean;
  readonly hasReadOnlyRoot: boolean;
  readonly mayGainPrivileges: boolean;
  readonly capabilitiesAdded: readonly string[];
  readonly capabilitiesDropped: readonly string[];
  readonly seccomp: SecurityProfile;
  readonly appArmor: SecurityProfile;
  /** `user`, `role`, `type`, `level` of SELinux; empty: the engine's. */
  readonly seLinux: Readonly<Record<string, string>>;
  /** Nothing of `/proc` is hidden or read-only. */
  readonly seesAllOfProc: boolean;
  /** The pod's cgroup, in the words of the engine's driver. */
  readonly cgroupParent?: string;
  readonly oomScoreAdjustment: number;
  readonly pidMode: 'container' | 'pod' | 'host' | { readonly sharedWithId: string };
  readonly sharesHostIpc: boolean;
  readonly hasTerminal: boolean;
  readonly hasStdin: boolean;
  readonly closesStdinOnce: boolean;
  /** SIGTERM unless the container asks for another one. */
  readonly stopSignal?: string;
}

export type ContainerState =
  | { readonly phase: 'created' }
  | { readonly phase: 'running'; readonly pid: number; readonly startedAtMs: number }
  | {
      readonly phase: 'exited';
      readonly exitCode: number;
      /** `Completed`, `Error`, `OOMKilled`, or `StartError` when the process could not even be started. */
      readonly reason: string;
      readonly message: string;
      /** 0 when it never ran. */
      readonly startedAtMs: number;
      readonly finishedAtMs: number;
    };

export interface RuntimeContainer {
  readonly id: string;
  readonly identity: ContainerIdentity;
  /** As it was asked for. */
  readonly image: string;
  readonly imageId: string;
  readonly createdAtMs: number;
  readonly state: ContainerState;
  /** Whether its output is one raw stream rather than framed standard output and error. */
  readonly hasTerminal: boolean;
  readonly resources: EngineResources;
  /** The sandbox whose namespaces it has joined; undefined for a sandbox. */
  readonly sandboxId: string | undefined;
  /** Whether its input ends when the first client's does; else it waits for the next client. */
  readonly closesStdinOnce: boolean;
}

export interface ImageInfo {
  readonly id: string;
  /** `repository@sha256:…` where a registry knows it, else the id. */
  readonly digest: string;
  readonly sizeBytes: number;
  /** As the image says it: empty (root), `1000`, `node`, `1000:1000`. */
  readonly user: string;
}

export interface RegistryCredential {
  readonly username: string;
  readonly password: string;
  readonly serverAddress: string;
}

export interface RuntimeInfo {
  readonly version: string;
  readonly kernelVersion: string;
  readonly osImage: string;
  readonly cpuCount: number;
  readonly memoryBytes: number;
  readonly machineId: string;
  /** Whether a read-only mount can cover the mounts below it. */
  readonly mountsRecursively: boolean;
  readonly cgroupDriver: 'cgroupfs' | 'systemd';
  readonly cgroupVersion: 1 | 2;
}

/** Something happened to a container; what, is learnt by inspecting it. */
export interface RuntimeEvent {
  readonly containerId: string;
  readonly what: 'created' | 'started' | 'exited' | 'removed';
}

export interface ExecResult {
  readonly exitCode: number;
  /** Standard output and error as they came, bounded. */
  readonly output: string;
}

/** Of a terminal, in characters. */
export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

export interface SessionOptions {
  readonly hasStdin: boolean;
  readonly hasStdout: boolean;
  readonly hasStderr: boolean;
  /** One raw stream of output, and a terminal that has a size. */
  readonly hasTerminal: boolean;
  /** The end of the client's input is not the end of the process's. */
  readonly keepsStdinOpen?: boolean;
}

/** A process whose streams are held: a command that was started, or a container that was attached to. */
export interface ProcessSession {
  /** Ending it is the process's end of input. Absent unless asked for. */
  readonly stdin: Writable | undefined;
  /** Reading slowly slows the process down. Ends when the process has closed its output. */
  readonly output: AsyncIterable<LogPiece>;
  resize(size: TerminalSize): Promise<void>;
  /** Of a command, once its output has ended. Resolves when the process has; of an attached container, 0 at once. */
  exitCode(signal: AbortSignal): Promise<number>;
  /** Lets go of the streams; the process goes on. */
  close(): void;
}

export interface LogOptions {
  readonly isFollowed: boolean;
  readonly hasTimestamps: boolean;
  readonly tailLines?: number;
  readonly sinceMs?: number;
}

/** The engine refused or failed. `reason` is what callers may act on; the message is the engine's own. */
export class RuntimeError extends Error {
  readonly reason: 'NotFound' | 'Conflict' | 'Unavailable' | 'Refused';

  constructor(reason: RuntimeError['reason'], message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'RuntimeError';
    this.reason = reason;
  }
}

export interface ContainerRuntime {
  /** Rejects (`Unavailable`) while the engine is down. */
  getInfo(): Promise<RuntimeInfo>;
  /** Every container of this node, running or not. */
  listContainers(): Promise<readonly RuntimeContainer[]>;
  findContainer(id: string): Promise<RuntimeContainer | undefined>;
  /** Calls `onOpen` once nothing later can be missed; ends by throwing when the stream breaks, normally when aborted. */
  watchEvents(onOpen: () => void, onEvent: (event: RuntimeEvent) => void, signal: AbortSignal): Promise<void>;

  findImage(image: string): Promise<ImageInfo | undefined>;
  /** As nobody without a credential. Rejects with the registry's own words. */
  pullImage(image: string, credential: RegistryCredential | undefined, signal: AbortSignal): Promise<void>;
  /** Takes its name away, and removes it when that was the last one. Removing what is gone is a success. */
  removeImage(image: string): Promise<'removed' | 'in-use'>;

  /** Gives the id; if a container of that identity exists already, its id. */
  createSandbox(spec: SandboxSpec): Promise<string>;
  /** Rejects also when a profile of the node's that the container names is not there. */
  createContainer(spec: ContainerSpec): Promise<string>;
  /** Starting what runs already is a success. */
  startContainer(id: string): Promise<void>;
  /** Changes a running container's limits. What was limited stays limited. */
  updateContainer(id: string, resources: EngineResources): Promise<void>;
  /** Sends the stop signal and, if it still runs after the grace period, SIGKILL; resolves when it has ended or is gone. */
  stopContainer(id: string, gracePeriodSeconds: number): Promise<void>;
  /** Kills it if it runs. Removing what is gone is a success. */
  removeContainer(id: string): Promise<void>;

  /** A volume that belongs to the cluster rather than to a pod, and survives both; its path on the engine's host. Creating it again gives the same. */
  createDataVolume(name: string): Promise<string>;
  /** Its data goes with it. Removing what is gone is a success. */
  removeDataVolume(name: string): Promise<void>;

  /** What a running container has used; undefined for one that does not run. Costs a call; cgroups are read for less. */
  readUsage(id: string): Promise<Usage | undefined>;
  /** Bytes that the containers of this node have written to their layers, by container id. */
  measureLayers(): Promise<ReadonlyMap<string, number>>;

  /** Runs a command to its end. When the signal aborts first, the command is killed and this rejects with the signal's reason. */
  exec(id: string, command: readonly string[], signal: AbortSignal): Promise<ExecResult>;
  /** Starts a command in a running container, for as long as it takes. One that cannot be started says so in its output and exits 126 or 127. */
  startCommand(id: string, command: readonly string[], options: SessionOptions): Promise<ProcessSession>;
  /** Joins the streams of a running container's own process; `hasTerminal` must be the container's. */
  attach(id: string, options: SessionOptions): Promise<ProcessSession>;
  /** The container's output, framed as Docker frames it unless it has a terminal; reading slowly slows the engine down. */
  readLogs(id: string, options: LogOptions, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>>;
}

/** The name an engine gives a container of this identity: the same for the same identity, so a twin is a conflict. */
export function containerNameOf(identity: ContainerIdentity): string {
  // A container's own name is lower case, so it can never be `POD`.
  const role = identity.containerName ?? 'POD';
  return ['keelson', role, identity.podName, identity.podNamespace, identity.podUid, String(identity.attempt)].join('_');
}

export function isSandbox(container: RuntimeContainer): boolean {
  return container.identity.containerName === undefined;
}
