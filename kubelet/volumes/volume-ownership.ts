/**
 * Gives a volume to the pod's fsGroup: everything in it belongs to the group, may be used by it, and what is made in its directories inherits it. Under the policy
 * `OnRootMismatch` a volume whose root is already as wanted is left alone. Upstream: pkg/volume/volume_linux.go.
 */
import { chmod, lchown, lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';

const READ_WRITE = 0o660;
const READ_ONLY = 0o440;
const ENTER = 0o110;
const SET_GROUP = 0o2000;

export interface Ownership {
  readonly groupId: number;
  /** For volumes that are only read, such as a ConfigMap's. */
  readonly isReadOnly: boolean;
  readonly policy: 'Always' | 'OnRootMismatch';
}

/** `root`: as this process reaches it. */
export async function giveToGroup(root: string, ownership: Ownership): Promise<void> {
  if (ownership.policy === 'OnRootMismatch' && (await isRootAsWanted(root, ownership))) return;
  await giveTree(root, ownership);
}

/** The root comes last: one that is as wanted tells that all below it are. */
async function giveTree(path: string, ownership: Ownership): Promise<void> {
  const found = await lstat(path);
  if (found.isDirectory()) for (const name of await readdir(path)) await giveTree(join(path, name), ownership);
  await lchown(path, found.uid, ownership.groupId);
  // A link has no mode of its own, and what it leads to may lie outside.
  if (!found.isSymbolicLink()) await chmod(path, (found.mode & 0o7777) | wantedBits(found.isDirectory(), ownership));
}

async function isRootAsWanted(root: string, ownership: Ownership): Promise<boolean> {
  const { gid, mode } = await lstat(root);
  const wanted = wantedBits(true, ownership);
  return gid === ownership.groupId && (mode & wanted) === wanted;
}

function wantedBits(isDirectory: boolean, { isReadOnly }: Ownership): number {
  return (isReadOnly ? READ_ONLY : READ_WRITE) | (isDirectory ? ENTER | SET_GROUP : 0);
}
