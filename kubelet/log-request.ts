/**
 * A request for a container's log: its options, which container it means, and whether that has anything to show yet. Pure; refusals are
 * `ApiError`s in upstream's words, which `kubectl logs` prints. Source: the kubelet's `validateContainerLogStatus`.
 */
import type { ContainerStatus, Pod } from '#api/generated/types.ts';
import { ApiError } from '#api/meta/status.ts';
import { allContainersOf, statusOf } from './pod-snapshot.ts';
import type { RuntimeContainer } from './runtime/container-runtime.ts';

export interface LogRequest {
  readonly isFollowed: boolean;
  readonly isPrevious: boolean;
  readonly hasTimestamps: boolean;
  readonly tailLines?: number;
  readonly limitBytes?: number;
  readonly sinceMs?: number;
}

export function parseLogRequest(query: URLSearchParams, nowMs: number): LogRequest {
  const tailLines = parseCount(query, 'tailLines', 0);
  const limitBytes = parseCount(query, 'limitBytes', 1);
  const sinceSeconds = parseCount(query, 'sinceSeconds', 1);
  const sinceTime = query.get('sinceTime');
  if (sinceSeconds !== undefined && sinceTime !== null)
    throw new ApiError('Invalid', 'at most one of `sinceTime` or `sinceSeconds` may be specified');
  const sinceMs = sinceSeconds === undefined ? parseSince(sinceTime) : nowMs - sinceSeconds * 1000;
  return {
    isFollowed: isTrue(query.get('follow')),
    isPrevious: isTrue(query.get('previous')),
    hasTimestamps: isTrue(query.get('timestamps')),
    ...(tailLines === undefined ? {} : { tailLines }),
    ...(limitBytes === undefined ? {} : { limitBytes }),
    ...(sinceMs === undefined ? {} : { sinceMs }),
  };
}

function isTrue(value: string | null): boolean {
  return value === 'true' || value === '1' || value === '';
}

function parseCount(query: URLSearchParams, name: string, min: number): number | undefined {
  const text = query.get(name);
  if (text === null || text === '') return undefined;
  const value = Number(text);
  if (!Number.isInteger(value)) throw new ApiError('BadRequest', `invalid value for ${name}: "${text}"`);
  if (value < min) throw new ApiError('Invalid', `${name}: Invalid value: ${value}: must be greater than or equal to ${min}`);
  return value;
}

function parseSince(text: string | null): number | undefined {
  if (text === null || text === '') return undefined;
  const value = Date.parse(text);
  if (Number.isNaN(value)) throw new ApiError('BadRequest', `invalid value for sinceTime: "${text}"`);
  return value;
}

/** The attempt whose log is meant. `attempts`: of this container, newest last. */
export function chooseAttempt(
  pod: Pod,
  containerName: string,
  attempts: readonly RuntimeContainer[],
  { isPrevious }: Pick<LogRequest, 'isPrevious'>,
): RuntimeContainer {
  const status = statusOf(pod, containerName);
  const isKnown = allContainersOf(pod).some(({ name }) => name === containerName);
  if (!isKnown) throw new ApiError('BadRequest', `container ${containerName} is not valid for pod ${pod.metadata.name}`);
  const shown = attempts.filter(({ state }) => state.phase !== 'created');
  const found = isPrevious ? previousOf(shown, attempts) : shown.at(-1);
  if (found !== undefined) return found;
  if (isPrevious) {
    throw new ApiError('BadRequest', `previous terminated container "${containerName}" in pod "${pod.metadata.name}" not found`);
  }
  throw new ApiError('BadRequest', waitingMessage(pod, containerName, status));
}

/** While a container waits to be restarted, the last run is the previous one. */
function previousOf(shown: readonly RuntimeContainer[], attempts: readonly RuntimeContainer[]): RuntimeContainer | undefined {
  if (shown.length >= 2) return shown.at(-2);
  return attempts.length > shown.length ? shown.at(-1) : undefined;
}

function waitingMessage(pod: Pod, containerName: string, status: ContainerStatus | undefined): string {
  const about = `container "${containerName}" in pod "${pod.metadata.name}"`;
  const { reason = 'ContainerCreating' } = status?.state?.waiting ?? {};
  if (reason === 'ErrImagePull' || reason === 'ErrImageNeverPull') return `${about} is waiting to start: image can't be pulled`;
  if (reason === 'ImagePullBackOff') return `${about} is waiting to start: trying and failing to pull image`;
  return `${about} is waiting to start: ${reason}`;
}
