/**
 * Does what the planner decided: one action, its effects, its events. What went wrong is put into the pod's memory with upstream's reason
 * and a time to try again; only an engine that is away makes an action reject. Every action may be done twice.
 */
import { pods, runtimeclasses } from '#api/generated/resources.ts';
import type { Container, Pod } from '#api/generated/types.ts';
import { keyOf } from '#api/meta/object-key.ts';
import { isReason } from '#api/meta/status.ts';
import type { Client } from '#client/client.ts';
import type { EventRecorder } from '#client/event-recorder.ts';
import type { Clock } from '#component/clock.ts';
import type { Logger } from '#component/logger.ts';
import { nextBackOff } from './back-off.ts';
import { beginStop, expectPostStart, hastenStop, runPostStart, stopContainer } from './container-ends.ts';
import { buildContainerSpec, buildSandboxSpec, subPathsOf } from './container-spec.ts';
import { ConfigError } from './environment.ts';
import { ensureImage } from './images/ensure-image.ts';
import type { ImagePuller } from './images/image-puller.ts';
import { type DnsSettings, renderHosts, renderResolvConf } from './network/pod-files.ts';
import type { PodNetwork } from './network/pod-network.ts';
import type { PodAction } from './plan-pod-actions.ts';
import type { NodeFacts, PodFacts } from './pod-fields.ts';
import { failVolumes, type PodMemory, readyVolumes } from './pod-memory.ts';
import { ephemeralContainersOf, initContainersOf, isEphemeral, sandboxFailure } from './pod-snapshot.ts';
import type { PodStates } from './pod-states.ts';
import type { References } from './references.ts';
import { resizeContainers } from './resize/resize-containers.ts';
import type { NodeCgroups } from './resources/node-cgroups.ts';
import { type ContainerRuntime, RuntimeError } from './runtime/container-runtime.ts';
import type { ServiceAccountTokens } from './service-account-tokens.ts';
import { isStaticPod } from './static-pods/manifest.ts';
import { type PodVolumes, VolumeErrors } from './volumes/pod-volumes.ts';

export interface PodActionDeps {
  readonly client: Client;
  readonly runtime: ContainerRuntime;
  readonly states: PodStates;
  readonly network: PodNetwork;
  readonly volumes: PodVolumes;
  readonly references: References;
  readonly tokens: ServiceAccountTokens;
  readonly events: EventRecorder;
  readonly clock: Clock;
  readonly log: Logger;
  readonly node: NodeFacts;
  readonly pauseImage: string;
  /** What a pod of the host network joins: `container:<id>` or `host`. */
  readonly nodeNetworkMode: string;
  readonly cgroups: NodeCgroups;
  readonly puller: ImagePuller;
  /** Every pod of the node that is not over. */
  activePods(): readonly Pod[];
  readonly dns: DnsSettings;
  /** Whether the engine can make mounts below a read-only mount read-only too. */
  readonly mountsRecursively: boolean;
  /** Environment variables about Services, once these are known. */
  serviceVariables(pod: Pod): ReadonlyMap<string, string>;
  whenServicesKnown(signal: AbortSignal): Promise<void>;
}

/** One pod as its actions see it. */
export interface PodContext {
  readonly pod: Pod;
  readonly memory: PodMemory;
  readonly signal: AbortSignal;
  wake(): void;
}

/** What failed for the container itself is tried again after this long; upstream's look at a pod comes about as often. */
const RETRY_MS = 10_000;

export async function applyPodAction(action: PodAction, context: PodContext, deps: PodActionDeps): Promise<void> {
  switch (action.verb) {
    case 'prepare-volumes':
      return prepareVolumes(context, deps);
    case 'create-sandbox':
    case 'start-sandbox':
    case 'set-up-network':
      return applySandboxAction(action, context, deps);
    case 'remove-sandbox':
      return removeSandbox(action, context, deps);
    case 'ensure-image':
      return ensureImageOf(action.container, action.attempt, context, deps);
    case 'create-container':
      return createContainer(action, context, deps);
    case 'start-container':
      return startContainer(action, context, deps);
    case 'begin-stop':
      return beginStop(action, context, deps);
    case 'hasten-stop':
      return hastenStop(action, context, deps);
    case 'stop-container':
      return stopContainer(action, context, deps);
    case 'resize-containers':
      return resizeContainers(action.resizes, context, deps);
    case 'remove-container':
      await deps.runtime.removeContainer(action.id);
      return deps.states.refresh(action.id);
    case 'remove-volumes':
      return removeVolumes(context, deps);
    case 'delete-pod':
      return deletePod(context.pod, deps);
    case 'wake':
      return;
  }
}

