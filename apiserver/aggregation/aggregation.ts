/**
 * API aggregation: group versions that other servers answer, and the APIServices that say so. Puts together who they are (`aggregated-servers.ts`), how they are
 * (`server-checks.ts`), how requests get there (`forward-to-server.ts`), and the APIServices of what this server answers itself. Made and run by `api-server.ts`.
 * Source: https://kubernetes.io/docs/concepts/extend-kubernetes/api-extension/apiserver-aggregation/.
 */
import { apiservices, endpointslices, services } from '#api/generated/resources.ts';
import { isReason } from '#api/meta/status.ts';
import { runTogether } from '#component/shutdown.ts';
import type { HealthCheck } from '../health-checks.ts';
import type { PipelineDeps } from '../pipeline/request.ts';
import type { CacheEvent } from '../storage/watch-cache.ts';
import { storagePrefix } from '../storage-key.ts';
import { type AggregatedServers, createAggregatedServers, type FrontProxyCredentials, SERVICE_NAME_LABEL } from './aggregated-servers.ts';
import { createLocalRegistration } from './local-registration.ts';
import { createServerChecks, type KnownServer } from './server-checks.ts';
import { createWakeUp } from './wake-up.ts';

/** Before a watch is taken up again. */
const RETRY_MS = 500;

export interface Aggregation {
  readonly servers: AggregatedServers;
  /** What the servers say of themselves. Another array whenever anything in it has changed. */
  known(): readonly KnownServer[];
  /** For `/readyz`. */
  readonly checks: readonly HealthCheck[];
  run(signal: AbortSignal): Promise<void>;
}

export function createAggregation(deps: PipelineDeps, credentials: FrontProxyCredentials): Aggregation {
  const servers = createAggregatedServers(deps.cache, deps.random, credentials);
  const checks = createServerChecks(servers, deps);
  const wakeUp = createWakeUp(deps.clock);
  const registration = createLocalRegistration(deps, wakeUp);

  const followApiServices = (signal: AbortSignal) =>
    follow(storagePrefix(apiservices), deps, signal, () => {
      checks.keepUp(signal);
      wakeUp.wake();
    });
  const followServices = (signal: AbortSignal) =>
    follow(storagePrefix(services), deps, signal, (events) => {
      for (const { object } of events) checks.wake(object.namespace, object.name);
    });
  const followSlices = (signal: AbortSignal) =>
    follow(storagePrefix(endpointslices), deps, signal, (events) => {
      for (const { object } of events) checks.wake(object.namespace, object.labels[SERVICE_NAME_LABEL] ?? '');
    });

  return {
    servers,
    known: checks.known,
    checks: [{ name: 'autoregister-completion', problem: registration.problem }],
    run: async (signal) => {
      await runTogether(signal, [registration.run, followApiServices, followServices, followSlices]);
      await checks.ended();
    },
  };
}

/** Calls once at the beginning, then for every change; when some were missed, as if all had just begun. */
async function follow(
  prefix: string,
  { cache, clock, log }: PipelineDeps,
  signal: AbortSignal,
  onChange: (events: readonly CacheEvent[]) => void,
): Promise<void> {
  while (!signal.aborted) {
    const watch = cache.watch(prefix, cache.revision());
    try {
      onChange([]);
      while (!signal.aborted) {
        const { events } = await watch.next(signal);
        if (events.length > 0) onChange(events);
      }
    } catch (error) {
      if (signal.aborted) return;
      if (!isReason(error, 'Expired')) log.warn({ err: error, prefix }, 'changes were missed; beginning again');
      await clock.sleep(RETRY_MS, signal).catch(() => {});
    } finally {
      watch.close();
    }
  }
}
