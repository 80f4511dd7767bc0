/** An engine's host for tests: a temporary folder is its root. Nothing is mounted, but what would be is remembered. */
import { mkdtemp, readlink, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EngineHost, resolveLinks } from '../volumes/engine-host.ts';

export interface FolderHost extends EngineHost {
  readonly root: string;
  /** What was bound, as a path of the host, by where; and memory, by where. */
  readonly mounts: Map<string, string>;
}

export async function withFolderHost(body: (host: FolderHost) => Promise<void>): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), 'host-'));
  try {
    await body(createFolderHost(root));
  } finally {
    await rm(root, { recursive: true });
  }
}

function createFolderHost(root: string): FolderHost {
  const mounts = new Map<string, string>();
  const local = (hostPath: string): string => root + hostPath;
  return {
    root,
    mounts,
    local,
    resolve: (hostPath) => resolveLinks(hostPath, local),
    mountMemory: async (hostPath, { sizeBytesMax }) => void mounts.set(hostPath, `tmpfs ${sizeBytesMax ?? ''}`),
    bind: async (source, hostPath) => {
      const found = source.startsWith('/proc/') ? await readlink(source) : source;
      mounts.set(hostPath, found.startsWith(root) ? found.slice(root.length) : found);
    },
    unmount: async (hostPath) => {
      if (!mounts.delete(hostPath)) throw new Error(`umount: ${hostPath}: not mounted.`);
    },
    mountsBelow: async (hostPath) =>
      [...mounts.keys()]
        .filter((path) => path === hostPath || path.startsWith(`${hostPath}/`))
        .map((path) => ({ path, isReadOnly: false })),
  };
}