/** Everything that containers are made of besides their images: files, and the objects that their environment is taken from. */
async function prepareVolumes({ pod, memory, signal, wake }: PodContext, deps: PodActionDeps): Promise<void> {
  const { uid, namespace = '' } = pod.metadata;
  try {
    await deps.references.follow(pod, () => {
      if (memory.volumes.phase === 'removed') return;
      memory.volumes = { phase: 'unprepared' };
      for (const [name, { reason }] of memory.failures) if (reason === 'CreateContainerConfigError') memory.failures.delete(name);
      wake();
    });
    // A static pod may be what the API server itself waits for.
    if (!isStaticPod(pod)) await deps.whenServicesKnown(signal);
    const { byKey, refreshAtMs } = await deps.tokens.get(pod);
    const facts = factsOf(pod, deps);
    const context = { pod, facts, lookup: deps.references.lookupFor(namespace), tokens: byKey };
    const [sources] = await Promise.all([
      deps.volumes.prepare(context),
      writeResolvConf(pod, deps),
      deps.volumes.writeEtcFile(uid, 'hosts', renderHosts(pod, facts.podIp, deps.dns)),
    ]);
    readyVolumes(memory, sources);
    refreshTokensAt(refreshAtMs, memory, wake, deps.clock);
  } catch (error) {
    throwIfEngineIsAway(error);
    failVolumes(memory, messageOf(error), deps.clock.monotonic());
    for (const problem of error instanceof VolumeErrors ? error.errors : [error]) {
      deps.events.record(pod, 'Warning', 'FailedMount', messageOf(problem));
    }
  }
}

async function writeResolvConf(pod: Pod, { volumes, events, dns }: PodActionDeps): Promise<void> {
  const { text, omissions } = renderResolvConf(pod, dns);
  for (const omission of omissions) events.record(pod, 'Warning', 'DNSConfigForming', omission);
  await volumes.writeEtcFile(pod.metadata.uid, 'resolv.conf', text);
}

/** Preparing again asks for the tokens that are old. */
function refreshTokensAt(atMs: number | undefined, memory: PodMemory, wake: () => void, clock: Clock): void {
  memory.cancelTokenRefresh();
  if (atMs === undefined) return;
  memory.cancelTokenRefresh = clock.after(Math.max(0, atMs - clock.now()), () => {
    if (memory.volumes.phase !== 'ready') return;
    memory.volumes = { phase: 'unprepared' };
    wake();
  });
}

type SandboxAction = Extract<PodAction, { verb: 'create-sandbox' | 'start-sandbox' | 'set-up-network' }>;

async function applySandboxAction(action: SandboxAction, { pod, memory }: PodContext, deps: PodActionDeps): Promise<void> {
  try {
    if (action.verb === 'create-sandbox') await createSandbox(pod, action.attempt, deps);
    else if (action.verb === 'start-sandbox') await startSandbox(pod, action.id, deps);
    else await setUpNetwork(pod, action.id, deps);
    memory.failures.delete(sandboxFailure);
  } catch (error) {
    throwIfEngineIsAway(error);
    const message = `Failed to create pod sandbox: ${messageOf(error)}`;
    memory.failures.set(sandboxFailure, { reason: 'FailedCreatePodSandBox', message, retryAtMs: deps.clock.monotonic() + RETRY_MS });
    deps.events.record(pod, 'Warning', 'FailedCreatePodSandBox', message);
  }
}

async function createSandbox(pod: Pod, attempt: number, deps: PodActionDeps): Promise<void> {
  const runtimeHandler = await findRuntimeHandler(pod, deps.client);
  const { pauseImage: image, nodeNetworkMode, dns } = deps;
  const cgroupParent = deps.cgroups.parentOf(pod);
  const options = { attempt, image, nodeNetworkMode, clusterDomain: dns.clusterDomain, runtimeHandler, cgroupParent };
  const spec = buildSandboxSpec(pod, options);
  await deps.states.refresh(await deps.runtime.createSandbox(spec));
}

