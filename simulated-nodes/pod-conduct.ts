/**
 * What the containers of a pod on a simulated node do, as there is no program to do it. A test says so by a function from pod to conduct; anybody else by
 * annotations on the pod (`simulated.keelson.dev/…`), which win. Pure.
 */
import type { Pod } from '#api/generated/types.ts';

export interface PodConduct {
  /** From the binding to the start of the containers. */
  readonly startAfterMs: number;
  /** From a container's start to its being ready; undefined for one that never is. */
  readonly readyAfterMs: number | undefined;
  /** How containers end; undefined for those that run until the pod is deleted. */
  readonly exit: { readonly afterMs: number; readonly code: number } | undefined;
  /** Why the images cannot be had; undefined when they can. */
  readonly imageError: string | undefined;
}

const ANNOTATION_PREFIX = 'simulated.keelson.dev/';
/** A pod that is not restarted for ever is meant to end; it does so after this long, in success. */
const TASK_MS = 1_000;

/** Starts and is ready at once; runs on, or succeeds after a second when its restart policy says that it is meant to end. */
export function defaultConduct({ spec }: Pod): PodConduct {
  const isTask = spec.restartPolicy === 'Never' || spec.restartPolicy === 'OnFailure';
  return { startAfterMs: 0, readyAfterMs: 0, exit: isTask ? { afterMs: TASK_MS, code: 0 } : undefined, imageError: undefined };
}

/**
 * The conduct with what the pod's annotations say in its place: `start-after`, `ready-after` (`never`), `exit-after` (`never`), `exit-code`, `image-error`.
 * Durations are `500ms`, `2s`, `5m`, `1h`; one that is not is as if it were absent.
 */
export function withAnnotations(conduct: PodConduct, { metadata }: Pod): PodConduct {
  const said = (name: string): string | undefined => metadata.annotations?.[`${ANNOTATION_PREFIX}${name}`];
  const exitCode = Number(said('exit-code') ?? conduct.exit?.code ?? 0);
  const exitAfterMs = parseDuration(said('exit-after')) ?? conduct.exit?.afterMs ?? (said('exit-code') === undefined ? undefined : TASK_MS);
  return {
    startAfterMs: parseDuration(said('start-after')) ?? conduct.startAfterMs,
    readyAfterMs: said('ready-after') === 'never' ? undefined : (parseDuration(said('ready-after')) ?? conduct.readyAfterMs),
    exit: said('exit-after') === 'never' || exitAfterMs === undefined ? undefined : { afterMs: exitAfterMs, code: exitCode },
    imageError: said('image-error') ?? conduct.imageError,
  };
}

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

function parseDuration(text: string | undefined): number | undefined {
  const [, amount, unit = ''] = /^(\d{1,9})(ms|s|m|h)$/.exec(text ?? '') ?? [];
  return amount === undefined ? undefined : Number(amount) * (UNIT_MS[unit] ?? 0);
}
