/**
 * One loop per aggregated server: looks whether it can be asked, asks it, writes what it found into the APIService's status and keeps what the server says of itself. Woken by
 * changes of the APIService, its Service and its endpoints, and by itself every half minute, because a network can fail without telling. Run by `aggregation.ts`.
 * Source: k8s.io/kube-aggregator, pkg/controllers/status/remote and pkg/apiserver/handler_discovery.go.
 */
import { apiservices } from '#api/generated/resources.ts';
import type { APIServiceCondition } from '#api/generated/types.ts';
import { withCondition } from '#api/meta/condition.ts';
import { isReason } from '#api/meta/status.ts';
import { formatTime } from '#component/clock.ts';
import { isOfType } from '../encoding/json-value.ts';
import { modifyStored } from '../pipeline/modify-stored.ts';
import type { PipelineDeps } from '../pipeline/request.ts';
import type { AggregatedServer, AggregatedServers } from './aggregated-servers.ts';
import { askServer } from './ask-server.ts';
import { examineServer } from './examine-server.ts';
import { readDocuments, type ServerDocuments } from './server-documents.ts';
import { createWakeUp } from './wake-up.ts';

/** As upstream's resync. */
const CHECK_INTERVAL_MS = 30_000;
const RETRY_MS_MIN = 250;
const RETRY_MS_MAX = 30_000;

/** What is known of a server that was asked. */
export interface KnownServer {
  readonly server: AggregatedServer;
  readonly documents: ServerDocuments | undefined;
  /** The last answer still holds. */
  readonly isCurrent: boolean;
}

export interface ServerChecks {
  /** Another array whenever anything in it has changed. */
  known(): readonly KnownServer[];
  /** Begins with new servers and leaves those that are gone. */
  keepUp(signal: AbortSignal): void;
  /** Something about this Service has changed. */
  wake(namespace: string, serviceName: string): void;
  /** Resolves when all loops have ended. */
  ended(): Promise<void>;
}

interface Loop {
  readonly stop: AbortController;
  readonly done: Promise<void>;
  /** The spec as it was when last looked at; what is there now decides. */
  readonly uid: string;
  wake(): void;
}

export function createServerChecks(servers: AggregatedServers, deps: PipelineDeps): ServerChecks {
  const loops = new Map<string, Loop>();
  const ending = new Set<Promise<void>>();
  let known: readonly KnownServer[] = [];

  function learn(one: KnownServer): void {
    const before = known.find(({ server }) => server.name === one.server.name);
    const isSame =
      before?.documents === one.documents &&
      before?.isCurrent === one.isCurrent &&
      before.server.apiService.spec === one.server.apiService.spec;
    if (!isSame) known = [...known.filter((other) => other !== before), one];
  }

  function find(name: string): AggregatedServer | undefined {
    return servers.all().find((server) => server.name === name);
  }

  /** Gives whether all is well. Discovery knows before the status says so: whoever reads `Available` may use the API at once. */
  async function check(name: string, signal: AbortSignal): Promise<boolean> {
    const server = find(name);
    if (server === undefined) return true;
    const condition = await examineServer(server, servers, deps, signal);
    const isCurrent = condition.status === 'True' && (await readAnew(server, signal));
    // What has been left meanwhile is not learnt again.
    signal.throwIfAborted();
    if (!isCurrent) learn({ server, documents: known.find((one) => one.server.name === name)?.documents, isCurrent });
    await writeCondition(server, condition, deps, signal);
    return isCurrent;
  }

  async function readAnew(server: AggregatedServer, signal: AbortSignal): Promise<boolean> {
    const target = servers.resolve(server);
    if (target === undefined) return false;
    const before = known.find((one) => one.server.name === server.name)?.documents;
    try {
      const documents = await readDocuments(server, (question) => askServer(target, question, { clock: deps.clock, signal }), before);
      signal.throwIfAborted();
      learn({ server, documents, isCurrent: true });
      return true;
    } catch (error) {
      if (!signal.aborted) deps.log.warn({ err: error, apiService: server.name }, 'what an aggregated server serves cannot be read');
      return false;
    }
  }

  async function run(name: string, wakeUp: ReturnType<typeof createWakeUp>, signal: AbortSignal): Promise<void> {
    let failures = 0;
    while (!signal.aborted) {
      const isWell = await check(name, signal).catch((error: unknown) => {
        if (!signal.aborted) deps.log.warn({ err: error, apiService: name }, 'an APIService was not checked; trying again');
        return false;
      });
      failures = isWell ? 0 : failures + 1;
      await wakeUp.sleep(isWell ? CHECK_INTERVAL_MS : Math.min(RETRY_MS_MIN * 2 ** failures, RETRY_MS_MAX), signal);
    }
  }

  function begin(server: AggregatedServer, outer: AbortSignal): void {
    const stop = new AbortController();
    const wakeUp = createWakeUp(deps.clock);
    const done = run(server.name, wakeUp, AbortSignal.any([outer, stop.signal]));
    ending.add(done);
    void done.finally(() => ending.delete(done));
    loops.set(server.name, { stop, done, uid: server.apiService.metadata.uid ?? '', wake: wakeUp.wake });
  }

  return {
    known: () => known,
    keepUp: (signal) => {
      const present = new Map(servers.all().map((server) => [server.name, server]));
      for (const [name, loop] of loops) {
        if (present.get(name)?.apiService.metadata.uid === loop.uid) continue;
        loop.stop.abort(new Error('the APIService is gone'));
        loops.delete(name);
        known = known.filter(({ server }) => server.name !== name);
      }
      for (const [name, server] of present) {
        const loop = loops.get(name);
        if (loop === undefined) begin(server, signal);
        else if (hasNewSpec(server, known)) loop.wake();
      }
    },
    wake: (namespace, serviceName) => {
      for (const { name, reference } of servers.all()) {
        if (reference.namespace === namespace && reference.name === serviceName) loops.get(name)?.wake();
      }
    },
    ended: async () => {
      await Promise.all(ending);
    },
  };
}

/** Our own writes to the status come back as changes too, and are none. */
function hasNewSpec({ name, apiService }: AggregatedServer, known: readonly KnownServer[]): boolean {
  const before = known.find(({ server }) => server.name === name)?.server.apiService.spec;
  return before === undefined || JSON.stringify(before) !== JSON.stringify(apiService.spec);
}

/** Onto the APIService as it is now, unless it leads elsewhere meanwhile: then it is looked at anew anyway. */
async function writeCondition(
  server: AggregatedServer,
  condition: APIServiceCondition,
  deps: PipelineDeps,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted();
  const target = { definition: deps.resources.get(apiservices), namespace: '', name: server.name, isDryRun: false, signal };
  try {
    const { outcome } = await modifyStored(target, deps, (object) => {
      const isSame = isOfType(apiservices, object) && JSON.stringify(object.spec) === JSON.stringify(server.apiService.spec);
      if (!isSame) return { action: 'write', object };
      const conditions = withCondition(object.status?.conditions, condition, formatTime(deps.clock.now()));
      return { action: 'write', object: { ...object, ...{ status: { ...object.status, conditions } } } };
    });
    if (outcome === 'written') deps.log.info({ apiService: server.name, ...condition }, 'availability of an APIService');
  } catch (error) {
    if (!isReason(error, 'NotFound')) throw error;
  }
}
