/** A score as a function of how full a node would be: straight lines between the points of a configuration, level before and after them. */
import { SCORE_MAX } from '../plugin.ts';

export interface CurvePoint {
  /** Percent, rising from point to point. */
  readonly utilization: number;
  /** 0 to 10. */
  readonly score: number;
}

/** The best score of a point. */
export const POINT_SCORE_MAX = 10;

/** Gives the score, 0 to `SCORE_MAX`, for a utilization in percent. */
export function createCurve(shape: readonly CurvePoint[]): (utilization: number) => number {
  const points = shape.map(({ utilization, score }) => ({ utilization, score: (score * SCORE_MAX) / POINT_SCORE_MAX }));
  return (utilization) => {
    const next = points.findIndex((point) => utilization <= point.utilization);
    const [right, left] = [points[next], points[next - 1]];
    if (right === undefined) return points.at(-1)?.score ?? 0;
    if (left === undefined) return right.score;
    const share = (utilization - left.utilization) / (right.utilization - left.utilization);
    return Math.trunc(left.score + (right.score - left.score) * share);
  };
}
