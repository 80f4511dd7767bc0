/**
 * How far a rolling update may stray from the wanted number of pods: above it (`maxSurge`, rounded up) and below it (`maxUnavailable`,
 * rounded down). Both zero would never move, so then one pod may be missing. Upstream: pkg/controller/deployment/util, ResolveFenceposts.
 */
import type { Deployment } from '#api/generated/types.ts';

/** Upstream's default for both ends, should the server not have filled it in. */
const DEFAULT_SHARE = '25%';

export function maxSurge(deployment: Deployment): number {
  return isRollingUpdate(deployment) ? resolveFencePosts(deployment).surge : 0;
}

export function maxUnavailable(deployment: Deployment): number {
  const replicas = deployment.spec.replicas ?? 1;
  if (!isRollingUpdate(deployment) || replicas === 0) return 0;
  return Math.min(resolveFencePosts(deployment).unavailable, replicas);
}

export function isRollingUpdate(deployment: Deployment): boolean {
  return (deployment.spec.strategy?.type ?? 'RollingUpdate') === 'RollingUpdate';
}

function resolveFencePosts({ spec }: Deployment): { readonly surge: number; readonly unavailable: number } {
  const { maxSurge: above = DEFAULT_SHARE, maxUnavailable: below = DEFAULT_SHARE } = spec.strategy?.rollingUpdate ?? {};
  const surge = share(above, spec.replicas ?? 1, Math.ceil);
  const unavailable = share(below, spec.replicas ?? 1, Math.floor);
  return { surge, unavailable: surge === 0 && unavailable === 0 ? 1 : unavailable };
}

/** `3` is three pods, `"25%"` a quarter of `total`. */
function share(value: number | string, total: number, round: (pods: number) => number): number {
  if (typeof value === 'number') return value;
  const percent = Number.parseInt(value, 10);
  return Number.isNaN(percent) ? 0 : round((percent * total) / 100);
}
