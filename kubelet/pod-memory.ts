/**
 * What the kubelet remembers about one pod between two looks at it: what was tried, what came of it, what is under way. Only the pod's worker
 * and its actions write here. Everything in it can be learnt again, so nothing is lost with a kubelet that dies.
 */
import type { Eviction } from './eviction/eviction-manager.ts';
import type { BackOff, Failure, ImageState, StopView, VolumesState } from './pod-snapshot.ts';
import type { VolumeSource } from './volumes/volume-kind.ts';

/** A container that is being stopped. */
export interface StopProgress extends StopView {
  deadlineMs: number;
  isPreStopDone: boolean;
  isSignalled: boolean;
  /** Ends the hook. */
  cutPreStop(): void;
}

export interface PostStart {
  phase: 'running' | 'failed';
  readonly abort: AbortController;
}

export interface PodMemory {
  volumes: VolumesState;
  volumeSources: ReadonlyMap<string, VolumeSource>;
  /** How long the next failure to mount is waited for. */
  volumeRetryMs: number;
  readonly images: Map<string, ImageState>;
  readonly imageBackOffs: Map<string, BackOff>;
  readonly failures: Map<string, Failure>;
  readonly backOffs: Map<string, BackOff>;
  /** By container id. */
  readonly stops: Map<string, StopProgress>;
  /** `postStart` hooks by container id: under way, or failed; one that succeeded is forgotten. */
  readonly postStarts: Map<string, PostStart>;
  eviction: Eviction | undefined;
  /** When containers ended, by their id, on the clock that never jumps. */
  readonly endedMs: Map<string, number>;
  /** When the kubelet began to end the pod, on the clock that never jumps. */
  endingSinceMs: number | undefined;
  readonly busy: Set<string>;
  /** Ends the wait for the moment when a token should be replaced. */
  cancelTokenRefresh(): void;
}

const VOLUME_RETRY_MS_FIRST = 500;
const VOLUME_RETRY_MS_MAX = 122_000;

export function createPodMemory(): PodMemory {
  return {
    volumes: { phase: 'unprepared' },
    volumeSources: new Map(),
    volumeRetryMs: VOLUME_RETRY_MS_FIRST,
    images: new Map(),
    imageBackOffs: new Map(),
    failures: new Map(),
    backOffs: new Map(),
    stops: new Map(),
    postStarts: new Map(),
    eviction: undefined,
    endedMs: new Map(),
    endingSinceMs: undefined,
    busy: new Set(),
    cancelTokenRefresh: () => {},
  };
}

/** Doubles the wait, up to two minutes, as upstream's volume manager does. */
export function failVolumes(memory: PodMemory, message: string, nowMs: number): void {
  memory.volumes = { phase: 'failed', failure: { reason: 'FailedMount', message, retryAtMs: nowMs + memory.volumeRetryMs } };
  memory.volumeRetryMs = Math.min(memory.volumeRetryMs * 2, VOLUME_RETRY_MS_MAX);
}

export function readyVolumes(memory: PodMemory, sources: ReadonlyMap<string, VolumeSource>): void {
  memory.volumes = { phase: 'ready' };
  memory.volumeSources = sources;
  memory.volumeRetryMs = VOLUME_RETRY_MS_FIRST;
}
