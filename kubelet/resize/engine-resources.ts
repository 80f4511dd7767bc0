/**
 * What the engine is told of a container's processors and memory, and whether a running container has it already. Pure. Both the making of a container
 * (`container-spec.ts`) and its resizing ask here, so that they agree.
 */
import type { Container, Pod } from '#api/generated/types.ts';
import { allContainersOf, attemptsOf, initContainersOf, isSidecar, type PodSnapshot } from '../pod-snapshot.ts';
import { amountOf } from '../resource-amounts.ts';
import { cpuQuotaOf, cpuSharesOf } from '../resources/cgroup-limits.ts';
import type { EngineResources, RuntimeContainer } from '../runtime/container-runtime.ts';

export function engineResourcesOf({ resources }: Container, cpuCount: number): EngineResources {
  const { limits, requests } = resources ?? {};
  const cpuLimit = amountOf(limits, 'cpu');
  const cpuRequest = requests?.cpu === undefined ? cpuLimit : amountOf(requests, 'cpu');
  const memoryLimit = amountOf(limits, 'memory');
  return {
    cpuShares: cpuSharesOf(Math.ceil(cpuRequest * 1000)),
    ...(cpuLimit === 0 ? {} : { cpuQuotaMicros: cpuQuotaOf(Math.ceil(cpuLimit * 1000), cpuCount) }),
    ...(memoryLimit === 0 ? {} : { memoryBytesMax: Math.ceil(memoryLimit) }),
  };
}

/** A running container that does not have what it was granted. */
export interface ContainerResize {
  readonly container: Container;
  readonly id: string;
  readonly wanted: EngineResources;
  /** The author wants it to begin anew with its new resources. */
  readonly needsRestart: boolean;
}

export function findResize(snapshot: PodSnapshot, container: Container): ContainerResize | undefined {
  const running = attemptsOf(snapshot, container.name).at(-1);
  if (running?.state.phase !== 'running' || !isResizable(snapshot.pod, container)) return undefined;
  const wanted = engineResourcesOf(container, snapshot.cpuCount);
  const changed = changedResources(running, wanted);
  if (changed.length === 0) return undefined;
  const needsRestart = (container.resizePolicy ?? []).some(
    ({ resourceName, restartPolicy }) => restartPolicy === 'RestartContainer' && changed.some((name) => name === resourceName),
  );
  return { container, id: running.id, wanted, needsRestart };
}

export function findResizes(snapshot: PodSnapshot): readonly ContainerResize[] {
  return allContainersOf(snapshot.pod).flatMap((container) => findResize(snapshot, container) ?? []);
}

function isResizable(pod: Pod, container: Container): boolean {
  return pod.spec.containers.includes(container) || (initContainersOf(pod).includes(container) && isSidecar(container));
}

function changedResources({ resources }: RuntimeContainer, wanted: EngineResources): readonly ('cpu' | 'memory')[] {
  const hasCpu = resources.cpuShares === wanted.cpuShares && resources.cpuQuotaMicros === wanted.cpuQuotaMicros;
  return [...(hasCpu ? [] : ['cpu' as const]), ...(resources.memoryBytesMax === wanted.memoryBytesMax ? [] : ['memory' as const])];
}

/** The smaller of both, so that it is below the limits of the pod before and after. */
export function smallest(left: EngineResources, right: EngineResources): EngineResources {
  const cpuQuotaMicros = smaller(left.cpuQuotaMicros, right.cpuQuotaMicros);
  const memoryBytesMax = smaller(left.memoryBytesMax, right.memoryBytesMax);
  return {
    cpuShares: right.cpuShares,
    ...(cpuQuotaMicros === undefined ? {} : { cpuQuotaMicros }),
    ...(memoryBytesMax === undefined ? {} : { memoryBytesMax }),
  };
}

/** What is absent is unlimited. */
function smaller(left: number | undefined, right: number | undefined): number | undefined {
  return left === undefined || right === undefined ? (left ?? right) : Math.min(left, right);
}
