/** What the tables of volumes and of claims have in common. */
import type { ObjectMeta } from '#api/generated/types.ts';

export const UNSET = '<unset>';

/** The old way to name a storage class. */
const CLASS_ANNOTATION = 'volume.beta.kubernetes.io/storage-class';

const abbreviations = [
  ['ReadWriteOnce', 'RWO'],
  ['ReadOnlyMany', 'ROX'],
  ['ReadWriteMany', 'RWX'],
  ['ReadWriteOncePod', 'RWOP'],
] as const;

/** `RWO,ROX` */
export function formatAccessModes(modes: readonly string[] | undefined): string {
  return abbreviations
    .filter(([mode]) => modes?.includes(mode))
    .map(([, short]) => short)
    .join(',');
}

export function storageClassOf(metadata: ObjectMeta, name: string | undefined): string {
  return metadata.annotations?.[CLASS_ANNOTATION] ?? name ?? '';
}

export function phaseOf(metadata: ObjectMeta, phase: string | undefined): string {
  return metadata.deletionTimestamp === undefined ? (phase ?? '') : 'Terminating';
}
