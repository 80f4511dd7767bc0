/**
 * docs/conformance.md: all tests by their official name with what became of them, grouped by SIG with counts. Pure; rendered by
 * `npm run conformance`, read back so that a run of some tests keeps what is known of the others and `npm test` knows what must pass.
 */
export type Result = 'pass' | 'fail' | 'not yet';

const INTRODUCTION = `# Conformance

Upstream Kubernetes 1.36 has a list of conformance tests. Each one that Keelson claims is a test under [e2e/conformance](../e2e/conformance) with the
official name, which checks what its description demands. \`npm run conformance\` runs them against the cluster of the current kubeconfig and writes this
page; "not yet" means that there is no such test here. A test that waits for minutes by its nature is run there, and not by \`npm test\`.
`;

/** The whole page. A test without a result is not there yet. */
export function renderReport(names: readonly string[], results: ReadonlyMap<string, Result>): string {
  const resultOf = (name: string): Result => results.get(name) ?? 'not yet';
  const bySig = Map.groupBy(names, sigOf);
  const sigs = [...bySig.keys()].sort();
  const counts = (group: readonly string[]) =>
    [group.length, ...RESULTS.map((result) => group.filter((name) => resultOf(name) === result).length)].join(' | ');
  const summary = [
    '| SIG | tests | pass | fail | not yet |',
    '| --- | --- | --- | --- | --- |',
    ...sigs.map((sig) => `| ${sig} | ${counts(bySig.get(sig) ?? [])} |`),
    `| all | ${counts(names)} |`,
  ];
  const sections = sigs.flatMap((sig) => [
    '',
    `## ${sig}`,
    '',
    '| test | result |',
    '| --- | --- |',
    ...(bySig.get(sig) ?? []).map((name) => `| ${escapeCell(name)} | ${resultOf(name)} |`),
  ]);
  return `${[INTRODUCTION, ...summary, ...sections].join('\n')}\n`;
}

/** What a page says of each test; lines that tell of none are passed over. */
export function parseReport(page: string): ReadonlyMap<string, Result> {
  const rows = [...page.matchAll(/^\| (\[sig-.*) \| (pass|fail|not yet) \|$/gm)];
  return new Map(rows.flatMap(([, cell = '', result]) => (isResult(result) ? [[unescapeCell(cell), result] as const] : [])));
}

const RESULTS = ['pass', 'fail', 'not yet'] as const;

function isResult(text: string | undefined): text is Result {
  return RESULTS.some((result) => result === text);
}

/** `sig-cli` of `[sig-cli] Kubectl client …`. */
export function sigOf(name: string): string {
  return /^\[(sig-[a-z-]+)\]/.exec(name)?.[1] ?? 'without a SIG';
}

function escapeCell(name: string): string {
  return name.replaceAll('|', '\\|').replaceAll('<', '&lt;');
}

function unescapeCell(cell: string): string {
  return cell.replaceAll('\\|', '|').replaceAll('&lt;', '<');
}
