/**
 * The rows of the table: what is measured, what upstream's own stack needs for it, and what Keelson is to reach. Upstream's side
 * (k8s.io/apiextensions-apiserver 0.36.4, Go 1.27.3, etcd 3.5.30) was measured apart, on a virtual machine with two cores like the one named in
 * docs/benchmarks.md, with the same load: it stands here as numbers, to be measured anew with `--kubeconfig`.
 */

export interface Row {
  readonly unit: 'CPU-s per 1,000' | 'CPU-s' | 'µs' | 'MB' | 's' | 'ms';
  readonly upstream: number;
  /** The value must not be above these. */
  readonly atMost: number;
  readonly goal: number;
}

/** A value that is to be so many times smaller than upstream's. */
function times(unit: Row['unit'], upstream: number, atLeast: number, goal: number): Row {
  return { unit, upstream, atMost: upstream / atLeast, goal: upstream / goal };
}

const PER_THOUSAND = 'CPU-s per 1,000';

/** In the order in which they are measured. */
export const rows = {
  start: { unit: 's', upstream: 0.31, atMost: 0.6, goal: 0.3 },
  create: times(PER_THOUSAND, 4.0, 5, 8),
  'rss-10k': times('MB', 878, 5, 8),
  'get-consistent': times(PER_THOUSAND, 1.36, 8, 12),
  'get-rv0': times(PER_THOUSAND, 0.47, 4, 5),
  'list-10k': times('CPU-s', 1.6, 6, 8),
  'list-500': times('CPU-s', 0.054, 4, 6),
  'rss-peak': times('MB', 6_000, 10, 20),
  'watch-event': times('µs', 32, 3, 6),
  'watch-paced': { unit: 'ms', upstream: 4.9, atMost: 5, goal: 5 },
  put: times(PER_THOUSAND, 5.5, 5, 8),
  'merge-patch': times(PER_THOUSAND, 5.3, 5, 8),
  apply: times(PER_THOUSAND, 7.3, 3, 4),
  delete: times(PER_THOUSAND, 3.2, 5, 8),
} as const satisfies Readonly<Record<string, Row>>;

export type RowName = keyof typeof rows;

/** `get` stands for all whose name begins so; nothing stands for everything. Throws for a text that is none. */
export function chooseRows(wanted: readonly string[]): readonly RowName[] {
  const names: readonly RowName[] = Object.keys(rows).filter(isRowName);
  const unknown = wanted.filter((text) => !names.some((name) => name.startsWith(text)));
  if (unknown.length > 0) throw new Error(`no such row: ${unknown.join(', ')}; there are ${names.join(', ')}`);
  return wanted.length === 0 ? names : names.filter((name) => wanted.some((text) => name === text || name.startsWith(`${text}-`)));
}

function isRowName(name: string): name is RowName {
  return Object.hasOwn(rows, name);
}
