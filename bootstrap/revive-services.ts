/**
 * Completes the cluster after the engine has restarted. The engine then starts whatever ran before, all at once; a container that joins another's
 * network fails when that one is not up yet, and is not tried again. The compose service `reviver`, which the engine starts like any other
 * and which joins nothing, starts those that failed. What somebody stopped on purpose has no error and stays stopped.
 */
import { request } from 'node:http';
import type { Clock } from '#component/clock.ts';
import type { Logger } from '#component/logger.ts';

/** The engine is still starting others for this long after it started us, on a busy machine. */
const WATCH_MS = 20_000;
const LOOK_MS = 500;

/** What the engine says of a container; `error` is why its last start failed. */
export interface EngineContainer {
  readonly id: string;
  readonly name: string;
  readonly error: string;
}

/** The two calls of the engine's API that this takes. */
export interface Engine {
  /** The containers of the compose project that have exited. */
  listExited(project: string): Promise<readonly EngineContainer[]>;
  /** Rejects when it cannot be started (yet). */
  start(id: string): Promise<void>;
}

export interface ReviveDeps {
  readonly engine: Engine;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Starts every container of the project whose start failed, again and again until it runs; ends when the engine has come to rest. */
export async function reviveServices(project: string, { engine, clock, log }: ReviveDeps, signal: AbortSignal): Promise<void> {
  const until = clock.monotonic() + WATCH_MS;
  while (clock.monotonic() < until) {
    for (const { id, name, error } of await engine.listExited(project)) {
      if (error === '') continue;
      try {
        await engine.start(id);
        log.info({ name, error }, 'started what the engine could not');
      } catch (failure) {
        log.debug({ name, err: failure }, 'cannot be started yet');
      }
    }
    await clock.sleep(LOOK_MS, signal);
  }
}

/** The engine behind its socket. Source: https://docs.docker.com/reference/api/engine/ */
export function createEngine(socketPath: string): Engine {
  const call = (method: string, path: string) => callEngine(socketPath, method, path);
  return {
    listExited: async (project) => {
      const filters = { label: [`com.docker.compose.project=${project}`], status: ['exited'] };
      const listed = await call('GET', `/containers/json?all=1&filters=${encodeURIComponent(JSON.stringify(filters))}`);
      const ids = Array.isArray(listed) ? listed.map((container: unknown) => textOf(container, 'Id')) : [];
      return Promise.all(ids.map(async (id) => decodeContainer(id, await call('GET', `/containers/${id}/json`))));
    },
    start: async (id) => {
      await call('POST', `/containers/${id}/start`);
    },
  };
}

function decodeContainer(id: string, inspected: unknown): EngineContainer {
  return { id, name: textOf(inspected, 'Name').replace(/^\//, ''), error: textOf(memberOf(inspected, 'State'), 'Error') };
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}

function textOf(value: unknown, name: string): string {
  const member = memberOf(value, name);
  return typeof member === 'string' ? member : '';
}

function callEngine(socketPath: string, method: string, path: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath, method, path, headers: { host: 'engine' } }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        if ((response.statusCode ?? 500) >= 400) reject(new Error(`${method} ${path}: ${response.statusCode} ${text.trim()}`));
        else resolve(text === '' ? undefined : JSON.parse(text));
      });
    });
    sent.on('error', reject);
    sent.end();
  });
}
