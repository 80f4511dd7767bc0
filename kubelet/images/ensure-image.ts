/**
 * Makes sure that the image of one attempt of a container is on the engine, as its pull policy wants, and says in upstream's words how that
 * went. An image that is there is used at once, wherever it came from; a pull that fails is tried again with back-off.
 * Source: https://kubernetes.io/docs/concepts/containers/images/ and the kubelet's `image_manager.go`.
 */
import type { Container, Pod } from '#api/generated/types.ts';
import type { Clock } from '#component/clock.ts';
import { nextBackOff, retryTimeMs } from '../back-off.ts';
import type { PodMemory } from '../pod-memory.ts';
import { type ContainerRuntime, type ImageInfo, RuntimeError } from '../runtime/container-runtime.ts';
import type { ImagePuller, PodKeyring } from './image-puller.ts';
import { ImageReferenceError, withDefaultTag } from './image-reference.ts';

export interface ImageDeps {
  readonly runtime: ContainerRuntime;
  readonly puller: ImagePuller;
  readonly clock: Clock;
  /** An event about the container. */
  readonly report: (type: 'Normal' | 'Warning', reason: string, message: string) => void;
  /** An event about the pod. */
  readonly reportPod: (type: 'Warning', reason: string, message: string) => void;
  readonly wake: () => void;
  readonly signal: AbortSignal;
}

/** How long `ErrImagePull` shows before it becomes `ImagePullBackOff`: about as long as upstream's next look at the pod takes. */
const ERROR_SHOWN_MS = 2_000;
const RETRY_AFTER_REFUSAL_MS = 10_000;

interface Attempt {
  readonly pod: Pod;
  readonly container: Container;
  readonly attempt: number;
  readonly memory: PodMemory;
}

/** Puts what it found into the memory, also when it failed; rejects only when the engine, or the API server, is away. */
export async function ensureImage(wanted: Attempt, deps: ImageDeps): Promise<void> {
  const { image = '', imagePullPolicy = 'IfNotPresent' } = wanted.container;
  const name = readName(image);
  if ('problem' in name) return refuse(wanted, deps, { ...name.problem, event: 'InspectFailed' });
  const present = await inspect(name.text, deps);
  if ('problem' in present) {
    const message = `Failed to inspect image "${image}": ${present.problem}`;
    return refuse(wanted, deps, { reason: 'ImageInspectError', message, event: 'InspectFailed' });
  }
  const usable = imagePullPolicy === 'Always' ? undefined : present.image;
  // The usual case: it is there, for everybody.
  if (usable !== undefined && deps.puller.isForAll(usable, name.text)) return usePresent(wanted, usable, deps);
  const keyring = await deps.puller.keyringFor(wanted.pod);
  reportMissing(keyring, deps);
  if (usable !== undefined && deps.puller.isFor(usable, name.text, keyring.keyring)) return usePresent(wanted, usable, deps);
  if (imagePullPolicy === 'Never') {
    const message = `Container image "${image}" is not present with pull policy of Never`;
    return refuse(wanted, deps, { reason: 'ErrImageNeverPull', message, event: 'ErrImageNeverPull' });
  }
  await pullImage(wanted, name.text, keyring, deps);
}

function readName(image: string) {
  try {
    return { text: withDefaultTag(image) };
  } catch (error) {
    if (!(error instanceof ImageReferenceError)) throw error;
    const message = `Failed to apply default image tag "${image}": couldn't parse image name "${image}": ${error.message}`;
    return { problem: { reason: 'InvalidImageName', message } };
  }
}

async function inspect(name: string, { runtime }: ImageDeps) {
  try {
    return { image: await runtime.findImage(name) };
  } catch (error) {
    if (!(error instanceof RuntimeError) || error.reason === 'Unavailable') throw error;
    return { problem: error.message };
  }
}

