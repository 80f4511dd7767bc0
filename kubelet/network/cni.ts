/**
 * Wires sandboxes with the real CNI plugins: `ptp` for the link, `host-local` for the address out of the node's pod CIDR. (A namespace
 * that Docker makes has its loopback up already.) A link of its own per pod, rather than a bridge, because on a bridge two pods of a node answer
 * each other past the node's rules, and an answer that came through a Service would keep the wrong address. Pure texts plus the one call of the plugin; `pod-network.ts` decides when.
 * Source: https://www.cni.dev/docs/spec/ and the plugins' own pages.
 */
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Run, RunError } from './exec.ts';

const NETWORK_NAME = 'keelson';
const INTERFACE = 'eth0';

export interface CniOptions {
  /** `/usr/lib/cni` */
  readonly pluginDirectory: string;
  /** Where host-local keeps the addresses it gave away. */
  readonly stateDirectory: string;
}

export interface Cni {
  /** Gives the sandbox an address of the range and wires it. Must not be called for a sandbox that has one: `remove` first. */
  add(sandboxId: string, pid: number, podCidr: string): Promise<string>;
  /** Unwires it and gives its address back; without a pid only the latter. Removing what is not there is a success. */
  remove(sandboxId: string, pid: number | undefined, podCidr: string): Promise<void>;
  /** Gives back every address whose sandbox is not among these: what a crash, or the engine's restart, left behind. */
  releaseAllBut(sandboxIds: ReadonlySet<string>): Promise<readonly string[]>;
}

export function createCni(options: CniOptions, run: Run): Cni {
  const plugin = join(options.pluginDirectory, 'ptp');
  const directory = join(options.stateDirectory, NETWORK_NAME);

  async function call(command: 'ADD' | 'DEL', sandboxId: string, pid: number | undefined, podCidr: string): Promise<string> {
    const env = {
      CNI_COMMAND: command,
      CNI_CONTAINERID: sandboxId,
      CNI_NETNS: pid === undefined ? '' : `/proc/${pid}/ns/net`,
      CNI_IFNAME: INTERFACE,
      CNI_PATH: options.pluginDirectory,
    };
    try {
      return await run(plugin, [], { env, input: renderNetwork(podCidr, options.stateDirectory) });
    } catch (error) {
      throw new Error(`plugin type="ptp" failed (${command.toLowerCase()}): ${messageOf(error)}`, { cause: error });
    }
  }

  return {
    add: async (sandboxId, pid, podCidr) => addressOf(await call('ADD', sandboxId, pid, podCidr)),
    remove: async (sandboxId, pid, podCidr) => {
      await call('DEL', sandboxId, pid, podCidr);
    },
    releaseAllBut: async (sandboxIds) => {
      const names = await readdir(directory).catch(() => []);
      const released: string[] = [];
      for (const name of names.filter(isAddress)) {
        // The first line is the sandbox, the second the interface.
        const [sandboxId = ''] = (await readFile(join(directory, name), 'utf8')).split('\r\n');
        if (sandboxIds.has(sandboxId.trim())) continue;
        await rm(join(directory, name), { force: true });
        released.push(name);
      }
      return released;
    },
  };
}

export function renderNetwork(podCidr: string, stateDirectory: string): string {
  return JSON.stringify({
    cniVersion: '1.0.0',
    name: NETWORK_NAME,
    type: 'ptp',
    // The node's own nft table masquerades; the plugin would need iptables for it.
    ipMasq: false,
    ipam: { type: 'host-local', ranges: [[{ subnet: podCidr }]], routes: [{ dst: '0.0.0.0/0' }], dataDir: stateDirectory },
  });
}

function addressOf(result: string): string {
  const parsed: unknown = JSON.parse(result);
  const ips = typeof parsed === 'object' && parsed !== null && 'ips' in parsed && Array.isArray(parsed.ips) ? parsed.ips : [];
  const first: unknown = ips[0];
  const address = typeof first === 'object' && first !== null && 'address' in first ? first.address : undefined;
  if (typeof address !== 'string') throw new Error('the ptp plugin gave no address');
  return address.split('/')[0] ?? address;
}

/** host-local keeps a lock and its last address beside the addresses. */
function isAddress(name: string): boolean {
  return /^\d+\.\d+\.\d+\.\d+$/.test(name);
}

/** A failing plugin says why as JSON on its standard output. */
function messageOf(error: unknown): string {
  if (!(error instanceof RunError)) return error instanceof Error ? error.message : String(error);
  try {
    const parsed: unknown = JSON.parse(error.stdout);
    const message = typeof parsed === 'object' && parsed !== null && 'msg' in parsed ? parsed.msg : undefined;
    return typeof message === 'string' ? message : error.message;
  } catch {
    return error.message;
  }
}
