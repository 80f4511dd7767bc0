/**
 * Events as events.k8s.io/v1 knows them: the same objects as core/v1's under better names. The conversion both ways, and what the newer group asks of events that
 * the older lets pass. Source: upstream's pkg/apis/events/v1/conversion.go and pkg/apis/core/validation/events.go.
 */
import { decodeObject } from '../../decode.ts';
import { events, eventsEvents } from '../../generated/resources.ts';
import type { Event, EventsEvent } from '../../generated/types.ts';
import { invalidValue, required } from '../../meta/field-path.ts';
import { jsonEquals } from '../../meta/json.ts';
import { qualifiedNameProblems } from '../../meta/names.ts';
import type { FieldProblem } from '../../meta/status.ts';
import { validateImmutable } from '../../meta/validation.ts';

const INSTANCE_CHARACTERS_MAX = 128;
const ACTION_CHARACTERS_MAX = 128;
const REASON_CHARACTERS_MAX = 128;
const NOTE_BYTES_MAX = 1024;
const SERIES_COUNT_MIN = 2;

/** What field selectors of this group are called in the core group. */
export const eventFieldLabels: Readonly<Record<string, string>> = {
  reason: 'reason',
  'regarding.kind': 'involvedObject.kind',
  'regarding.namespace': 'involvedObject.namespace',
  'regarding.name': 'involvedObject.name',
  'regarding.uid': 'involvedObject.uid',
  'regarding.apiVersion': 'involvedObject.apiVersion',
  'regarding.resourceVersion': 'involvedObject.resourceVersion',
  'regarding.fieldPath': 'involvedObject.fieldPath',
  reportingController: 'reportingComponent',
  type: 'type',
};

export function eventToCore(event: EventsEvent): Event {
  const { regarding, note, reportingController, deprecatedSource, ...rest } = event;
  const { deprecatedFirstTimestamp, deprecatedLastTimestamp, deprecatedCount, ...same } = rest;
  return decodeObject(events, {
    ...same,
    apiVersion: 'v1',
    involvedObject: regarding,
    message: note,
    reportingComponent: reportingController,
    source: deprecatedSource,
    firstTimestamp: deprecatedFirstTimestamp,
    lastTimestamp: deprecatedLastTimestamp,
    count: deprecatedCount,
  }).object;
}

export function eventFromCore(event: Event): EventsEvent {
  const { involvedObject, message, reportingComponent, source, firstTimestamp, lastTimestamp, count, ...same } = event;
  return decodeObject(eventsEvents, {
    ...same,
    apiVersion: 'events.k8s.io/v1',
    regarding: involvedObject,
    note: message,
    reportingController: reportingComponent,
    deprecatedSource: source,
    deprecatedFirstTimestamp: firstTimestamp,
    deprecatedLastTimestamp: lastTimestamp,
    deprecatedCount: count,
  }).object;
}

/** A new event says who saw what, when, and nothing in the fields of old. */
export function validateNewEvent(event: EventsEvent): readonly FieldProblem[] {
  const { eventTime, reportingController = '', reportingInstance = '', action = '', reason = '', note = '', type = '' } = event;
  const problems: FieldProblem[] = [];
  if (eventTime === undefined) problems.push(required('eventTime'));
  if (reportingController === '') problems.push(required('reportingController'));
  else {
    const nameProblems = qualifiedNameProblems(reportingController);
    problems.push(...nameProblems.map((problem) => invalidValue('reportingController', reportingController, problem)));
  }
  problems.push(...validateText(reportingInstance, 'reportingInstance', INSTANCE_CHARACTERS_MAX));
  problems.push(...validateText(action, 'action', ACTION_CHARACTERS_MAX));
  problems.push(...validateText(reason, 'reason', REASON_CHARACTERS_MAX));
  if (Buffer.byteLength(note) > NOTE_BYTES_MAX) problems.push(invalidValue('message', '', `can have at most ${NOTE_BYTES_MAX} characters`));
  if (type !== 'Normal' && type !== 'Warning') problems.push(invalidValue('type', '', `has invalid value: ${type}`));
  return [...problems, ...validateUnset(event)];
}

function validateText(text: string, field: string, charactersMax: number): readonly FieldProblem[] {
  if (text === '') return [required(field)];
  return text.length > charactersMax ? [invalidValue(field, '', `can have at most ${charactersMax} characters`)] : [];
}

function validateUnset(event: EventsEvent): readonly FieldProblem[] {
  const { deprecatedFirstTimestamp, deprecatedLastTimestamp, deprecatedCount = 0, deprecatedSource = {} } = event;
  const set: readonly (readonly [string, boolean])[] = [
    ['firstTimestamp', deprecatedFirstTimestamp !== undefined],
    ['lastTimestamp', deprecatedLastTimestamp !== undefined],
    ['count', deprecatedCount !== 0],
    ['source', Boolean(deprecatedSource.component) || Boolean(deprecatedSource.host)],
  ];
  return set.filter(([, isSet]) => isSet).map(([field]) => invalidValue(field, '', 'needs to be unset'));
}

/** What has happened has happened; only that it happened again may be added. */
export function validateEventUpdate(event: EventsEvent, previous: EventsEvent): readonly FieldProblem[] {
  const fixed = [
    ['regarding', 'involvedObject'],
    ['reason', 'reason'],
    ['note', 'message'],
    ['deprecatedSource', 'source'],
    ['deprecatedFirstTimestamp', 'firstTimestamp'],
    ['deprecatedLastTimestamp', 'lastTimestamp'],
    ['deprecatedCount', 'count'],
    ['type', 'type'],
    ['eventTime', 'eventTime'],
    ['action', 'action'],
    ['related', 'related'],
    ['reportingController', 'reportingController'],
    ['reportingInstance', 'reportingInstance'],
  ] as const;
  return [
    ...fixed.flatMap(([name, field]) => validateImmutable(event[name], previous[name], field)),
    ...(jsonEquals(event.series, previous.series) ? [] : validateSeries(event.series)),
  ];
}

function validateSeries(series: EventsEvent['series']): readonly FieldProblem[] {
  if (series === undefined) return [];
  const problems = series.count < SERIES_COUNT_MIN ? [invalidValue('series.count', '', `should be at least ${SERIES_COUNT_MIN}`)] : [];
  return series.lastObservedTime === undefined ? [...problems, required('series.lastObservedTime')] : problems;
}
