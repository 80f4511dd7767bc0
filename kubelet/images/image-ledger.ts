/**
 * The images that this kubelet pulled, and as whom; a file in its directory, so that a restart forgets nothing. An image that is not in it was put on the engine by the user: it is
 * there for every pod, and it is never collected. One that was pulled with credentials is only for pods that have them.
 * Source: KEP-2535 (ensure secret pulled images); https://kubernetes.io/docs/concepts/containers/images/#ensureimagepullcredentialverification
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

export interface PulledImage {
  readonly imageId: string;
  /** As pods asked for it. */
  readonly name: string;
  readonly pulledAtMs: number;
  readonly lastUsedAtMs: number;
  /** Of the credentials it was pulled with, their hashes; empty: anybody may pull it. */
  readonly credentialHashes: readonly string[];
}

export interface ImageLedger {
  all(): readonly PulledImage[];
  /** Undefined for one that was there without us. */
  find(imageId: string, name: string): PulledImage | undefined;
  /** It was pulled, as whom; undefined: as nobody. */
  notePull(imageId: string, name: string, credentialHash: string | undefined, nowMs: number): void;
  noteUse(imageIds: ReadonlySet<string>, nowMs: number): void;
  forget(name: string): void;
}

/** An entry is some 200 bytes; the oldest are let go, which means that they stay on the engine. */
const IMAGES_MAX = 2_000;

/** `path` undefined: nothing is kept (tests). */
export function createImageLedger(path: string | undefined): ImageLedger {
  let images = path === undefined ? [] : read(path);

  function change(changed: readonly PulledImage[]): void {
    images = changed.slice(-IMAGES_MAX);
    if (path !== undefined) write(path, images);
  }

  const isOf = (name: string) => (image: PulledImage) => image.name === name;
  return {
    all: () => images,
    find: (imageId, name) => images.find((image) => image.imageId === imageId && image.name === name),
    notePull: (imageId, name, credentialHash, nowMs) => {
      const known = images.find((image) => image.imageId === imageId && image.name === name);
      const isForAll = credentialHash === undefined || (known !== undefined && known.credentialHashes.length === 0);
      const credentialHashes = isForAll ? [] : [...new Set([...(known?.credentialHashes ?? []), credentialHash])];
      const image = { imageId, name, pulledAtMs: known?.pulledAtMs ?? nowMs, lastUsedAtMs: nowMs, credentialHashes };
      change([...images.filter((other) => !isOf(name)(other)), image]);
    },
    noteUse: (imageIds, nowMs) => {
      // Kept in memory only: after a restart an image counts as used when it was pulled, until it is seen in use again.
      images = images.map((image) => (imageIds.has(image.imageId) ? { ...image, lastUsedAtMs: nowMs } : image));
    },
    forget: (name) => change(images.filter((image) => !isOf(name)(image))),
  };
}

function read(path: string): PulledImage[] {
  try {
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'));
    return Array.isArray(value) ? value.filter(isPulledImage) : [];
  } catch {
    // None yet, or cut short: what it held stays on the engine.
    return [];
  }
}

function isPulledImage(value: unknown): value is PulledImage {
  if (typeof value !== 'object' || value === null) return false;
  const is = (key: string, type: string) => typeof Reflect.get(value, key) === type;
  const hashes: unknown = Reflect.get(value, 'credentialHashes');
  return (
    is('imageId', 'string') && is('name', 'string') && is('pulledAtMs', 'number') && is('lastUsedAtMs', 'number') && Array.isArray(hashes)
  );
}

/** Whole or not at all, and for this process's eyes. */
function write(path: string, images: readonly PulledImage[]): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.new`, JSON.stringify(images), { mode: 0o600 });
  renameSync(`${path}.new`, path);
}
