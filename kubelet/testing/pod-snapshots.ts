/** Builders for tests of what is decided from a pod's snapshot: they name what matters, the rest is a pod that has just come. */
import type { PodSpec, PodStatus } from '#api/generated/types.ts';
import type { PodSnapshot } from '../pod-snapshot.ts';
import type { ContainerState, RuntimeContainer } from '../runtime/container-runtime.ts';

export const NOW_MS = Date.parse('2026-01-01T00:10:00Z');

export interface SnapshotShape extends Partial<Omit<PodSnapshot, 'pod'>> {
  readonly spec?: Partial<PodSpec>;
  readonly status?: PodStatus;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly deletionTimestamp?: string;
  readonly deletionGracePeriodSeconds?: number;
}

export function aSnapshot(shape: SnapshotShape = {}): PodSnapshot {
  const { spec, status, annotations, deletionTimestamp, deletionGracePeriodSeconds, ...more } = shape;
  return {
    pod: {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name: 'web',
        namespace: 'default',
        uid: 'u1',
        resourceVersion: '1',
        creationTimestamp: '2026-01-01T00:00:00Z',
        generation: 1,
        ...(annotations === undefined ? {} : { annotations }),
        ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
        ...(deletionGracePeriodSeconds === undefined ? {} : { deletionGracePeriodSeconds }),
      },
      spec: { restartPolicy: 'Always', containers: [{ name: 'web', image: 'web:v1' }], ...spec },
      ...(status === undefined ? {} : { status }),
    },
    resize: { pending: undefined, error: undefined },
    neighbours: [],
    isGone: false,
    sandboxes: [],
    containers: [],
    network: { phase: 'down' },
    isNetworkReady: true,
    volumes: { phase: 'ready' },
    images: new Map(),
    failures: new Map(),
    backOffs: new Map(),
    probes: new Map(),
    terminationMessages: new Map(),
    stops: new Map(),
    postStarts: new Map(),
    endingSinceMs: undefined,
    eviction: undefined,
    nodePressures: new Set(),
    busy: new Set(),
    isStatusWritten: true,
    nodeIp: '172.18.0.3',
    cpuCount: 2,
    nowMs: NOW_MS,
    monotonicMs: 600_000,
    endedMs: new Map(),
    ...more,
  };
}

/** A pod whose sandbox runs and has an address; its containers are the test's. */
export function aWiredSnapshot(shape: SnapshotShape = {}): PodSnapshot {
  return aSnapshot({ sandboxes: [aSandbox()], network: { phase: 'up', podIp: '10.244.1.2' }, ...shape });
}

export function aSandbox(): RuntimeContainer {
  return { ...aRuntimeContainer('POD'), id: 'sandbox', identity: { podUid: 'u1', podNamespace: 'default', podName: 'web', attempt: 0 } };
}

/** It runs, unless told otherwise; `c/web/0` is its id. */
export function aRuntimeContainer(name: string, state: ContainerState = running(), attempt = 0): RuntimeContainer {
  return {
    id: `c/${name}/${attempt}`,
    identity: { podUid: 'u1', podNamespace: 'default', podName: 'web', containerName: name, attempt },
    image: 'web:v1',
    imageId: 'sha256:web:v1',
    createdAtMs: NOW_MS - 60_000 + attempt,
    state,
    hasTerminal: false,
    closesStdinOnce: false,
    resources: { cpuShares: 2 },
    sandboxId: name === 'POD' ? undefined : 'sandbox',
  };
}

export function running(startedAtMs = NOW_MS - 59_000): ContainerState {
  return { phase: 'running', pid: 7, startedAtMs };
}

export function exited(exitCode: number, finishedAtMs = NOW_MS - 1_000): ContainerState {
  const reason = exitCode === 0 ? 'Completed' : 'Error';
  return { phase: 'exited', exitCode, reason, message: '', startedAtMs: NOW_MS - 59_000, finishedAtMs };
}
