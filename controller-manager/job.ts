/**
 * The Job controller: runs pods until enough of them have succeeded, or until it is clear that they will not. Pods are counted once and for all:
 * a finalizer keeps each until it is. One sync takes one step; its own writes and the pods' changes wake the next. Upstream: pkg/controller/job.
 */
import { isDeepStrictEqual } from 'node:util';
import { jobs, pods } from '#api/generated/resources.ts';
import type { Job, Pod } from '#api/generated/types.ts';
import { compileLabelSelector } from '#api/meta/label-selector.ts';
import type { ObjectKey } from '#api/meta/object-key.ts';
import { type Action, updateStatus } from '#client/apply-actions.ts';
import { type ControllerDefinition, onChange, onOwnedChange } from '#client/controller.ts';
import { randomSuffix } from '#component/random.ts';
import { claimObjects, isAdoptable, onOrphanChange } from './claim-objects.ts';
import { type JobPlan, planJob } from './job/job-plan.ts';
import { isManagedElsewhere, isTracked, newJobPod, stopTracking, TRACKING_FINALIZER } from './job/job-pods.ts';
import { type JobState, observeJob } from './job/job-state.ts';
import { type Decision, describeJob, isFinished, isOver, suspensionChange } from './job/job-status.ts';
import { trackPods } from './job/job-tracking.ts';
import { deadlineAfterMs, judge, judgeCompletion } from './job/job-verdict.ts';
import { createPod, deletePod } from './pod-from-template.ts';
import { controlledBy, isNamespaceGoing, isStillThere, type SharedCaches } from './shared-caches.ts';

/** Jobs synced at once, as upstream's --concurrent-job-syncs. */
const WORKERS = 5;

export interface JobSnapshot {
  readonly job: Job;
  /** Pods it controls, and those without a controller in its namespace. */
  readonly candidates: readonly Pod[];
  readonly mayAdopt: boolean;
  /** The server refuses new pods in a namespace that is being deleted. */
  readonly mayCreate: boolean;
  readonly nowMs: number;
  /** Makes the end of a pod's name. */
  readonly suffix: () => string;
}

export function jobController(caches: SharedCaches): ControllerDefinition<JobSnapshot> {
  return {
    name: 'job',
    informers: [caches.jobs, caches.pods, caches.namespaces],
    triggers: [onChange(caches.jobs), onOwnedChange(caches.pods, 'Job'), onOrphanChange(caches.pods, caches.jobs)],
    snapshot: (key) => snapshotJob(key, caches),
    reconcile: reconcileJob,
    workers: WORKERS,
  };
}

export async function snapshotJob(key: ObjectKey, caches: SharedCaches): Promise<JobSnapshot | undefined> {
  const job = caches.jobs.store.find(key);
  if (job?.spec.selector === undefined || isOver(job) || isManagedElsewhere(job)) return undefined;
  const candidates = controlledBy(caches.pods, job);
  const matches = compileLabelSelector(job.spec.selector);
  return {
    job,
    candidates,
    mayAdopt: candidates.some((pod) => isAdoptable(job, pod, matches)) && (await isStillThere(caches.client, jobs, job)),
    mayCreate: !isNamespaceGoing(caches, job),
    nowMs: caches.clock.now(),
    suffix: () => randomSuffix(caches.random),
  };
}

export function reconcileJob(snapshot: JobSnapshot): readonly Action[] {
  const { job, candidates, mayAdopt, nowMs } = snapshot;
  const claim = { owner: job, ownerType: jobs, selector: job.spec.selector ?? {}, type: pods, candidates, mayAdopt };
  const { claimed, actions } = claimObjects({ ...claim, finalizer: TRACKING_FINALIZER });
  // What was adopted or released has a new version, which the next sync works with.
  if (actions.length > 0) return actions;
  const state = observeJob(job, claimed, nowMs);
  const { decision, plan } = decide(state, snapshot.mayCreate);
  const status = describeJob(state, decision);
  // A pod that is given up is not a failure: it is let go before it is deleted. One that goes with a failed Job is counted first.
  const letGo = new Set([...decision.tracking.letGo, ...decision.deletions.filter(isTracked)]);
  return [
    ...plan.creations.map((place) => createPod(job, newJobPod(job, snapshot.suffix(), place))),
    ...(isDeepStrictEqual(job.status, status) ? [] : [updateStatus(jobs, { ...job, status })]),
    ...tell(state, decision),
    ...[...letGo].map(stopTracking),
    ...decision.deletions.map((pod) => deletePod(job, pod)),
    ...lookAgain([plan.waitMs, decision.verdict === undefined ? deadlineAfterMs({ ...job, status }, nowMs) : undefined]),
  ];
}

function decide(state: JobState, mayCreate: boolean): { readonly decision: Decision; readonly plan: JobPlan } {
  const standing = judge(state);
  const isGoing = state.job.metadata.deletionTimestamp !== undefined;
  const isManaged = standing === undefined && !isGoing;
  const asked: JobPlan = isManaged ? planJob(state) : { creations: [], deletions: [], waitMs: undefined };
  const plan = mayCreate ? asked : { ...asked, creations: [] };
  const deletions = standing === undefined ? plan.deletions : state.active;
  const activeLeft = state.active.length - deletions.length + plan.creations.length;
  const verdict = standing ?? judgeCompletion(state, activeLeft);
  const decision = { verdict, created: plan.creations.length, deletions, tracking: trackPods(state, verdict), isManaged };
  return { decision, plan };
}

function tell(state: JobState, decision: Decision): readonly Action[] {
  const { job, succeeded } = state;
  const event = (type: 'Normal' | 'Warning', reason: string, message: string): Action => ({
    verb: 'event',
    regarding: job,
    type,
    reason,
    message,
  });
  const { verdict } = decision;
  const change = verdict === undefined ? suspensionChange(state, decision) : undefined;
  if (change !== undefined) return [event('Normal', change, change === 'Suspended' ? 'Job suspended' : 'Job resumed')];
  if (verdict === undefined || !isFinished(state, decision)) return [];
  if (verdict.outcome === 'failure') return [event('Warning', verdict.reason, verdict.message)];
  const isTooMany = succeeded > (job.spec.completions ?? succeeded);
  const surprise = event('Warning', 'TooManySucceededPods', 'Too many succeeded pods running after completion count reached');
  return [...(isTooMany ? [surprise] : []), event('Normal', 'Completed', 'Job completed')];
}

function lookAgain(waitsMs: readonly (number | undefined)[]): readonly Action[] {
  return waitsMs.filter((afterMs) => afterMs !== undefined).map((afterMs) => ({ verb: 'requeue', afterMs: Math.max(0, afterMs) }) as const);
}
