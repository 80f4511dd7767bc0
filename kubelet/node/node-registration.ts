/**
 * Keeps this node's Node object there and true: creates it if the API has none, and writes its status when something about it changed, else
 * every five minutes. That the node lives is told by its lease (`node-lease.ts`), which is cheaper to write.
 */
import { isDeepStrictEqual } from 'node:util';
import { nodes } from '#api/generated/resources.ts';
import type { Node } from '#api/generated/types.ts';
import { isReason } from '#api/meta/status.ts';
import type { Client } from '#client/client.ts';
import type { Clock } from '#component/clock.ts';
import type { Logger } from '#component/logger.ts';
import { buildNodeStatus, draftNode, type NodeDescription, type NodeHealth, withOwnLabels, withoutHeartbeat } from './node-object.ts';

export interface NodeRegistration {
  /** Until aborted. */
  run(signal: AbortSignal): Promise<void>;
  /** Something that the status tells may have changed. */
  wake(): void;
  isRegistered(): boolean;
}

export interface NodeRegistrationDeps {
  readonly client: Client;
  readonly clock: Clock;
  readonly log: Logger;
  readonly description: NodeDescription;
  readonly checkHealth: () => Promise<NodeHealth>;
  readonly onNode: (node: Node) => void;
}

/** Upstream's `nodeStatusReportFrequency`. */
const REPORT_MS = 300_000;
/** How often the engine is asked after while nothing else says that it changed. */
const LOOK_MS = 60_000;
const RETRY_MS = 1_000;

export function createNodeRegistration(deps: NodeRegistrationDeps): NodeRegistration {
  const { client, clock, log, description } = deps;
  let woken = Promise.withResolvers<void>();
  let isRegistered = false;
  let reportedAtMs = 0;

  async function ensureNode(): Promise<Node> {
    const resource = client.resource(nodes);
    try {
      const node = await resource.get({ namespace: '', name: description.name });
      const labelled = withOwnLabels(node, description);
      return labelled === node ? node : await resource.update(labelled);
    } catch (error) {
      if (!isReason(error, 'NotFound')) throw error;
      log.info({ node: description.name }, 'registering the node');
      return resource.create(draftNode(description));
    }
  }

  async function report(): Promise<void> {
    const [node, health] = await Promise.all([ensureNode(), deps.checkHealth()]);
    const nowMs = clock.now();
    const status = buildNodeStatus(node, description, health, nowMs);
    const isChanged = !isDeepStrictEqual(withoutHeartbeat(status), withoutHeartbeat(node.status));
    const isDue = nowMs - reportedAtMs >= REPORT_MS;
    const written = isChanged || isDue ? await client.resource(nodes).updateStatus({ ...node, status }) : node;
    if (isChanged || isDue) reportedAtMs = nowMs;
    if (isChanged) log.info({ problems: health.problems }, 'reported the status of the node');
    isRegistered = true;
    deps.onNode(written);
  }

  /** After a wait, or sooner when woken. */
  async function pause(durationMs: number, signal: AbortSignal): Promise<void> {
    const cut = new AbortController();
    const slept = clock.sleep(durationMs, AbortSignal.any([signal, cut.signal])).catch(() => {});
    await Promise.race([slept, woken.promise]);
    cut.abort();
    woken = Promise.withResolvers();
  }

  return {
    run: async (signal) => {
      while (!signal.aborted) {
        let waitMs = LOOK_MS;
        try {
          await report();
        } catch (error) {
          // Somebody else wrote the Node meanwhile (its taints, its pod CIDR): look again, from what is there now.
          if (isReason(error, 'Conflict')) continue;
          waitMs = RETRY_MS;
          log.warn({ err: error }, 'cannot report the status of the node');
        }
        await pause(waitMs, signal);
      }
    },
    wake: () => woken.resolve(),
    isRegistered: () => isRegistered,
  };
}
