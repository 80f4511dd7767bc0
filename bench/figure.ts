/**
 * What a benchmark reports: a figure with its unit and, where there is one, the peer's or the limit's value measured in the same run.
 * Printed as a table for people or, with `--json`, as one object a line for programs.
 */

export interface Figure {
  readonly bench: string;
  readonly figure: string;
  readonly value: number;
  readonly unit: string;
  /** What the value is held against, measured in the same run. */
  readonly peer?: { readonly name: string; readonly value: number };
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
  });
}

export function renderTable(figures: readonly Figure[]): string {
  const header = ['bench', 'figure', 'value', 'unit', 'against', 'its value', 'ratio'];
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
    ];
  });
  const widths = header.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
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
