/**
 * The file system of the engine's host, where a pod's volumes really are. The kubelet runs in a container whose own mounts are not the host's: it reaches the
 * host's files, mounts included, through `/proc/<process>/root` of a process that lives there, and mounts by entering that process's mount namespace. On a
 * bare host both are its own. Needs CAP_SYS_PTRACE and CAP_SYS_ADMIN in a container. Called by everything under `volumes/`.
 */
import { lstat, readFile, readlink } from 'node:fs/promises';
import { join, posix } from 'node:path';
import type { Run } from '../network/exec.ts';

/** The kernel's own limit for one path. */
const LINKS_FOLLOWED_MAX = 40;

export interface HostMount {
  /** On the host. */
  readonly path: string;
  readonly isReadOnly: boolean;
}

export interface EngineHost {
  /** How this process reaches a path of the host. Links in the path must have been resolved: an absolute one would lead into our own files. */
  local(hostPath: string): string;
  /** The path without links, as the host sees it; undefined when there is nothing. */
  resolve(hostPath: string): Promise<string | undefined>;
  mountMemory(hostPath: string, options: { readonly sizeBytesMax: number | undefined }): Promise<void>;
  /** `source` may be a path of `/proc`, which names one file whatever becomes of its path. */
  bind(source: string, hostPath: string): Promise<void>;
  unmount(hostPath: string): Promise<void>;
  /** What is mounted at this path or below, in the order in which it was mounted. */
  mountsBelow(hostPath: string): Promise<readonly HostMount[]>;
}

/** `hostProcess`: a process of the host's mount namespace; undefined when that is our own. */
export function createEngineHost(hostProcess: number | undefined, run: Run): EngineHost {
  const process = hostProcess === undefined ? 'self' : String(hostProcess);
  const root = hostProcess === undefined ? '' : `/proc/${hostProcess}/root`;
  const local = (hostPath: string): string => `${root}${hostPath}`;

  async function onHost(program: string, ...args: readonly string[]): Promise<void> {
    if (hostProcess === undefined) await run(program, args);
    else await run('nsenter', [`--mount=/proc/${hostProcess}/ns/mnt`, '--', program, ...args]);
  }

  return {
    local,
    resolve: (hostPath) => resolveLinks(hostPath, local),
    mountMemory: async (hostPath, { sizeBytesMax }) => {
      const options = sizeBytesMax === undefined ? [] : ['-o', `size=${sizeBytesMax}`];
      await onHost('mount', '-t', 'tmpfs', ...options, 'tmpfs', hostPath);
    },
    // A file that is named by its descriptor must not be turned into a path again: that path may lead elsewhere by now.
    bind: (source, hostPath) => onHost('mount', '--no-canonicalize', '--bind', source, hostPath),
    unmount: (hostPath) => onHost('umount', hostPath),
    mountsBelow: async (hostPath) =>
      parseMounts(await readFile(`/proc/${process}/mountinfo`, 'utf8')).filter(
        ({ path }) => path === hostPath || path.startsWith(`${hostPath}/`),
      ),
  };
}

/** The lines of `/proc/<process>/mountinfo`: the fifth word is where, the sixth how; blanks and the like are written in octal. */
export function parseMounts(text: string): readonly HostMount[] {
  return text.split('\n').flatMap((line) => {
    const [, , , , path, options] = line.split(' ');
    if (path === undefined || options === undefined) return [];
    return [{ path: unescapeOctal(path), isReadOnly: options.split(',').includes('ro') }];
  });
}

function unescapeOctal(text: string): string {
  return text.replace(/\\(\d{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

/** As `realpath`, but every link is followed from the host's root. */
export async function resolveLinks(hostPath: string, local: (hostPath: string) => string): Promise<string | undefined> {
  let resolved = '/';
  const rest = hostPath.split('/').filter(Boolean);
  for (let followed = 0; rest.length > 0; ) {
    const name = rest.shift() ?? '';
    const next = posix.join(resolved, name);
    const found = await lstat(local(next)).catch(() => undefined);
    if (found === undefined) return undefined;
    if (!found.isSymbolicLink()) {
      resolved = next;
      continue;
    }
    followed += 1;
    if (followed > LINKS_FOLLOWED_MAX) throw new Error(`${hostPath}: too many levels of symbolic links`);
    const target = await readlink(local(next));
    if (target.startsWith('/')) resolved = '/';
    rest.unshift(...target.split('/').filter(Boolean));
  }
  return resolved;
}

/** Of a path that need not be there: its deepest part that is, resolved, and what is missing below it. */
export async function resolveExisting(host: EngineHost, hostPath: string): Promise<{ readonly base: string; readonly missing: string }> {
  const parts = hostPath.split('/').filter(Boolean);
  for (let count = parts.length; count > 0; count--) {
    const base = await host.resolve(`/${parts.slice(0, count).join('/')}`);
    if (base !== undefined) return { base, missing: join(...parts.slice(count), '') };
  }
  return { base: '/', missing: parts.join('/') };
}
