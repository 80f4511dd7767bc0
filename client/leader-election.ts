/**
 * One active process of several: whoever holds the Lease works. Upstream's 15 s lease and 2 s retry; renewed at half its pace, with a
 * deadline that leaves as many attempts (12 s for its 10).
 */
import { leases } from '#api/generated/resources.ts';
import type { Lease } from '#api/generated/types.ts';
import type { Draft } from '#api/meta/resource-type.ts';
import { isReason } from '#api/meta/status.ts';
import { type Clock, formatMicroTime } from '#component/clock.ts';
import type { Logger } from '#component/logger.ts';
import type { Random } from '#component/random.ts';
import { createBackOff } from './back-off.ts';
import type { Client } from './client.ts';

const LEASE_SECONDS = 15;
/** The leader stops before the lease runs out elsewhere: clocks and requests take their time. */
const RENEW_MS_MAX = 12_000;
const RETRY_DELAY_MS = 2_000;
/** Twice upstream's: each renewal is a write to disk, for ever, on a laptop; the deadline still leaves room for one that fails. */
const RENEW_DELAY_MS = 4_000;
/** While the server cannot be asked at all, as when everything starts together, a candidate tries more often. */
const UNREACHABLE_DELAY_MS = { delayMsMin: 100, delayMsMax: RETRY_DELAY_MS };
/** Candidates wait up to this much more than the delay, so that they do not all try at once. */
const RETRY_JITTER = 1.2;
const LEASE_NAMESPACE = 'kube-system';

export interface LeaderElectionOptions {
  /** The Lease, in `kube-system`: `kube-scheduler`, `kube-controller-manager`. */
  readonly leaseName: string;
  /** Unique per process. Absent: this one is alone, and leads without a lease (upstream's `--leader-elect=false`). */
  readonly identity?: string | undefined;
}

interface Candidate extends LeaderElectionOptions {
  readonly identity: string;
}

export interface LeaderElectionDeps {
  readonly client: Client;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/**
 * Runs `lead` while this process holds the lease; its signal aborts when the lease is lost. Returns when `signal` is aborted (the lease is
 * given up so that another may start at once); throws when the lease was lost, because the process must then start afresh.
 */
export async function runAsLeader(
  { leaseName, identity }: LeaderElectionOptions,
  deps: LeaderElectionDeps,
  lead: (signal: AbortSignal) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  if (identity === undefined) return lead(signal);
  const log = deps.log.child({ lease: leaseName, identity });
  const lock = createLeaseLock({ leaseName, identity }, deps);
  if (!(await acquire(lock, { ...deps, log }, signal))) return;
  log.info('became the leader');
  const leading = new AbortController();
  const whileLeading = AbortSignal.any([signal, leading.signal]);
  const renewing = keepRenewing(lock, { ...deps, log }, whileLeading).then(
    () => undefined,
    (loss: unknown) => {
      leading.abort(loss);
      return { loss };
    },
  );
  try {
    await lead(whileLeading);
  } catch (error) {
    if (!whileLeading.aborted) throw error;
  } finally {
    leading.abort(new Error('no longer leading'));
    if ((await renewing) === undefined) await release(lock, log);
  }
  const lost = await renewing;
  if (lost !== undefined) throw lost.loss;
}

/** False when aborted first. */
async function acquire(lock: LeaseLock, { clock, random, log }: LeaderElectionDeps, signal: AbortSignal): Promise<boolean> {
  const backOff = createBackOff(UNREACHABLE_DELAY_MS, random);
  while (!signal.aborted) {
    let delayMs = RETRY_DELAY_MS * (1 + random.next() * RETRY_JITTER);
    try {
      if (await lock.tryHold()) return true;
      backOff.reset();
    } catch (error) {
      delayMs = backOff.nextMs();
      log.warn({ err: error, delayMs }, 'cannot try for the lease');
    }
    await clock.sleep(delayMs, signal).catch(() => undefined);
  }
  return false;
}

/** Resolves when aborted; throws when the lease could not be renewed in time. After a failure it is tried again sooner than after a success. */
async function keepRenewing(lock: LeaseLock, { clock, log }: LeaderElectionDeps, signal: AbortSignal): Promise<void> {
  let renewedAtMs = clock.monotonic();
  let delayMs = RENEW_DELAY_MS;
  while (!signal.aborted) {
    await clock.sleep(delayMs, signal).catch(() => undefined);
    if (signal.aborted) return;
    const leftMs = RENEW_MS_MAX - (clock.monotonic() - renewedAtMs);
    if (leftMs <= 0) throw new Error('the lease was lost: it could not be renewed in time');
    const isRenewed = await within(leftMs, lock.tryHold(), clock).catch((error) => {
      log.warn({ err: error }, 'cannot renew the lease');
      return false;
    });
    if (isRenewed) renewedAtMs = clock.monotonic();
    delayMs = isRenewed ? RENEW_DELAY_MS : RETRY_DELAY_MS;
  }
}

/** The promise's value, or false when it takes longer. */
function within(durationMs: number, promise: Promise<boolean>, clock: Clock): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const cancel = clock.after(durationMs, () => resolve(false));
    promise.then(resolve, reject).finally(cancel);
  });
}

