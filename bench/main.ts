/**
 * `npm run bench -- NAME …` runs the named benchmarks (all without a name) and prints their figures; `--json` prints one object a line. They
 * need a running cluster (`npm start`); `up` stops and starts it.
 */
import { parseArgs } from 'node:util';
import { measureApi } from './api.ts';
import { type Figure, renderJsonLine, renderTable } from './figure.ts';
import { measureIdle } from './idle.ts';
import { measurePodStart } from './pod-start.ts';
import { measureUp } from './up.ts';

const benches: Readonly<Record<string, () => Promise<readonly Figure[]>>> = {
  up: measureUp,
  'pod-start': measurePodStart,
  idle: measureIdle,
  api: measureApi,
};

const { values, positionals } = parseArgs({ allowPositionals: true, options: { json: { type: 'boolean', default: false } } });
const unknown = positionals.filter((name) => !(name in benches));
if (unknown.length > 0) {
  process.stderr.write(`no such bench: ${unknown.join(', ')}; there are ${Object.keys(benches).join(', ')}\n`);
  process.exit(2);
}
const figures: Figure[] = [];
for (const [name, measure] of Object.entries(benches)) {
  if (positionals.length > 0 && !positionals.includes(name)) continue;
  process.stderr.write(`${name} …\n`);
  figures.push(...(await measure()));
}
process.stdout.write(values.json ? `${figures.map(renderJsonLine).join('\n')}\n` : `${renderTable(figures)}\n`);