function reportMissing({ missing }: PodKeyring, { reportPod }: ImageDeps): void {
  if (missing.length === 0) return;
  const names = missing.join(', ');
  const message = `Unable to retrieve some image pull secrets (${names}); attempting to pull the image may not succeed.`;
  reportPod('Warning', 'FailedToRetrieveImagePullSecret', message);
}

function usePresent(wanted: Attempt, present: ImageInfo, { report }: ImageDeps): void {
  const { image = '' } = wanted.container;
  report('Normal', 'Pulled', `Container image "${image}" already present on machine and can be accessed by the pod`);
  setPresent(wanted, present);
}

function setPresent({ container: { name }, attempt, memory }: Attempt, image: ImageInfo): void {
  memory.images.set(name, { phase: 'present', attempt, image });
  memory.imageBackOffs.delete(name);
}

interface Refusal {
  readonly reason: string;
  readonly message: string;
  readonly event: string;
}

/** Nothing to pull, so no back-off: looked at again when upstream would look at the pod again. */
function refuse({ container, attempt, memory }: Attempt, { clock, report }: ImageDeps, { reason, message, event }: Refusal): void {
  report('Warning', event, message);
  report('Warning', 'Failed', `Error: ${reason}`);
  const failure = { reason, message, retryAtMs: clock.monotonic() + RETRY_AFTER_REFUSAL_MS };
  memory.images.set(container.name, { phase: 'failed', attempt, failure });
}

async function pullImage(wanted: Attempt, name: string, { keyring }: PodKeyring, deps: ImageDeps): Promise<void> {
  const { image = '' } = wanted.container;
  deps.report('Normal', 'Pulling', `Pulling image "${image}"`);
  try {
    const { image: pulled, tookMs, wholeMs } = await deps.puller.pull(name, keyring, deps.signal);
    const times = `in ${formatDuration(tookMs)} (${formatDuration(wholeMs)} including waiting)`;
    deps.report('Normal', 'Pulled', `Successfully pulled image "${image}" ${times}. Image size: ${pulled.sizeBytes} bytes.`);
    setPresent(wanted, pulled);
  } catch (error) {
    if (deps.signal.aborted) throw error;
    failPull(wanted, error instanceof Error ? error.message : String(error), deps);
  }
}

function failPull({ container, attempt, memory }: Attempt, message: string, deps: ImageDeps): void {
  const { name, image = '' } = container;
  const nowMs = deps.clock.monotonic();
  const backOff = nextBackOff(memory.imageBackOffs.get(name), nowMs, nowMs);
  memory.imageBackOffs.set(name, backOff);
  deps.report('Warning', 'Failed', `Failed to pull image "${image}": ${message}`);
  deps.report('Warning', 'Failed', 'Error: ErrImagePull');
  const failure = { reason: 'ErrImagePull', message, retryAtMs: retryTimeMs(backOff, nowMs) };
  const failed = { phase: 'failed' as const, attempt, failure };
  memory.images.set(name, failed);
  deps.clock.after(ERROR_SHOWN_MS, () => {
    // Only if nothing has happened since.
    if (memory.images.get(name) !== failed) return;
    deps.report('Normal', 'BackOff', `Back-off pulling image "${image}"`);
    deps.report('Warning', 'Failed', 'Error: ImagePullBackOff');
    const waiting = { ...failure, reason: 'ImagePullBackOff', message: `Back-off pulling image "${image}": ErrImagePull: ${message}` };
    memory.images.set(name, { ...failed, failure: waiting });
    deps.wake();
  });
}

/** As Go prints a duration that was cut to milliseconds: `340ms`, `1.5s`, `1m2.5s`. */
export function formatDuration(durationMs: number): string {
  const ms = Math.floor(durationMs);
  if (ms === 0) return '0s';
  if (ms < 1000) return `${ms}ms`;
  const seconds = (ms % 60_000) / 1000;
  const minutes = Math.floor(ms / 60_000) % 60;
  const hours = Math.floor(ms / 3_600_000);
  return `${hours > 0 ? `${hours}h` : ''}${hours > 0 || minutes > 0 ? `${minutes}m` : ''}${seconds}s`;
}
