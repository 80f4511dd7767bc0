/**
 * Files that are there whole or not at all: written beside their place, flushed, then renamed into it. A file that already says what it
 * should is not touched, except for its mode and owner.
 */
import { chmodSync, chownSync, closeSync, fsyncSync, openSync, readFileSync, renameSync, statSync, writeSync } from 'node:fs';

export interface FileOwner {
  readonly uid: number;
  readonly gid: number;
}

export interface FileRights {
  readonly mode: number;
  readonly owner?: FileOwner;
}

/** The content, or undefined when there is no such file. */
export function readFileIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw new Error(`reading ${path}`, { cause: error });
  }
}

export function writeFileIfChanged(path: string, content: string, rights: FileRights): void {
  if (readFileIfThere(path) !== content) replaceFile(path, content, rights);
  else correctRights(path, rights);
}

function replaceFile(path: string, content: string, rights: FileRights): void {
  const beside = `${path}.new`;
  const file = openSync(beside, 'w', rights.mode);
  try {
    writeSync(file, content);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  // A leftover of an interrupted run keeps the mode it was made with; `open` gives it only to a new file.
  correctRights(beside, rights);
  renameSync(beside, path);
}

function correctRights(path: string, { mode, owner }: FileRights): void {
  const found = statSync(path);
  if ((found.mode & 0o777) !== mode) chmodSync(path, mode);
  if (owner !== undefined && (found.uid !== owner.uid || found.gid !== owner.gid)) chownSync(path, owner.uid, owner.gid);
}
