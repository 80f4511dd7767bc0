/**
 * The controller manager: while it holds the Lease, it keeps one copy of the cluster's objects and runs every controller of
 * `controllers.ts` on it. Losing the Lease ends the process, because another may already be acting: `run` then rejects.
 */
import type { Client } from '#client/client.ts';
import { createEventRecorder } from '#client/event-recorder.ts';
import { runAsLeader } from '#client/leader-election.ts';
import type { Clock } from '#component/clock.ts';
import type { Logger } from '#component/logger.ts';
import type { Random } from '#component/random.ts';
import { runTogether } from '#component/shutdown.ts';
import { type ControllersConfig, listControllers } from './controllers.ts';
import { createSharedCaches } from './shared-caches.ts';

const LEASE_NAME = 'kube-controller-manager';

export interface ControllerManagerDeps {
  readonly client: Client;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

export interface ControllerManagerOptions extends ControllersConfig {
  /** Unique per process: the Lease's holder. Absent when it is the only one. */
  readonly identity?: string;
}

export interface ControllerManager {
  /** Parts that are not ready; a manager that waits for its turn is ready. */
  unready(): readonly string[];
  /** Competes for the Lease and works until aborted. */
  run(signal: AbortSignal): Promise<void>;
}

export function createControllerManager(options: ControllerManagerOptions, deps: ControllerManagerDeps): ControllerManager {
  let isLeading = false;
  let areCachesComplete = (): boolean => true;
  return {
    unready: () => (isLeading && !areCachesComplete() ? ['caches'] : []),
    run: (signal) =>
      runAsLeader(
        { leaseName: LEASE_NAME, identity: options.identity },
        deps,
        async (leading) => {
          const caches = createSharedCaches(deps);
          areCachesComplete = () => caches.all.isComplete();
          isLeading = true;
          deps.log.info('leading');
          await runTogether(leading, [(inner) => caches.all.run(inner), ...runControllers(options, deps, caches)]);
        },
        signal,
      ),
  };
}

/** One runner per controller, each with the events it writes; `caches` must be run beside them. */
export function runControllers(
  config: ControllersConfig,
  deps: ControllerManagerDeps,
  caches: ReturnType<typeof createSharedCaches>,
): readonly ((signal: AbortSignal) => Promise<void>)[] {
  return listControllers(caches, config).flatMap(({ component, run }) => {
    const events = createEventRecorder({ component }, deps);
    return [(signal: AbortSignal) => events.run(signal), (signal: AbortSignal) => run({ ...deps, events }, signal)];
  });
}
