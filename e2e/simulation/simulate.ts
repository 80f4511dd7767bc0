/**
 * One run of a scenario under faults: what people do to the cluster, what goes wrong, and what must hold after every single write. All chance comes from the seed, so
 * a run that failed fails again. The three patterns of the Sieve paper (OSDI '22) are among the faults: stale state (late and broken watches), unobserved state
 * (a list in the place of events) and crashes between writes.
 */
import type { ApiObject } from '#api/meta/resource-type.ts';
import type { HttpRequest } from '#client/transport.ts';
import { type Random, seededRandom } from '#component/random.ts';
import { createMemoryStorage } from '../../apiserver/storage/memory-storage.ts';
import type { StorageEvent } from '../../apiserver/storage/storage.ts';
import { type Cluster, type ClusterOptions, createCluster, type FaultName, type Faults } from '../../in-process/index.ts';
import type { PodConduct } from '../../simulated-nodes/pod-conduct.ts';

/** The state of the cluster as it is written, one revision at a time: object by key. */
export type World = ReadonlyMap<string, ApiObject>;

export interface Scenario {
  readonly name: string;
  readonly nodes: number;
  /** How many controller managers and schedulers there are; 1 if absent. Of several only the leader may write. */
  readonly candidates?: number;
  readonly conduct?: (random: Random) => Partial<PodConduct>;
  /** What people do, one after the other, with time passing in between. */
  readonly acts: readonly ((cluster: Cluster) => Promise<unknown>)[];
  /** For each run a new one, which may remember: what is wrong with the world after a write; empty when nothing is. */
  createCheck(): (world: World, event: StorageEvent) => readonly string[];
  /** What is not yet as it was asked for; empty when all is. */
  unfinished(world: World): readonly string[];
}

export interface Outcome {
  readonly scenario: string;
  readonly seed: number;
  /** What went wrong; empty when the run was good. */
  readonly problems: readonly string[];
  readonly writes: number;
  /** How often each kind of fault was made to happen. */
  readonly faults: Readonly<Partial<Record<FaultName, number>>>;
  readonly virtualMs: number;
}

type RequestOrigin = Parameters<NonNullable<ClusterOptions['onRequest']>>[1];

const STEP_MS_MAX = 30_000;
/** Back-off of crashed components and of refused writes included, a cluster without faults gets there well within this. */
const CONVERGE_MS_MAX = 60 * 60_000;
/** At rest nothing is written but leases. */
const REST_MS = 5 * 60_000;
const PROBLEMS_MAX = 10;
/** More for so few objects is a hot loop: writes in any minute of cluster time, and events, which are told apart. */
const WRITES_PER_MINUTE_MAX = 400;
const EVENTS_PER_MINUTE_MAX = 400;

/** Runs the scenario with this seed. Never throws: what went wrong is in the outcome. */
export async function simulate(scenario: Scenario, seed: number): Promise<Outcome> {
  const random = seededRandom(seed);
  let now = () => 0;
  const storage = createMemoryStorage();
  const conduct = scenario.conduct?.(random) ?? {};
  const observer = observe(scenario, () => now());
  const faults: Partial<Record<FaultName, number>> = {};
  const watching = new AbortController();
  await using cluster = await createCluster({
    seed,
    nodes: scenario.nodes,
    storage,
    isFrozen: true,
    faults: chooseFaults(random),
    pods: () => conduct,
    ...(scenario.candidates === undefined ? {} : { candidates: scenario.candidates, onRequest: observer.hear }),
    onFault: (fault) => {
      faults[fault] = (faults[fault] ?? 0) + 1;
    },
  });
  now = () => cluster.clock.monotonic();
  const beganMs = cluster.clock.monotonic();
  const following = follow(storage, observer, watching.signal);
  try {
    for (const act of scenario.acts) {
      await act(cluster);
      await cluster.clock.advance(random.next() * STEP_MS_MAX);
    }
    cluster.setFaults({});
    await cluster.clock.advanceUntil(() => observer.problems.length > 0 || scenario.unfinished(observer.world).length === 0, {
      virtualMsMax: CONVERGE_MS_MAX,
    });
    await cluster.settle();
    await checkRest(cluster, scenario, observer);
  } catch (error) {
    const why = scenario.unfinished(observer.world);
    observer.problems.push(`${error instanceof Error ? error.message : String(error)}${why.length === 0 ? '' : `: ${why.join('; ')}`}`);
  }
  watching.abort();
  await following;
  return {
    scenario: scenario.name,
    seed,
    problems: observer.problems.slice(0, PROBLEMS_MAX),
    writes: observer.writes,
    faults,
    virtualMs: cluster.clock.monotonic() - beganMs,
  };
}

