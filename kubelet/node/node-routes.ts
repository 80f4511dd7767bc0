/**
 * Keeps the routes to the other nodes' pods as the Node objects say. Any change of a node leads to one look at all of them, which runs `ip`
 * only for what differs; a route that cannot be set (the other node is not reachable yet) is tried again.
 */
import type { Node } from '#api/generated/types.ts';
import type { Informer } from '#client/informer.ts';
import type { Clock } from '#component/clock.ts';
import type { Logger } from '#component/logger.ts';
import type { Run } from '../network/exec.ts';
import { applyRoutes, planRoutes, readRoutes, wantedRoutes } from '../network/routes.ts';

const RETRY_MS = 5_000;

export interface NodeRoutesDeps {
  readonly nodes: Informer<Node>;
  readonly nodeName: string;
  readonly run: Run;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Until aborted. */
export async function runNodeRoutes(deps: NodeRoutesDeps, signal: AbortSignal): Promise<void> {
  await deps.nodes.whenSynced(signal);
  let changed = Promise.withResolvers<void>();
  let known = '';
  const unsubscribe = deps.nodes.onChange(() => changed.resolve());
  signal.addEventListener('abort', () => changed.resolve(), { once: true });
  while (!signal.aborted) {
    changed = Promise.withResolvers();
    const wanted = wantedRoutes(deps.nodes.store.list(), deps.nodeName);
    // Most changes of a node are heartbeats; they cost no process.
    const isNew = JSON.stringify(wanted) !== known;
    try {
      if (isNew) await applyRoutes(planRoutes(wanted, await readRoutes(deps.run)), deps.run);
      if (isNew) deps.log.info({ routes: wanted }, 'routes to the other nodes are set');
      known = JSON.stringify(wanted);
      await changed.promise;
    } catch (error) {
      deps.log.warn({ err: error }, 'cannot set the routes to the other nodes');
      await deps.clock.sleep(RETRY_MS, signal).catch(() => {});
    }
  }
  unsubscribe();
}