async function release(lock: LeaseLock, log: Logger): Promise<void> {
  try {
    await lock.release();
    log.info('gave up the lease');
  } catch (error) {
    log.warn({ err: error }, 'cannot give up the lease; it runs out by itself');
  }
}

interface LeaseLock {
  /** Takes or renews the lease; false when another holds it. Rejects when the server cannot be asked. */
  tryHold(): Promise<boolean>;
  release(): Promise<void>;
}

/** Others' leases run out by our own clock, from when we saw them change: theirs may be wrong. */
function createLeaseLock({ leaseName, identity }: Candidate, { client, clock }: LeaderElectionDeps): LeaseLock {
  const key = { namespace: LEASE_NAMESPACE, name: leaseName };
  const resource = client.resource(leases);
  let observed: { readonly lease: Lease; readonly atMs: number } | undefined;

  const observe = (lease: Lease): Lease => {
    if (observed?.lease.metadata.resourceVersion !== lease.metadata.resourceVersion) observed = { lease, atMs: clock.monotonic() };
    return lease;
  };
  const isHeldByOther = ({ spec }: Lease): boolean => {
    const holder = spec.holderIdentity ?? '';
    const age = clock.monotonic() - (observed?.atMs ?? 0);
    return holder !== '' && holder !== identity && age < (spec.leaseDurationSeconds ?? LEASE_SECONDS) * 1_000;
  };
  const renewed = (lease: Lease): Lease => {
    const now = formatMicroTime(clock.now());
    const isOurs = lease.spec.holderIdentity === identity;
    const taken = isOurs ? {} : { acquireTime: now, leaseTransitions: (lease.spec.leaseTransitions ?? 0) + 1 };
    return {
      ...lease,
      spec: { ...lease.spec, ...taken, holderIdentity: identity, leaseDurationSeconds: LEASE_SECONDS, renewTime: now },
    };
  };
  const takeOrRenew = async (lease: Lease): Promise<boolean> => {
    if (isHeldByOther(lease)) return false;
    observe(await resource.update(renewed(lease)));
    return true;
  };

  return {
    tryHold: async () => {
      try {
        // The leader alone writes the lease, so what it wrote last is almost always still there: no need to read first.
        if (observed?.lease.spec.holderIdentity === identity) return await takeOrRenew(observed.lease);
      } catch (error) {
        if (!isReason(error, 'Conflict', 'NotFound')) throw error;
      }
      try {
        return await takeOrRenew(observe(await resource.get(key)));
      } catch (error) {
        if (!isReason(error, 'NotFound')) throw error;
        observe(await resource.create(newLease(leaseName, identity, clock)));
        return true;
      }
    },
    release: async () => {
      if (observed?.lease.spec.holderIdentity !== identity) return;
      const now = formatMicroTime(clock.now());
      const { lease } = observed;
      await resource.update({ ...lease, spec: { ...lease.spec, holderIdentity: '', leaseDurationSeconds: 1, renewTime: now } });
    },
  };
}

function newLease(name: string, identity: string, clock: Clock): Draft<Lease> {
  const now = formatMicroTime(clock.now());
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name, namespace: LEASE_NAMESPACE },
    spec: { holderIdentity: identity, leaseDurationSeconds: LEASE_SECONDS, acquireTime: now, renewTime: now, leaseTransitions: 0 },
  };
}
