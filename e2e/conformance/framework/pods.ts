/** Pods that tests run: the idle one, and waiting until one runs. */
import type { Json } from '../../cluster.ts';
import { IDLE_COMMAND, WORKLOAD_IMAGE } from './image.ts';
import type { Resource } from './resource.ts';

/** Told to stop, the idle program stops at once; this is for one that was never started. */
const GRACE_SECONDS = 5;

/** Of a readiness probe, laid over by its handler: at once when it is so, and patient with a busy machine. */
export const READINESS: Json = { periodSeconds: 1, timeoutSeconds: 10 };

/** Runs and does nothing. `spec` and `container` are laid over what it would be. */
export function aPod(name: string, options: { labels?: Json; spec?: Json; container?: Json } = {}): Json {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels: options.labels ?? {} },
    spec: {
      terminationGracePeriodSeconds: GRACE_SECONDS,
      containers: [{ name: 'main', image: WORKLOAD_IMAGE, command: [...IDLE_COMMAND], ...options.container }],
      ...options.spec,
    },
  };
}

/** A pod template of the idle program. */
export function aTemplate(labels: Json, options: { spec?: Json; container?: Json } = {}): Json {
  return { metadata: { labels }, spec: aPod('', options).spec };
}

export function untilRunning(pods: Resource, name: string): Promise<Json> {
  return pods.until(name, `pod ${name} runs`, (pod) => pod?.status.phase === 'Running' && pod);
}

export function isReady(pod: Json): boolean {
  return (pod?.status?.conditions ?? []).some(({ type, status }: Json) => type === 'Ready' && status === 'True');
}

export function untilReady(pods: Resource, name: string): Promise<Json> {
  return pods.until(name, `pod ${name} is ready`, (pod) => isReady(pod) && pod);
}
