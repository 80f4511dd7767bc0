/**
 * Gives running containers of a pod the resources that they were granted. No child may be above its parent at any moment, so what becomes smaller goes first, then
 * the pod's own cgroup, then what becomes larger. What goes wrong is left in the memory with a time to try again.
 */
import type { Pod } from '#api/generated/types.ts';
import type { PodActionDeps } from '../apply-pod-action.ts';
import type { PodMemory } from '../pod-memory.ts';
import { resizeFailure } from '../pod-snapshot.ts';
import { RuntimeError } from '../runtime/container-runtime.ts';
import { type ContainerResize, smallest } from './engine-resources.ts';

/** As often as upstream looks at a pod. */
const RETRY_MS = 10_000;

export async function resizeContainers(
  resizes: readonly ContainerResize[],
  { pod, memory }: { readonly pod: Pod; readonly memory: PodMemory },
  deps: PodActionDeps,
): Promise<void> {
  try {
    for (const resize of resizes) await shrink(resize, deps);
    await deps.cgroups.apply(pod, deps.activePods());
    for (const { id, wanted } of resizes) await deps.runtime.updateContainer(id, wanted);
    memory.failures.delete(resizeFailure);
  } catch (error) {
    if (error instanceof RuntimeError && error.reason === 'Unavailable') throw error;
    const message = error instanceof Error ? error.message : String(error);
    memory.failures.set(resizeFailure, { reason: 'Error', message, retryAtMs: deps.clock.monotonic() + RETRY_MS });
  }
  for (const { id } of resizes) await deps.states.refresh(id);
}

async function shrink({ id, wanted }: ContainerResize, { runtime, states }: PodActionDeps): Promise<void> {
  const present = states.all().find((container) => container.id === id)?.resources;
  if (present !== undefined) await runtime.updateContainer(id, smallest(present, wanted));
}
