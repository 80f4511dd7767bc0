/**
 * Which pods must be looked at after the engine was listed again: those whose containers are not what they were. Pure. This is how changes
 * that happened while nobody watched (the event stream was broken, the engine restarted) are found.
 */
import { isDeepStrictEqual } from 'node:util';
import type { RuntimeContainer } from './runtime/container-runtime.ts';

/** The uids of pods with a container that appeared, disappeared or changed its state. */
export function diffPodStates(before: readonly RuntimeContainer[], after: readonly RuntimeContainer[]): ReadonlySet<string> {
  const previous = new Map(before.map((container) => [container.id, container]));
  const current = new Map(after.map((container) => [container.id, container]));
  const changed = after.filter((container) => !isSame(previous.get(container.id), container));
  const gone = before.filter(({ id }) => !current.has(id));
  return new Set([...changed, ...gone].map(({ identity }) => identity.podUid));
}

function isSame(before: RuntimeContainer | undefined, after: RuntimeContainer): boolean {
  if (before?.state.phase !== after.state.phase) return false;
  if (!isDeepStrictEqual(before.resources, after.resources)) return false;
  return before.state.phase !== 'running' || after.state.phase !== 'running' || before.state.startedAtMs === after.state.startedAtMs;
}
