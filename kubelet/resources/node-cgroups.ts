/**
 * The cgroups of this node's pods: tells the engine where to put a pod's containers, writes the limits of the levels above them, and removes what is empty.
 * The engine makes the directories (with the first container in them), so limits are written after a sandbox has started and before anything else of the pod
 * does. Works through a mount of the host's cgroup file system; without one, pods are limited container by container and the node's capacity is only declared.
 */
import { existsSync, readdirSync } from 'node:fs';
import { readdir, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Pod } from '#api/generated/types.ts';
import type { Logger } from '#component/logger.ts';
import {
  bestEffortCgroupLimits,
  burstableCgroupLimits,
  type CgroupLimits,
  type NodeLimits,
  podCgroupLimits,
  renderLimits,
} from './cgroup-limits.ts';
import {
  bestEffortCgroup,
  burstableCgroup,
  type CgroupDriver,
  type CgroupName,
  podCgroup,
  possiblePodCgroups,
  renderDirectory,
  renderParent,
} from './cgroup-paths.ts';

export interface NodeCgroups {
  /** Where they can be read; undefined where there is no mount of the host's. */
  readonly tree: (CgroupTree & { readonly node: CgroupName }) | undefined;
  /** Where the engine puts the containers of a pod; undefined: where it likes. */
  parentOf(pod: Pod): string | undefined;
  /** Once a sandbox of the pod runs. `active`: all pods of the node that are not over. */
  apply(pod: Pod, active: readonly Pod[]): Promise<void>;
  /** Once nothing of the pod is left. */
  remove(podUid: string, active: readonly Pod[]): Promise<void>;
  /** Removes the directories of pods that are gone, and of nodes of this name that are; called when the kubelet starts. */
  sweep(podUids: ReadonlySet<string>): Promise<void>;
}

export interface NodeCgroupsOptions extends CgroupTree {
  readonly node: CgroupName;
  readonly limits: CgroupLimits;
  readonly podLimits: NodeLimits;
}

export interface CgroupTree {
  /** Where the host's `/sys/fs/cgroup` is mounted. */
  readonly mount: string;
  readonly driver: CgroupDriver;
  readonly version: 1 | 2;
}

/** Where there is no mount of the host's cgroups. */
export const noCgroups: NodeCgroups = {
  tree: undefined,
  parentOf: () => undefined,
  apply: async () => {},
  remove: async () => {},
  sweep: async () => {},
};

export function hasCgroups({ mount, version }: CgroupTree): boolean {
  return existsSync(join(mount, version === 1 ? 'memory/memory.usage_in_bytes' : 'cgroup.controllers'));
}

export function createNodeCgroups(options: NodeCgroupsOptions, { log }: { readonly log: Logger }): NodeCgroups {
  const { mount, driver, version, node } = options;
  const below = (controller: string, name: CgroupName) => join(mount, controller, renderDirectory(driver, name));

  async function write(name: CgroupName, limits: CgroupLimits): Promise<void> {
    for (const file of renderLimits(version, limits)) {
      try {
        await writeFile(join(below(file.controller, name), file.name), file.text);
      } catch (error) {
        // A class without pods has no directory; a controller may be missing from the kernel.
        if (!isCode(error, 'ENOENT')) log.warn({ err: error, cgroup: name.join('/'), file: file.name }, 'cannot limit a cgroup');
      }
    }
  }

  async function writeClasses(active: readonly Pod[]): Promise<void> {
    await write(burstableCgroup(node), burstableCgroupLimits(active));
    await write(bestEffortCgroup(node), bestEffortCgroupLimits);
  }

  /** In version 1 every controller has a directory of its own. Systemd removes slices by itself. */
  async function removeDirectories(name: CgroupName): Promise<void> {
    if (driver === 'systemd') return;
    await Promise.all(controllerDirectories(mount, version).map((controller) => rmdir(below(controller, name)).catch(() => {})));
  }

  async function childrenOf(name: CgroupName): Promise<readonly string[]> {
    const entries = await readdir(below(version === 1 ? 'memory' : '', name), { withFileTypes: true }).catch(() => []);
    return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  }

  async function removeTree(name: CgroupName): Promise<void> {
    for (const child of await childrenOf(name)) await removeTree([...name, child]);
    await removeDirectories(name);
  }

  return {
    tree: options,
    parentOf: (pod) => renderParent(driver, podCgroup(node, pod)),
    apply: async (pod, active) => {
      await write(node, options.limits);
      await writeClasses(active);
      await write(podCgroup(node, pod), podCgroupLimits(pod, options.podLimits));
    },
    remove: async (podUid, active) => {
      await Promise.all(possiblePodCgroups(node, podUid).map(removeDirectories));
      await writeClasses(active);
    },
    sweep: async (podUids) => {
      for (const parent of [node, burstableCgroup(node), bestEffortCgroup(node)]) {
        const gone = (await childrenOf(parent)).filter((name) => name.startsWith('pod') && !podUids.has(name.slice('pod'.length)));
        await Promise.all(gone.map((name) => removeTree([...parent, name])));
      }
      const [own = ''] = node.slice(-1);
      const name = own.replace(/-[0-9a-f]+$/, '');
      const others = (await childrenOf(node.slice(0, -1))).filter((other) => other !== own && other.startsWith(`${name}-`));
      // What is in use cannot be removed, so another engine's node of this name loses nothing that it needs.
      for (const other of others) await removeTree([...node.slice(0, -1), other]);
    },
  };
}

function controllerDirectories(mount: string, version: 1 | 2): readonly string[] {
  return version === 1 ? readdirSync(mount) : [''];
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
