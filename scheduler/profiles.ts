/** The profiles of one scheduler by name, and what the queue asks of them. A pod is for the profile that its `spec.schedulerName` names. */
import type { Pod } from '#api/generated/types.ts';
import { DEFAULT_SCHEDULER_NAME, eventsAwaited, mayHelpRejected, type Profile } from './profile.ts';
import type { QueueDeps } from './scheduling-queue.ts';

export interface Profiles {
  readonly names: readonly string[];
  has(pod: Pod): boolean;
  /** Throws for a name that no profile has. */
  get(schedulerName: string | undefined): Profile;
  readonly queueing: Pick<QueueDeps, 'comesBefore' | 'isAdmitted' | 'eventsAwaited' | 'mayHelp'>;
}

/** All sort the queue alike: there is one. */
export function createProfiles(profiles: readonly [Profile, ...Profile[]]): Profiles {
  const byName = new Map(profiles.map((profile) => [profile.schedulerName, profile]));
  const get = (schedulerName = DEFAULT_SCHEDULER_NAME): Profile => {
    const profile = byName.get(schedulerName);
    if (profile === undefined) throw new Error(`there is no profile ${schedulerName}`);
    return profile;
  };
  const sorters = profiles[0].points.queueSort.map(({ plugin }) => plugin);
  return {
    names: [...byName.keys()],
    has: ({ spec }) => byName.has(spec.schedulerName ?? DEFAULT_SCHEDULER_NAME),
    get,
    queueing: {
      comesBefore: (left, right) => {
        for (const sorter of sorters) {
          const answer = sorter.comesBefore?.(left, right);
          if (answer !== undefined) return answer;
        }
        return undefined;
      },
      isAdmitted: (pod) => get(pod.spec.schedulerName).points.preEnqueue.every(({ plugin }) => plugin.preEnqueue?.(pod).fits !== false),
      eventsAwaited: (pod, rejectedBy) => eventsAwaited(get(pod.spec.schedulerName), rejectedBy),
      mayHelp: (pod, rejectedBy, event) => mayHelpRejected(get(pod.spec.schedulerName), rejectedBy, pod, event),
    },
  };
}
