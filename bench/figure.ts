/**
 * What a benchmark reports: a figure with its unit and, where there is one, the peer's or the limit's value measured in the same run.
 * Printed as a table for people or, with `--json`, as one object a line for programs.
 */

/** By name and unit. */
export type Details = Readonly<Record<string, number>>;

export type Target = { readonly goal: number } & ({ readonly atMost: number } | { readonly atLeast: number });

export interface Figure {
  readonly bench: string;
  readonly figure: string;
  readonly value: number;
  readonly unit: string;
  /** What the value is held against, measured in the same run. */
  readonly peer?: { readonly name: string; readonly value: number };
  /** What the value must not be above or below, and what it would better not be. */
  readonly target?: Target;
  /** What else there is to say. */
  readonly details?: Details;
}

/** The value over the peer's: under 1 is better than the peer wherever less is better. */
function ratioOf(figure: Figure): number | undefined {
  return figure.peer === undefined || figure.peer.value === 0 ? undefined : figure.value / figure.peer.value;
}

/** Three significant digits: more would claim a precision these machines do not have. */
function rounded(value: number): number {
  return Number(value.toPrecision(3));
}

export function renderJsonLine(figure: Figure): string {
  const ratio = ratioOf(figure);
  const { bench, figure: name, unit, peer } = figure;
  return JSON.stringify({
    bench,
    figure: name,
    value: rounded(figure.value),
    unit,
    ...(peer === undefined ? {} : { peer: peer.name, peerValue: rounded(peer.value) }),
    ...(ratio === undefined ? {} : { ratio: rounded(ratio) }),
    ...(figure.target === undefined ? {} : { ...boundOf(figure.target), goal: rounded(figure.target.goal), target: verdictOn(figure) }),
    ...Object.fromEntries(detailsOf(figure)),
  });
}

/** `goal`, `met` or `missed`; empty without a target. */
function verdictOn({ value, target }: Figure): string {
  if (target === undefined) return '';
  if ('atLeast' in target) return value >= target.goal ? 'goal' : value >= target.atLeast ? 'met' : 'missed';
  return value <= target.goal ? 'goal' : value <= target.atMost ? 'met' : 'missed';
}

function boundOf(target: Target): Details {
  return 'atLeast' in target ? { atLeast: rounded(target.atLeast) } : { atMost: rounded(target.atMost) };
}

function detailsOf({ details = {} }: Figure): readonly (readonly [string, number])[] {
  return Object.entries(details).map(([name, value]) => [name, rounded(value)]);
}

/** Shown even when they are empty; the ones behind only if a figure has something there. */
const FIXED_COLUMNS = 7;

export function renderTable(figures: readonly Figure[]): string {
  const header = ['bench', 'figure', 'value', 'unit', 'against', 'its value', 'ratio', 'bound', 'target', 'besides'];
  const rows = figures.map((figure) => {
    const ratio = ratioOf(figure);
    return [
      figure.bench,
      figure.figure,
      String(rounded(figure.value)),
      figure.unit,
      figure.peer?.name ?? '',
      figure.peer === undefined ? '' : String(rounded(figure.peer.value)),
      ratio === undefined ? '' : String(rounded(ratio)),
      figure.target === undefined ? '' : Object.values(boundOf(figure.target)).join(),
      verdictOn(figure),
      detailsOf(figure)
        .map(([name, value]) => `${name}: ${value}`)
        .join('; '),
    ];
  });
  const isUsed = header.map((_, column) => column < FIXED_COLUMNS || rows.some((row) => row[column] !== ''));
  const widths = header.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .filter((_, column) => isUsed[column])
      .join('  ')
      .trimEnd();
  return [line(header), ...rows.map(line)].join('\n');
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((left, right) => left - right);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}
