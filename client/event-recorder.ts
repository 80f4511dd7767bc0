/**
 * Writes Events about objects. Equal events within ten minutes become one with a rising `count`, and a burst about one object is
 * limited, as client-go's correlator does. Recording never fails the caller: what cannot be written is logged and dropped.
 */
import type { ObjectReference } from '#api/generated/types.ts';
import type { ApiObject } from '#api/meta/resource-type.ts';
import type { Clock } from '#component/clock.ts';
import type { Logger } from '#component/logger.ts';
import type { Random } from '#component/random.ts';
import type { Client } from './client.ts';

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

export declare function createEventRecorder(
  options: EventRecorderOptions,
  deps: { client: Client; clock: Clock; random: Random; log: Logger },
): EventRecorder;
