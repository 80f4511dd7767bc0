/**
 * Writes Events about objects. Equal events become one with a rising `count`, and a burst about one object is limited, as
 * `event-correlator.ts` decides. Recording never fails or holds up the caller: what cannot be written is logged and dropped.
 */
import { events } from '#api/generated/resources.ts';
import type { ObjectReference } from '#api/generated/types.ts';
import type { ApiObject } from '#api/meta/resource-type.ts';
import { isReason } from '#api/meta/status.ts';
import type { Clock } from '#component/clock.ts';
import type { Logger } from '#component/logger.ts';
import type { Random } from '#component/random.ts';
import type { Client } from './client.ts';
import { createEventCorrelator, type EventWrite, type Occurrence } from './event-correlator.ts';

/** Beyond this the server cannot keep up with us, and telling more would not help anybody. */
const QUEUED_EVENTS_MAX = 1_000;
/** An unreachable server is tried again this often, this far apart, as client-go's broadcaster does. */
const ATTEMPTS_MAX = 12;
const RETRY_DELAY_MS = 10_000;

export interface EventRecorder {
  /** `fieldPath` points into the object: `spec.containers{web}`. Returns at once. */
  record(regarding: ApiObject | ObjectReference, type: 'Normal' | 'Warning', reason: string, message: string, fieldPath?: string): void;
  /** Writes what is queued until aborted, then what is left. */
  run(signal: AbortSignal): Promise<void>;
}

export interface EventRecorderOptions {
  /** `kubelet`, `deployment-controller`: the event's source. */
  readonly component: string;
  /** The node's name, for node components. */
  readonly host?: string;
}

export interface EventRecorderDeps {
  readonly client: Client;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** Starts nothing; what is recorded before `run` waits for it. */
export function createEventRecorder(options: EventRecorderOptions, deps: EventRecorderDeps): EventRecorder {
  const correlator = createEventCorrelator(options, deps);
  const queued: Occurrence[] = [];
  let wake = Promise.withResolvers<void>();

  const writeQueued = async (signal: AbortSignal): Promise<void> => {
    for (let next = queued.shift(); next !== undefined; next = queued.shift()) {
      const write = correlator.correlate(next);
      if (write !== undefined) await writeEvent(write, deps, signal);
    }
  };
  return {
    record: (regarding, type, reason, message, fieldPath) => {
      if (queued.length >= QUEUED_EVENTS_MAX) return deps.log.warn({ reason, message }, 'too many events are waiting; dropping one');
      queued.push({ regarding: referenceTo(regarding, fieldPath), type, reason, message, atMs: deps.clock.now() });
      wake.resolve();
    },
    run: async (signal) => {
      signal.addEventListener('abort', () => wake.resolve(), { once: true });
      while (!signal.aborted) {
        await wake.promise;
        wake = Promise.withResolvers();
        await writeQueued(signal);
      }
      await writeQueued(signal);
    },
  };
}

async function writeEvent(write: EventWrite, { client, clock, random, log }: EventRecorderDeps, signal: AbortSignal): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await sendEvent(write, client);
    } catch (error) {
      const mayRetry = isReason(error, 'ServiceUnavailable') && attempt < ATTEMPTS_MAX && !signal.aborted;
      if (!mayRetry) return log.warn({ err: error, reason: write.event.reason, message: write.event.message }, 'cannot write an event');
      // Upstream spreads the first wait, because all components lose the server at the same moment.
      await clock.sleep(RETRY_DELAY_MS * (attempt === 1 ? random.next() : 1), signal).catch(() => undefined);
    }
  }
}

/** An event that was to be counted up may have expired on the server; then it starts anew. */
async function sendEvent({ event, isRepeated }: EventWrite, client: Client): Promise<void> {
  const { namespace = '', name = '' } = event.metadata;
  if (isRepeated) {
    const { count, lastTimestamp, message } = event;
    try {
      await client.resource(events).patch({ namespace, name }, 'strategic', { count, lastTimestamp, message });
      return;
    } catch (error) {
      if (!isReason(error, 'NotFound')) throw error;
    }
  }
  await client.resource(events).create(event);
}

function referenceTo(regarding: ApiObject | ObjectReference, fieldPath: string | undefined): ObjectReference {
  const path = fieldPath === undefined ? {} : { fieldPath };
  if (!('metadata' in regarding)) return { ...regarding, ...path };
  const { apiVersion, kind, metadata } = regarding;
  const { namespace, name, uid, resourceVersion } = metadata;
  return { apiVersion, kind, ...(namespace === undefined ? {} : { namespace }), name, uid, resourceVersion, ...path };
}