/** Every kind of fault in about half of the runs, now rare, now frequent. */
function chooseFaults(random: Random): Faults {
  const chance = (max: number) => (random.next() < 0.5 ? 0 : random.next() * max);
  return {
    watchDropped: chance(0.2),
    watchExpired: chance(0.1),
    watchDelayed: { chance: chance(0.5), delayMsMax: random.next() * 20_000 },
    writeConflict: chance(0.2),
    answerLost: chance(0.1),
    crashAfterWrite: chance(0.05),
  };
}

interface Observer {
  readonly world: Map<string, ApiObject>;
  readonly problems: string[];
  writes: number;
  see(event: StorageEvent): void;
  /** Finds out who writes without being the leader. */
  hear: NonNullable<ClusterOptions['onRequest']>;
}

function observe(scenario: Scenario, nowMs: () => number): Observer {
  const check = scenario.createCheck();
  const isTooOften = createRateCheck(WRITES_PER_MINUTE_MAX);
  const areEventsTooOften = createRateCheck(EVENTS_PER_MINUTE_MAX);
  const observer: Observer = {
    world: new Map(),
    problems: [],
    writes: 0,
    hear: (request, origin) => {
      // Nothing is known yet of a cluster that is only just starting.
      if (observer.world.size === 0 || observer.problems.length >= PROBLEMS_MAX) return;
      observer.problems.push(...findUsurper(observer.world, request, origin));
    },
    see: (event) => {
      const { item, type } = event;
      if (type === 'delete') observer.world.delete(item.key);
      else observer.world.set(item.key, JSON.parse(item.bytes.toString()));
      if (item.key.startsWith(EVENTS) && areEventsTooOften(nowMs())) observer.problems.push('events without end: a hot loop');
      if (isNoise(item.key)) return;
      observer.writes++;
      if (isTooOften(nowMs())) observer.problems.push('writes without end: a hot loop');
      if (observer.problems.length < PROBLEMS_MAX)
        observer.problems.push(...check(observer.world, event).map((problem) => `at ${item.revision}: ${problem}`));
    },
  };
  return observer;
}

const leaseOf: Readonly<Record<string, string>> = { 'controller-manager': 'kube-controller-manager', scheduler: 'kube-scheduler' };

/** A write by a candidate that does not hold the lease of its kind. */
function findUsurper(world: World, { method, path }: HttpRequest, { component, instance }: RequestOrigin): readonly string[] {
  const lease = leaseOf[component];
  if (lease === undefined || method === 'GET' || path.includes('/leases') || path.includes('/events')) return [];
  const held = world.get(`/registry/coordination.k8s.io/leases/kube-system/${lease}`);
  const holder = held !== undefined && 'spec' in held ? JSON.stringify(held.spec) : '';
  return holder.includes(instance) ? [] : [`${instance} writes ${path}, and the leader is ${holder}`];
}

/** Whether there have been more than so many within the last minute. */
function createRateCheck(perMinuteMax: number): (nowMs: number) => boolean {
  const moments: number[] = [];
  return (nowMs) => {
    moments.push(nowMs);
    if (moments.length <= perMinuteMax) return false;
    const oldest = moments.shift() ?? 0;
    return nowMs - oldest < 60_000;
  };
}

const EVENTS = '/registry/core/events/';

/** Renewals and reports, which never end. */
function isNoise(key: string): boolean {
  return key.startsWith('/registry/coordination.k8s.io/leases/') || key.startsWith(EVENTS);
}

async function follow(storage: ReturnType<typeof createMemoryStorage>, observer: Observer, signal: AbortSignal): Promise<void> {
  for await (const changes of storage.watch('/registry/', 1n, signal, () => {})) for (const change of changes) observer.see(change);
}

/** What is as it should be stays so, and nobody writes. */
async function checkRest(cluster: Cluster, scenario: Scenario, observer: Observer): Promise<void> {
  await cluster.clock.advance(REST_MS);
  const before = observer.writes;
  await cluster.clock.advance(REST_MS);
  if (observer.writes > before) observer.problems.push(`${observer.writes - before} writes at rest`);
  observer.problems.push(...scenario.unfinished(observer.world).map((problem) => `at rest: ${problem}`));
}
