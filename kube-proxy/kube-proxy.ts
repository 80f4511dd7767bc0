/**
 * Keeps this node's packet rules equal to the cluster's Services: informers wake it, a sync renders everything that is known now and loads it
 * in one transaction. At once when it was idle; after a sync it rests in proportion to what the sync cost, so that a storm of changes
 * becomes a few loads. A failed load is repeated with back-off and replaces the table as a whole. Rules stay when the process ends: traffic must
 * not depend on the proxy's being up.
 */
import { isDeepStrictEqual } from 'node:util';
import { endpointslices, nodes, services } from '#api/generated/resources.ts';
import type { EndpointSlice, Node, Service } from '#api/generated/types.ts';
import { createInformer, type Informer, type InformerDeps } from '#client/informer.ts';
import type { Clock } from '#component/clock.ts';
import type { Logger } from '#component/logger.ts';
import { Counter, Gauge, Histogram, type Registry } from '#component/metrics.ts';
import type { Random } from '#component/random.ts';
import { runTogether } from '#component/shutdown.ts';
import type { Nft } from './nft.ts';
import { renderRuleset } from './render-ruleset.ts';
import { planServiceRoutes, type ServiceRoute } from './service-routes.ts';
import { findStaleFlows } from './stale-flows.ts';

/** Rest this many times as long as the sync took: under a storm of changes the proxy uses a twentieth of a core. */
const REST_PER_SYNC = 20;
const REST_MS_MIN = 100;
/** Upstream's minimum interval between syncs; a bigger ruleset does not wait longer. */
const REST_MS_MAX = 1_000;
const RETRY_MS_BASE = 500;
const RETRY_MS_MAX = 30_000;

/** Another proxy's Services, and the slices of Services without a cluster IP. */
const NOT_OURS = 'service.kubernetes.io/service-proxy-name';
const HEADLESS = 'service.kubernetes.io/headless';
const ZONE_LABEL = 'topology.kubernetes.io/zone';

/** What the proxy watches. */
export interface ProxyInformers {
  readonly services: Informer<Service>;
  readonly slices: Informer<EndpointSlice>;
  /** This node alone, for its zone. */
  readonly node: Informer<Node>;
}

export function createProxyInformers(nodeName: string, deps: InformerDeps): ProxyInformers {
  return {
    services: createInformer({ type: services, labelSelector: `!${NOT_OURS}` }, deps),
    slices: createInformer({ type: endpointslices, labelSelector: `!${NOT_OURS},!${HEADLESS}` }, deps),
    node: createInformer({ type: nodes, fieldSelector: `metadata.name=${nodeName}` }, deps),
  };
}