/** Which of the engine's runtimes the pod's class stands for; empty for the default. Throws when the class is gone. */
async function findRuntimeHandler({ spec }: Pod, client: Client): Promise<string> {
  const name = spec.runtimeClassName;
  if (name === undefined || name === '') return '';
  try {
    return (await client.resource(runtimeclasses).get({ namespace: '', name })).handler;
  } catch (error) {
    if (isReason(error, 'NotFound'))
      throw new Error(`failed to get sandbox runtime: runtimeclass.node.k8s.io "${name}" not found`, { cause: error });
    throw error;
  }
}

/** No container of the pod starts before its sandbox shows, so none runs without the pod's limits. */
async function startSandbox(pod: Pod, id: string, deps: PodActionDeps): Promise<void> {
  await deps.runtime.startContainer(id);
  await deps.cgroups.apply(pod, deps.activePods());
  await deps.states.refresh(id);
}

async function setUpNetwork(pod: Pod, id: string, deps: PodActionDeps): Promise<void> {
  const sandbox = deps.states.sandboxesOf(pod.metadata.uid).find((candidate) => candidate.id === id);
  if (sandbox === undefined) return;
  await deps.network.setUp(pod, sandbox);
  const { podIp } = factsOf(pod, deps);
  await deps.volumes.writeEtcFile(pod.metadata.uid, 'hosts', renderHosts(pod, podIp, deps.dns));
}

async function removeSandbox(
  action: Extract<PodAction, { verb: 'remove-sandbox' }>,
  { pod }: PodContext,
  deps: PodActionDeps,
): Promise<void> {
  if (action.isReplaced) {
    deps.events.record(pod, 'Normal', 'SandboxChanged', 'Pod sandbox changed, it will be killed and re-created.');
  }
  const sandbox = deps.states.all().find(({ id }) => id === action.id);
  await deps.network.tearDown(action.id, sandbox?.state.phase === 'running' ? sandbox.state.pid : undefined);
  await deps.runtime.removeContainer(action.id);
  await deps.cgroups.remove(pod.metadata.uid, deps.activePods());
  await deps.states.refresh(action.id);
}

function ensureImageOf(
  container: Container,
  attempt: number,
  { pod, memory, signal, wake }: PodContext,
  deps: PodActionDeps,
): Promise<void> {
  const { runtime, puller, clock, events } = deps;
  const report = reporterFor(pod, container, events);
  const reportPod = (type: 'Warning', reason: string, message: string) => events.record(pod, type, reason, message);
  return ensureImage({ pod, container, attempt, memory }, { runtime, puller, clock, report, reportPod, wake, signal });
}

async function createContainer(
  action: Extract<PodAction, { verb: 'create-container' }>,
  { pod, memory }: PodContext,
  deps: PodActionDeps,
): Promise<void> {
  const { container, attempt, sandboxId } = action;
  const report = reporterFor(pod, container, deps.events);
  const image = memory.images.get(container.name);
  if (image?.phase !== 'present') return;
  try {
    const environment = {
      pod,
      container,
      facts: factsOf(pod, deps),
      lookup: deps.references.lookupFor(pod.metadata.namespace ?? ''),
      serviceVariables: deps.serviceVariables(pod),
    };
    const { volumeSources } = memory;
    const spec = buildContainerSpec({
      ...environment,
      attempt,
      sandboxId,
      image: image.image,
      volumeSources,
      subPaths: await deps.volumes.mountSubPaths(pod, container, subPathsOf(environment), volumeSources),
      mountsRecursively: deps.mountsRecursively,
      runtimeHandler: await findRuntimeHandler(pod, deps.client),
      targetId: findTargetId(pod, container, deps.states),
      extraMounts: await extraMounts(pod, container, attempt, deps),
      cgroupParent: deps.cgroups.parentOf(pod),
    });
    const id = await deps.runtime.createContainer(spec);
    memory.failures.delete(container.name);
    report('Normal', 'Created', 'Container created');
    await deps.states.refresh(id);
  } catch (error) {
    throwIfEngineIsAway(error);
    const reason = error instanceof ConfigError ? 'CreateContainerConfigError' : 'CreateContainerError';
    memory.failures.set(container.name, { reason, message: messageOf(error), retryAtMs: deps.clock.monotonic() + RETRY_MS });
    // A failure to make the container asks for the image again, as upstream does.
    memory.images.delete(container.name);
    report('Warning', 'Failed', `Error: ${messageOf(error)}`);
  }
}

