/** One active process of several: whoever holds the Lease works. Upstream's timings: 15 s lease, 10 s renew deadline, 2 s retry. */
import type { Clock } from '#component/clock.ts';
import type { Logger } from '#component/logger.ts';
import type { Random } from '#component/random.ts';
import type { Client } from './client.ts';

export interface LeaderElectionOptions {
  /** The Lease, in `kube-system`: `kube-scheduler`, `kube-controller-manager`. */
  readonly leaseName: string;
  /** Unique per process. */
  readonly identity: string;
}

/**
 * Runs `lead` while this process holds the lease; its signal aborts when the lease is lost. Returns when `signal` is aborted (the lease is
 * given up so that another may start at once); throws when the lease was lost, because the process must then start afresh.
 */
export declare function runAsLeader(
  options: LeaderElectionOptions,
  deps: { client: Client; clock: Clock; random: Random; log: Logger },
  lead: (signal: AbortSignal) => Promise<void>,
  signal: AbortSignal,
): Promise<void>;