export interface KubeProxyDeps {
  readonly informers: ProxyInformers;
  readonly nodeName: string;
  readonly podCidr: string;
  readonly serviceCidr: string;
  readonly nft: Nft;
  readonly registry: Registry;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

export interface KubeProxy {
  run(signal: AbortSignal): Promise<void>;
  /** What is not ready yet, for the health server: the rules, until they have been loaded once. */
  unready(): readonly string[];
}

/** What the kernel has: the routes, and the affinity sets if we can be sure of them. */
interface Loaded {
  readonly routes: readonly ServiceRoute[];
  readonly affinitySets: readonly string[];
}

export function createKubeProxy(deps: KubeProxyDeps): KubeProxy {
  const watched = deps.informers;
  const informers = [watched.services, watched.slices, watched.node];
  const metrics = createMetrics(deps.registry);
  let loaded: Loaded | undefined;

  function planRoutes(): readonly ServiceRoute[] {
    const zone = watched.node.store.list()[0]?.metadata.labels?.[ZONE_LABEL] ?? '';
    return planServiceRoutes({
      services: watched.services.store.list(),
      slices: watched.slices.store.list(),
      node: { name: deps.nodeName, zone },
    });
  }

  async function sync(signal: AbortSignal): Promise<void> {
    const routes = planRoutes();
    if (loaded !== undefined && isDeepStrictEqual(routes, loaded.routes)) return;
    const previous = loaded ?? { routes: [], affinitySets: [] };
    const { text, affinitySets } = renderRuleset(routes, { ...deps, previousAffinitySets: previous.affinitySets });
    await deps.nft.load(text, signal);
    loaded = { routes, affinitySets };
    metrics.routes.set(routes.length);
    metrics.lastTime.set(deps.clock.now() / 1_000);
    deps.log.info({ routes: routes.length, bytes: text.length }, 'rules loaded');
    await forgetStaleFlows(previous.routes, routes, signal);
  }

  /** A flow that could not be forgotten times out by itself; the rules are right in any case. */
  async function forgetStaleFlows(before: readonly ServiceRoute[], after: readonly ServiceRoute[], signal: AbortSignal): Promise<void> {
    for (const flow of findStaleFlows(before, after)) {
      try {
        await deps.nft.forgetFlow(flow, signal);
      } catch (error) {
        if (signal.aborted) throw error;
        deps.log.warn({ err: error, flow }, 'cannot forget UDP flows');
      }
    }
  }

  /** Gives the time to rest before the next sync, or before the same one again. */
  async function trySync(failureCount: number, signal: AbortSignal): Promise<{ readonly isDone: boolean; readonly restMs: number }> {
    const startMs = deps.clock.monotonic();
    try {
      await sync(signal);
      const tookMs = deps.clock.monotonic() - startMs;
      metrics.duration.observe(tookMs / 1_000);
      return { isDone: true, restMs: Math.min(Math.max(tookMs * REST_PER_SYNC, REST_MS_MIN), REST_MS_MAX) };
    } catch (error) {
      if (signal.aborted) throw error;
      metrics.failures.inc();
      // Whatever the kernel has now, the next load replaces all of it.
      loaded = undefined;
      const restMs = Math.min(RETRY_MS_BASE * 2 ** failureCount, RETRY_MS_MAX) * (0.5 + deps.random.next() / 2);
      deps.log.error({ err: error, retryMs: Math.round(restMs) }, 'cannot load the rules');
      return { isDone: false, restMs };
    }
  }

  async function syncOnChange(signal: AbortSignal): Promise<void> {
    await Promise.all(informers.map((informer) => informer.whenSynced(signal)));
    const changes = createBell();
    for (const informer of informers) informer.onChange(changes.ring);
    changes.ring();
    let failureCount = 0;
    while (!signal.aborted) {
      await changes.rung(signal);
      const { isDone, restMs } = await trySync(failureCount, signal);
      failureCount = isDone ? 0 : failureCount + 1;
      if (!isDone) changes.ring();
      await deps.clock.sleep(restMs, signal);
    }
  }

  return {
    run: (signal) => runTogether(signal, [...informers.map((informer) => informer.run), syncOnChange]),
    unready: () => (loaded === undefined ? ['rules'] : []),
  };
}

/** Remembers that something happened until someone has waited for it; many rings are one. */
function createBell(): { ring(): void; rung(signal: AbortSignal): Promise<void> } {
  let bell = Promise.withResolvers<void>();
  return {
    ring: () => bell.resolve(),
    rung: async (signal) => {
      const aborted = Promise.withResolvers<never>();
      const onAbort = () => aborted.reject(signal.reason);
      signal.addEventListener('abort', onAbort, { once: true });
      try {
        await Promise.race([bell.promise, aborted.promise]);
      } finally {
        signal.removeEventListener('abort', onAbort);
      }
      bell = Promise.withResolvers<void>();
    },
  };
}

function createMetrics(registry: Registry) {
  const registers = [registry];
  return {
    duration: new Histogram({
      name: 'keelson_proxy_sync_duration_seconds',
      help: 'Time a sync took, also when nothing had to be loaded.',
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
      registers,
    }),
    failures: new Counter({ name: 'keelson_proxy_sync_failures_total', help: 'Syncs that failed and were repeated.', registers }),
    lastTime: new Gauge({ name: 'keelson_proxy_sync_last_timestamp_seconds', help: 'When rules were last loaded.', registers }),
    routes: new Gauge({ name: 'keelson_proxy_sync_routes', help: 'Service ports in the rules that are loaded.', registers }),
  };
}
