/**
 * What each priority level may use of the server. A seat is one millisecond of the one thread's time that has been promised to a request and not yet been used: the
 * server's seats bound the work that is under way, and so how long the next request waits for its turn of the event loop. Pure; formulas are upstream's
 * (k8s.io/apiserver, pkg/util/flowcontrol/apf_controller.go).
 */
import type { PriorityLevelConfigurationSpec } from '#api/generated/types.ts';

/** Upstream's limits on reads and writes in flight together. */
export const SERVER_SEATS = 600;

/** One request has no more than this part of its level's seats, so that some always run side by side. */
const WIDTH_SHARE_MAX = 0.15;

export interface LevelConfig {
  readonly name: string;
  readonly spec: PriorityLevelConfigurationSpec;
}

export interface Queuing {
  readonly queues: number;
  readonly handSize: number;
  readonly queueLengthLimit: number;
}

export interface LevelLimits {
  readonly isExempt: boolean;
  /** Its share of the server. */
  readonly nominalSeats: number;
  /** What it never lends, and so always has. */
  readonly minSeats: number;
  /** What it has at most, when others have lent all they may. */
  readonly maxSeats: number;
  /** Of one request. */
  readonly widthSeatsMax: number;
  /** Absent for a level that refuses what it cannot run. */
  readonly queuing: Queuing | undefined;
}

export function limitsOf(levels: readonly LevelConfig[], serverSeats = SERVER_SEATS): ReadonlyMap<string, LevelLimits> {
  const sum = levels.reduce((total, { spec }) => total + sharesOf(spec), 0);
  return new Map(levels.map(({ name, spec }) => [name, limitsOfLevel(spec, { sum, serverSeats })]));
}

interface Whole {
  readonly sum: number;
  readonly serverSeats: number;
}

function limitsOfLevel(spec: PriorityLevelConfigurationSpec, { sum, serverSeats }: Whole): LevelLimits {
  const { lendablePercent = 0 } = spec.limited ?? spec.exempt ?? {};
  const borrowingLimitPercent = spec.limited?.borrowingLimitPercent;
  const nominalSeats = sum === 0 ? 0 : Math.ceil((serverSeats * sharesOf(spec)) / sum);
  const minSeats = nominalSeats - Math.round((nominalSeats * lendablePercent) / 100);
  const borrowable = borrowingLimitPercent === undefined ? serverSeats : Math.round((nominalSeats * borrowingLimitPercent) / 100);
  const queuing = queuingOf(spec);
  const fitting = Math.min(Math.ceil(nominalSeats * WIDTH_SHARE_MAX), Math.floor(nominalSeats / (queuing?.handSize ?? 1)), minSeats);
  return {
    isExempt: spec.type === 'Exempt',
    nominalSeats,
    minSeats,
    maxSeats: nominalSeats + borrowable,
    widthSeatsMax: Math.max(1, fitting),
    queuing,
  };
}

function sharesOf({ limited, exempt }: PriorityLevelConfigurationSpec): number {
  return (limited ?? exempt)?.nominalConcurrencyShares ?? 0;
}

function queuingOf({ limited }: PriorityLevelConfigurationSpec): Queuing | undefined {
  const queuing = limited?.limitResponse?.queuing;
  if (queuing === undefined) return undefined;
  const { queues = 1, handSize = 1, queueLengthLimit = 1 } = queuing;
  return { queues, handSize, queueLengthLimit };
}
