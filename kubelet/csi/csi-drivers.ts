/**
 * The storage drivers of this node. A driver registers by a socket in `plugins_registry`: it is asked who it is and what it can do, and told that it is
 * known; when the socket goes, so does the driver. Upstream: pkg/kubelet/pluginmanager and pkg/volume/csi.
 */
import { watch } from 'node:fs';
import { mkdir, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '#component/clock.ts';
import type { Logger } from '#component/logger.ts';
import { createGrpcClient, type GrpcClient } from './grpc-client.ts';
import { capabilities, controller, identity, type NodeGetInfoResponse, node, registration } from './messages.ts';

export interface CsiDriver {
  readonly name: string;
  readonly client: GrpcClient;
  readonly info: NodeGetInfoResponse;
  /** Numbers of `capabilities`. */
  readonly plugin: ReadonlySet<number>;
  readonly node: ReadonlySet<number>;
  /** Empty for a driver that has no controller service here. */
  readonly controller: ReadonlySet<number>;
}

export interface CsiDrivers {
  find(name: string): CsiDriver | undefined;
  list(): readonly CsiDriver[];
  onChange(handler: () => void): void;
  run(signal: AbortSignal): Promise<void>;
}

interface Registered {
  readonly driver: CsiDriver;
  /** A driver that was restarted makes its socket anew. */
  readonly socketId: string;
}

/** A driver makes its socket before it listens. */
const RETRY_MS = 1_000;
/** Beyond this there is something wrong with the directory. */
const PLUGINS_MAX = 256;
/** What we speak. */
const VERSION_PREFIX = '1.';

/** `directory`: where drivers put their sockets, as we and they see it. */
export function createCsiDrivers(directory: string, { clock, log }: { readonly clock: Clock; readonly log: Logger }): CsiDrivers {
  const registered = new Map<string, Registered>();
  const handlers = new Set<() => void>();
  let wake = Promise.withResolvers<void>();

  async function look(): Promise<boolean> {
    const names = (await readdir(directory)).slice(0, PLUGINS_MAX);
    const sockets = new Map<string, string>();
    for (const name of names) {
      const found = await stat(join(directory, name)).catch(() => undefined);
      if (found?.isSocket() === true) sockets.set(name, `${found.ino}/${found.ctimeMs}`);
    }
    for (const name of registered.keys()) if (registered.get(name)?.socketId !== sockets.get(name)) forget(name);
    const missing = [...sockets].filter(([name]) => !registered.has(name));
    const outcomes = await Promise.all(missing.map(([name, socketId]) => tryRegister(name, socketId)));
    return outcomes.every(Boolean);
  }

  function forget(socketName: string): void {
    const { driver } = registered.get(socketName) ?? {};
    registered.delete(socketName);
    driver?.client.close();
    log.info({ driver: driver?.name }, 'a storage driver is gone');
    for (const handler of handlers) handler();
  }

  async function tryRegister(socketName: string, socketId: string): Promise<boolean> {
    try {
      const driver = await register(join(directory, socketName), clock);
      registered.set(socketName, { driver, socketId });
      log.info({ driver: driver.name, nodeId: driver.info.nodeId }, 'a storage driver is there');
      for (const handler of handlers) handler();
      return true;
    } catch (error) {
      log.warn({ err: error, socket: socketName }, 'cannot register a storage driver; trying again');
      return false;
    }
  }

  return {
    find: (name) => [...registered.values()].find(({ driver }) => driver.name === name)?.driver,
    list: () => [...registered.values()].map(({ driver }) => driver),
    onChange: (handler) => void handlers.add(handler),
    run: async (signal) => {
      await mkdir(directory, { recursive: true });
      const watcher = watch(directory, { signal }, () => wake.resolve());
      watcher.on('error', (error) => log.warn({ err: error, directory }, 'cannot watch for storage drivers'));
      signal.addEventListener('abort', () => wake.resolve(), { once: true });
      while (!signal.aborted) {
        wake = Promise.withResolvers();
        const isDone = await look();
        const cancel = isDone ? () => {} : clock.after(RETRY_MS, () => wake.resolve());
        await wake.promise;
        cancel();
      }
      for (const { driver } of registered.values()) driver.client.close();
    },
  };
}

async function register(socketPath: string, clock: Clock): Promise<CsiDriver> {
  const registrar = createGrpcClient(socketPath, clock);
  try {
    const plugin = await registrar.call(registration.getInfo, {});
    try {
      if (plugin.type !== 'CSIPlugin') throw new Error(`plugins of type ${plugin.type} are not supported by this kubelet`);
      if (!plugin.supportedVersions.some((version) => version.replace(/^v/, '').startsWith(VERSION_PREFIX))) {
        throw new Error(`driver ${plugin.name} speaks CSI ${plugin.supportedVersions.join(', ')}, this kubelet 1.x`);
      }
      const driver = await getToKnow(plugin.name, plugin.endpoint || socketPath, clock);
      await registrar.call(registration.notifyRegistrationStatus, { pluginRegistered: true, error: '' });
      return driver;
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      await registrar.call(registration.notifyRegistrationStatus, { pluginRegistered: false, error: message }).catch(() => {});
      throw error;
    }
  } finally {
    registrar.close();
  }
}

async function getToKnow(name: string, endpoint: string, clock: Clock): Promise<CsiDriver> {
  const client = createGrpcClient(endpoint, clock);
  try {
    const [info, plugin, ofNode] = await Promise.all([
      client.call(node.getInfo, {}),
      client.call(identity.getPluginCapabilities, {}),
      client.call(node.getCapabilities, {}),
    ]);
    const ofPlugin = numbersOf(plugin.capabilities.map(({ service }) => service?.type));
    const hasController = ofPlugin.has(capabilities.plugin.controllerService);
    // One that says so, but runs its controller elsewhere, does not answer here.
    const ofController = hasController
      ? await client.call(controller.getCapabilities, {}).catch(() => ({ capabilities: [] }))
      : { capabilities: [] };
    return {
      name,
      client,
      info,
      plugin: ofPlugin,
      node: numbersOf(ofNode.capabilities.map(({ rpc }) => rpc?.type)),
      controller: numbersOf(ofController.capabilities.map(({ rpc }) => rpc?.type)),
    };
  } catch (error) {
    client.close();
    throw error;
  }
}

function numbersOf(numbers: readonly (number | undefined)[]): ReadonlySet<number> {
  return new Set(numbers.filter((number) => number !== undefined));
}
