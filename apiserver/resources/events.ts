/** Events, as the API server serves them: stored in their core/v1 form, seen through events.k8s.io/v1 as well. */

import { validateEvent } from '#api/core/v1/event.ts';
import { eventFieldLabels, eventFromCore, eventToCore, validateEventUpdate, validateNewEvent } from '#api/events/v1/event.ts';
import { eventsEvents, events as type } from '#api/generated/resources.ts';
import type { Event, EventsEvent } from '#api/generated/types.ts';
import { ageOf } from '#api/meta/time.ts';
import { nameColumn, textColumn, wide } from './columns.ts';
import { defineResource } from './define-resource.ts';
import { defineVersion } from './define-version.ts';

export const events = defineResource<Event>(type, {
  shortNames: ['ev'],
  columns: [
    textColumn('Last Seen', 'How long ago it last happened.', lastSeen),
    textColumn('Type', 'Normal or Warning.', (event) => event.type ?? ''),
    textColumn('Reason', 'What happened, in a word.', (event) => event.reason ?? ''),
    textColumn('Object', 'What it happened to.', subject),
    wide(textColumn('Subobject', 'Which part of it.', (event) => event.involvedObject.fieldPath ?? '')),
    wide(textColumn('Source', 'Who says so.', source)),
    textColumn('Message', 'What happened, in a sentence.', (event) => (event.message ?? '').trim()),
    wide(textColumn('First Seen', 'How long ago it first happened.', firstSeen)),
    wide(textColumn('Count', 'How often it happened.', (event) => event.series?.count ?? (event.count || 1))),
    wide(nameColumn),
  ],
  validate: validateEvent,
  selectableFields: (event) => ({
    'involvedObject.kind': event.involvedObject.kind ?? '',
    'involvedObject.namespace': event.involvedObject.namespace ?? '',
    'involvedObject.name': event.involvedObject.name ?? '',
    'involvedObject.uid': event.involvedObject.uid ?? '',
    'involvedObject.apiVersion': event.involvedObject.apiVersion ?? '',
    'involvedObject.resourceVersion': event.involvedObject.resourceVersion ?? '',
    'involvedObject.fieldPath': event.involvedObject.fieldPath ?? '',
    reason: event.reason ?? '',
    reportingComponent: event.reportingComponent ?? '',
    source: event.source?.component || (event.reportingComponent ?? ''),
    type: event.type ?? '',
  }),
});

export const eventsOfOwnGroup = defineVersion<EventsEvent, Event>(eventsEvents, events, {
  toStored: eventToCore,
  fromStored: eventFromCore,
  fieldLabels: eventFieldLabels,
  validateCreate: validateNewEvent,
  validateUpdate: validateEventUpdate,
});

function firstSeen(event: Event, nowMs: number): string {
  return ageOf(event.firstTimestamp ?? event.eventTime, nowMs);
}

function lastSeen(event: Event, nowMs: number): string {
  if (event.series !== undefined) return ageOf(event.series.lastObservedTime, nowMs);
  return event.lastTimestamp === undefined ? firstSeen(event, nowMs) : ageOf(event.lastTimestamp, nowMs);
}

function subject({ involvedObject: { kind = '', name } }: Event): string {
  return name ? `${kind.toLowerCase()}/${name}` : kind.toLowerCase();
}

function source(event: Event): string {
  const component = event.source?.component || (event.reportingComponent ?? '');
  const instance = event.source?.host || (event.reportingInstance ?? '');
  return instance === '' ? component : `${component}, ${instance}`;
}
