/**
 * Makes sure that the image of one attempt of a container is on the engine, as its pull policy wants, and says in upstream's words how that
 * went. An image that is there is used at once, wherever it came from; a pull that fails is tried again with back-off.
 * Source: https://kubernetes.io/docs/concepts/containers/images/ and the kubelet's `image_manager.go`.
 */
import type { Container } from '#api/generated/types.ts';
import type { Clock } from '#component/clock.ts';
import { nextBackOff, retryTimeMs } from './back-off.ts';
import type { PodMemory } from './pod-memory.ts';
import type { ContainerRuntime, ImageInfo } from './runtime/container-runtime.ts';

export interface ImageDeps {
  readonly runtime: ContainerRuntime;
  readonly clock: Clock;
  /** An event about the container. */
  readonly report: (type: 'Normal' | 'Warning', reason: string, message: string) => void;
  readonly wake: () => void;
  readonly signal: AbortSignal;
}

/** How long `ErrImagePull` shows before it becomes `ImagePullBackOff`: about as long as upstream's next look at the pod takes. */
const ERROR_SHOWN_MS = 2_000;
const RETRY_AFTER_REFUSAL_MS = 10_000;

/** Puts what it found into the memory, also when it failed; rejects only when the engine is away. */
export async function ensureImage(container: Container, attempt: number, memory: PodMemory, deps: ImageDeps): Promise<void> {
  const { image = '', imagePullPolicy = 'IfNotPresent' } = container;
  const present = await deps.runtime.findImage(image);
  if (present !== undefined && imagePullPolicy !== 'Always') {
    deps.report('Normal', 'Pulled', `Container image "${image}" already present on machine and can be accessed by the pod`);
    return setPresent(container, attempt, present, memory);
  }
  if (imagePullPolicy === 'Never') return refuse(container, attempt, memory, deps);
  await pullImage(container, attempt, memory, deps);
}

function setPresent({ name }: Container, attempt: number, image: ImageInfo, memory: PodMemory): void {
  memory.images.set(name, { phase: 'present', attempt, image });
  memory.imageBackOffs.delete(name);
}

function refuse({ name, image = '' }: Container, attempt: number, memory: PodMemory, { clock, report }: ImageDeps): void {
  const message = `Container image "${image}" is not present with pull policy of Never`;
  report('Warning', 'ErrImageNeverPull', message);
  report('Warning', 'Failed', 'Error: ErrImageNeverPull');
  const failure = { reason: 'ErrImageNeverPull', message, retryAtMs: clock.monotonic() + RETRY_AFTER_REFUSAL_MS };
  memory.images.set(name, { phase: 'failed', attempt, failure });
}

async function pullImage(container: Container, attempt: number, memory: PodMemory, deps: ImageDeps): Promise<void> {
  const { image = '' } = container;
  deps.report('Normal', 'Pulling', `Pulling image "${image}"`);
  const startedMs = deps.clock.monotonic();
  try {
    await deps.runtime.pullImage(image, deps.signal);
    const pulled = await deps.runtime.findImage(image);
    if (pulled === undefined) throw new Error(`the engine pulled ${image} and does not have it`);
    const took = `${((deps.clock.monotonic() - startedMs) / 1000).toFixed(3)}s`;
    deps.report(
      'Normal',
      'Pulled',
      `Successfully pulled image "${image}" in ${took} (${took} including waiting). Image size: ${pulled.sizeBytes} bytes.`,
    );
    setPresent(container, attempt, pulled, memory);
  } catch (error) {
    if (deps.signal.aborted) throw error;
    failPull(container, attempt, error instanceof Error ? error.message : String(error), memory, deps);
  }
}

function failPull(container: Container, attempt: number, message: string, memory: PodMemory, deps: ImageDeps): void {
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
