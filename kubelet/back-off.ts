/**
 * How long to wait before a container is restarted or an image pulled again: nothing the first time, then 10 s, doubling up to 5 minutes,
 * forgotten after 10 good minutes. Pure; the worker keeps one `BackOff` per container and per image.
 * Source: client-go's `flowcontrol.Backoff` as the kubelet sets it up.
 */
import type { BackOff } from './pod-snapshot.ts';

const DELAY_MS_FIRST = 10_000;
const DELAY_MS_MAX = 300_000;
/** Upstream forgets after twice the longest delay. */
const FORGET_MS = 2 * DELAY_MS_MAX;

/** When the next try is due: `sinceMs` is when the last one ended. In the past when it is due now. */
export function retryTimeMs(backOff: BackOff | undefined, sinceMs: number): number {
  if (backOff === undefined || isForgotten(backOff, sinceMs)) return sinceMs;
  return sinceMs + backOff.delayMs;
}

/** The entry to keep once another try begins: the wait that a failure of this one will cause. */
export function nextBackOff(backOff: BackOff | undefined, sinceMs: number, nowMs: number): BackOff {
  if (backOff === undefined || isForgotten(backOff, sinceMs)) return { delayMs: DELAY_MS_FIRST, updatedAtMs: nowMs };
  return { delayMs: Math.min(backOff.delayMs * 2, DELAY_MS_MAX), updatedAtMs: nowMs };
}

/** Whether the try after `sinceMs` has begun, without a wait, so that the entry kept now speaks of its failure and not of the one before. */
export function beganAtOnce(backOff: BackOff, sinceMs: number): boolean {
  return backOff.delayMs === DELAY_MS_FIRST && backOff.updatedAtMs > sinceMs;
}

function isForgotten(backOff: BackOff, sinceMs: number): boolean {
  return sinceMs - backOff.updatedAtMs > FORGET_MS;
}

/** As Go prints a duration of whole seconds: `10s`, `1m20s`, `5m0s`. */
export function formatDelay(delayMs: number): string {
  const seconds = Math.round(delayMs / 1000);
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`;
}
