/**
 * The APIServices of what this server answers itself: which there should be, and what to do about those there are. Pure; `apiserver/aggregation/` does it. Of built-in
 * groups they are made and put right once, when the server starts; of custom resources always. What a user has taken the label from is the user's.
 * Source: k8s.io/kube-aggregator, pkg/controllers/autoregister.
 */
import type { APIService } from '../../generated/types.ts';
import { jsonEquals } from '../../meta/json.ts';
import { apiServiceName } from './api-service.ts';
import { type Prioritized, priorityOf } from './priorities.ts';

export const AUTOMANAGED_LABEL = 'kube-aggregator.kubernetes.io/automanaged';

export interface ServedVersion {
  readonly group: string;
  readonly version: string;
  readonly isCustom: boolean;
}

export interface LocalApiService {
  readonly metadata: { readonly name: string; readonly labels: Readonly<Record<string, string>> };
  readonly spec: APIService['spec'];
}

export type LocalAction =
  | { readonly type: 'create'; readonly apiService: LocalApiService }
  | { readonly type: 'update'; readonly apiService: LocalApiService }
  | { readonly type: 'delete'; readonly name: string };

export interface LocalSnapshot {
  readonly served: readonly ServedVersion[];
  readonly present: readonly APIService[];
  /** Names of those of built-in groups that have been seen to since the server started. */
  readonly settled: ReadonlySet<string>;
}

/** Every version once, in the order in which clients are to see them. */
export function prioritized(served: readonly ServedVersion[]): readonly (ServedVersion & Prioritized)[] {
  return served.map((one) => ({ ...one, priority: priorityOf(one.group, one.version, one) }));
}

export function planLocalApiServices({ served, present, settled }: LocalSnapshot): readonly LocalAction[] {
  const wanted = new Map(
    prioritized(served)
      .filter(isRegistered)
      .map((one) => [apiServiceName(one), apiServiceOf(one)]),
  );
  const known = new Map(present.map((one) => [one.metadata.name ?? '', one]));
  return [
    ...[...wanted.values()].flatMap((one) => actionFor(one, known.get(one.metadata.name), settled)),
    ...present
      .filter((one) => isForsaken(one, wanted, settled))
      .map(({ metadata }) => ({ type: 'delete', name: metadata.name ?? '' }) as const),
  ];
}

/** The group of APIServices itself is not among them, as upstream has it. */
function isRegistered({ group }: ServedVersion): boolean {
  return group !== 'apiregistration.k8s.io';
}

function apiServiceOf({ group, version, isCustom, priority }: ServedVersion & Prioritized): LocalApiService {
  return {
    metadata: { name: apiServiceName({ group, version }), labels: { [AUTOMANAGED_LABEL]: isCustom ? 'true' : 'onstart' } },
    spec: { ...(group === '' ? {} : { group }), version, groupPriorityMinimum: priority.group, versionPriority: priority.version },
  };
}

function actionFor(wanted: LocalApiService, present: APIService | undefined, settled: ReadonlySet<string>): readonly LocalAction[] {
  const isOnce = wanted.metadata.labels[AUTOMANAGED_LABEL] === 'onstart';
  if (isOnce && settled.has(wanted.metadata.name)) return [];
  if (present === undefined) return [{ type: 'create', apiService: wanted }];
  const isOurs = managementOf(present) !== undefined;
  return isOurs && !jsonEquals(present.spec, wanted.spec) ? [{ type: 'update', apiService: wanted }] : [];
}

/** Made by us for something that is no longer served. */
function isForsaken(present: APIService, wanted: ReadonlyMap<string, LocalApiService>, settled: ReadonlySet<string>): boolean {
  const name = present.metadata.name ?? '';
  if (wanted.has(name)) return false;
  const management = managementOf(present);
  return management === 'true' || (management === 'onstart' && !settled.has(name) && settled.size === 0);
}

function managementOf({ metadata }: APIService): string | undefined {
  const label = metadata.labels?.[AUTOMANAGED_LABEL];
  return label === 'true' || label === 'onstart' ? label : undefined;
}
