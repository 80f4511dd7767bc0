/**
 * A folder of manifests, kept in view: read as a whole at the start and after every change that the kernel tells of. Files that begin with a dot, and folders, are passed
 * over. A folder that is not there is made; one that cannot be made has no manifests.
 */
import { type FSWatcher, mkdirSync, watch } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { aborted } from '#component/shutdown.ts';
import type { Manifest } from './manifest.ts';

/** Nobody writes a pod of this length by hand; the API takes no more either. */
const MANIFEST_BYTES_MAX = 1024 * 1024;

export interface ManifestFolder {
  read(): Promise<readonly Manifest[]>;
  /** Calls back after changes, until aborted. */
  watch(onChange: () => void, signal: AbortSignal): Promise<void>;
}

export function createManifestFolder(directory: string): ManifestFolder {
  return {
    read: async () => {
      const entries = await readdir(directory, { withFileTypes: true }).catch(() => []);
      const names = entries.filter((entry) => !entry.isDirectory() && !entry.name.startsWith('.')).map(({ name }) => name);
      const manifests = await Promise.all(names.toSorted().map((name) => readManifest(directory, name)));
      return manifests.filter((manifest) => manifest !== undefined);
    },
    watch: async (onChange, signal) => {
      const watcher = openWatcher(directory, onChange);
      await aborted(signal);
      watcher?.close();
    },
  };
}

/** Undefined for a file that has gone since the folder was read, or that is too long to be meant. */
async function readManifest(directory: string, name: string): Promise<Manifest | undefined> {
  const bytes = await readFile(join(directory, name)).catch(() => undefined);
  return bytes === undefined || bytes.length > MANIFEST_BYTES_MAX
    ? undefined
    : { file: join(directory, name), text: bytes.toString('utf8') };
}

function openWatcher(directory: string, onChange: () => void): FSWatcher | undefined {
  try {
    mkdirSync(directory, { recursive: true });
    const watcher = watch(directory, onChange);
    // A folder that is removed while it is watched has no more to tell.
    watcher.on('error', () => watcher.close());
    return watcher;
  } catch {
    return undefined;
  }
}
