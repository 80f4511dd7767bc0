/**
 * From the choice of a node to the pod's binding to it: the pod is assumed to be there and what it needs is set aside, at once; then, while the
 * next cycle begins, plugins may hold it back, prepare, and bind it. What fails on the way gives everything back.
 */

import { pods } from '#api/generated/resources.ts';
import { formatKey, keyOf } from '#api/meta/object-key.ts';
import { ApiError, isReason } from '#api/meta/status.ts';
import { reportError, reportRejected } from './failed-pod.ts';
import type { Verdict } from './plugin.ts';
import type { NamedPoint, PodCycle } from './pod-cycle.ts';
import type { CycleDeps } from './schedule-one.ts';

/** Between questions whether a pod is bound, while the server does not answer. */
const BINDING_CHECK_MS = 1_000;

/** Assumes at once. The promise is that of the binding and never rejects. */
export function bindPod(cycle: PodCycle, nodeName: string, deps: CycleDeps, signal: AbortSignal): Promise<void> {
  deps.cache.assume(cycle.pod, nodeName);
  deps.nominations.remove(cycle.pod.uid);
  const reserved = reserve(cycle, nodeName);
  return finish(cycle, nodeName, reserved, deps, signal);
}

/** The plugin that refused, with its verdict. */
interface Refusal {
  readonly verdict: Exclude<Verdict, { readonly fits: true }>;
  readonly by: string;
}

function reserve(cycle: PodCycle, nodeName: string): Refusal | undefined {
  for (const { name, run } of cycle.pointsOf('reserve', 'reserve')) {
    const verdict = run(nodeName);
    if (!verdict.fits) return { verdict, by: name };
  }
  return undefined;
}

async function finish(
  cycle: PodCycle,
  nodeName: string,
  reserved: Refusal | undefined,
  deps: CycleDeps,
  signal: AbortSignal,
): Promise<void> {
  const { pod, profile } = cycle;
  const log = deps.log.child({ pod: formatKey(keyOf(pod.pod)), node: nodeName });
  let step: Step = { description: 'running Reserve plugins' };
  try {
    const refusal =
      reserved ??
      (await askAll(cycle.pointsOf('permit', 'permit'), 'Permit', (run) => run(nodeName, signal))) ??
      (await askAll(cycle.pointsOf('preBind', 'preBind'), 'PreBind', (run) => run(nodeName, signal)));
    if (refusal !== undefined) {
      giveBack(cycle, nodeName, deps);
      return await reportRejected(cycle, refusal, deps);
    }
    const [binder] = cycle.pointsOf('bind', 'bind');
    if (binder === undefined) throw new Error('no plugin of the profile binds pods');
    step = { description: `running Bind plugin "${binder.name}"` };
    await bind(binder.run);
    const { namespace = '', name } = pod.pod.metadata;
    deps.eventsOf(profile).record(pod.pod, 'Normal', 'Scheduled', `Successfully assigned ${namespace}/${name} to ${nodeName}`);
    log.info('bound');
    for (const { run } of cycle.pointsOf('postBind', 'postBind')) run(nodeName);
  } catch (error) {
    giveBack(cycle, nodeName, deps);
    if (isReason(error, 'NotFound')) return log.info('the pod is gone');
    log.warn({ err: error }, 'binding failed');
    const message = error instanceof Error ? error.message : String(error);
    await reportError(pod.pod, profile, `binding rejected: ${step.description}: ${message}`, deps);
  }

  async function bind(run: NamedPoint<'bind'>['run']): Promise<void> {
    try {
      await run(nodeName);
    } catch (error) {
      if (isRefusal(error) || !(await isBoundAfterAll(cycle, nodeName, deps, signal))) throw error;
    }
  }

  async function askAll<Point extends 'permit' | 'preBind'>(
    points: readonly NamedPoint<Point>[],
    point: string,
    ask: (run: NamedPoint<Point>['run']) => Promise<Verdict>,
  ): Promise<Refusal | undefined> {
    for (const { name, run } of points) {
      step = { description: `running ${point} plugin "${name}"` };
      const verdict = await ask(run);
      if (!verdict.fits) return { verdict, by: name };
    }
    return undefined;
  }
}

/** The server has said no; any other failure leaves open whether it did what it was asked to. */
function isRefusal(error: unknown): boolean {
  return error instanceof ApiError && error.code < 500;
}

/** Asks until the server answers: the pod's room must not be given away while it may be taken. */
async function isBoundAfterAll({ pod }: PodCycle, nodeName: string, { client, clock }: CycleDeps, signal: AbortSignal): Promise<boolean> {
  for (;;) {
    try {
      const { spec, metadata } = await client.resource(pods).get(keyOf(pod.pod));
      return metadata.uid === pod.uid && spec.nodeName === nodeName;
    } catch (error) {
      if (isRefusal(error)) return false;
      await clock.sleep(BINDING_CHECK_MS, signal);
    }
  }
}

/** What is being done, for the message if it fails. */
interface Step {
  readonly description: string;
}

/** In reverse order, and also of those that were not asked; then the room itself, which others may be waiting for. */
function giveBack(cycle: PodCycle, nodeName: string, { cache, queue }: CycleDeps): void {
  for (const { run } of cycle.pointsOf('unreserve', 'reserve').toReversed()) run(nodeName);
  cache.forget(cycle.pod.uid);
  queue.wake({ name: 'pod-left', pod: cycle.pod.pod });
}