/** An ephemeral container may ask to see the processes of another one. */
function findTargetId(pod: Pod, { name }: Container, states: PodStates): string | undefined {
  const targetName = ephemeralContainersOf(pod).find((container) => container.name === name)?.targetContainerName;
  if (!targetName) return undefined;
  const target = states.containersOf(pod.metadata.uid).findLast(({ identity }) => identity.containerName === targetName);
  if (target === undefined) throw new ConfigError(`unable to find target container ${targetName}`);
  return target.id;
}

async function extraMounts(pod: Pod, container: Container, attempt: number, deps: PodActionDeps) {
  const { uid } = pod.metadata;
  const message = await deps.volumes.createMessageFile(uid, container.name, attempt);
  const target = container.terminationMessagePath ?? '/dev/termination-log';
  return [...deps.volumes.etcMounts(uid), { source: message, target, isReadOnly: false }];
}

async function startContainer(
  action: Extract<PodAction, { verb: 'start-container' }>,
  { pod, memory }: PodContext,
  deps: PodActionDeps,
): Promise<void> {
  const { container, id } = action;
  const report = reporterFor(pod, container, deps.events);
  rememberBackOff(pod, container, memory, deps);
  try {
    if (container.lifecycle?.postStart !== undefined) expectPostStart(id, memory);
    await deps.runtime.startContainer(id);
  } catch (error) {
    memory.postStarts.delete(id);
    throwIfEngineIsAway(error);
    // The engine keeps it as a container that ended with `StartError`: the crash loop's back-off applies.
    report('Warning', 'Failed', `Error: ${messageOf(error)}`);
    return deps.states.refresh(id);
  }
  report('Normal', 'Started', 'Container started');
  const refreshed = deps.states.refresh(id);
  if (container.lifecycle?.postStart !== undefined) await runPostStart(container.lifecycle.postStart, action, { pod, memory }, deps);
  await refreshed;
}

/** The wait that an early end of this attempt will cause: twice that of the attempt before. */
function rememberBackOff(pod: Pod, { name }: Container, memory: PodMemory, deps: PodActionDeps): void {
  const before = deps.states
    .containersOf(pod.metadata.uid)
    .filter(({ identity }) => identity.containerName === name)
    .at(-2);
  if (before?.state.phase !== 'exited') return;
  const nowMs = deps.clock.monotonic();
  memory.backOffs.set(name, nextBackOff(memory.backOffs.get(name), memory.endedMs.get(before.id) ?? nowMs, nowMs));
}

async function removeVolumes({ pod, memory }: PodContext, deps: PodActionDeps): Promise<void> {
  const { uid } = pod.metadata;
  deps.references.release(uid);
  deps.tokens.release(uid);
  memory.cancelTokenRefresh();
  await deps.volumes.remove(uid);
  memory.volumes = { phase: 'removed' };
}

/** With the uid, so that a new pod of the same name is safe. */
async function deletePod(pod: Pod, { client }: PodActionDeps): Promise<void> {
  try {
    await client.resource(pods).delete(keyOf(pod), { gracePeriodSeconds: 0, preconditions: { uid: pod.metadata.uid } });
  } catch (error) {
    if (!isReason(error, 'NotFound', 'Conflict')) throw error;
  }
}

export function factsOf(pod: Pod, { network, states, node }: PodActionDeps): PodFacts {
  const state = network.stateOf(states.sandboxesOf(pod.metadata.uid).at(-1));
  const podIp = state.phase === 'up' ? state.podIp : pod.spec.hostNetwork === true ? node.nodeIp : '';
  return { ...node, podIp };
}

export function reporterFor(pod: Pod, container: Container, events: EventRecorder) {
  const list = initContainersOf(pod).includes(container)
    ? 'initContainers'
    : isEphemeral(pod, container)
      ? 'ephemeralContainers'
      : 'containers';
  return (type: 'Normal' | 'Warning', reason: string, message: string): void =>
    events.record(pod, type, reason, message, `spec.${list}{${container.name}}`);
}

/** The worker tries again when the engine is back; it is nobody's fault in the pod. */
function throwIfEngineIsAway(error: unknown): void {
  if (error instanceof RuntimeError && error.reason === 'Unavailable') throw error;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
