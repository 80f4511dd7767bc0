/**
 * Which version of a group is preferred: stable ones first, then beta, then alpha, each from the highest number down; names that are no versions last,
 * in order of the alphabet. Source: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definition-versioning/.
 */

const VERSION = /^v(\d{1,9})(?:(alpha|beta)(\d{1,9}))?$/;
const STAGES = ['alpha', 'beta', ''];

/** For `sort`: the preferred version comes first. */
export function compareVersions(left: string, right: string): number {
  const [one, other] = [VERSION.exec(left), VERSION.exec(right)];
  if (one === null || other === null) return one === other ? (left < right ? -1 : left > right ? 1 : 0) : one === null ? 1 : -1;
  const stage = STAGES.indexOf(other[2] ?? '') - STAGES.indexOf(one[2] ?? '');
  if (stage !== 0) return stage;
  return Number(other[1]) - Number(one[1]) || Number(other[3] ?? 0) - Number(one[3] ?? 0);
}
