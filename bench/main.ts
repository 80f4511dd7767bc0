/**
 * `npm run bench -- NAME …` runs the named benchmarks (all without a name) and prints their figures; `--json` prints one object a line. They
 * need a running cluster (`npm start`), which `up` stops and starts; `apiserver` brings its own server, and its rows may be named behind it.
 */
import { parseArgs } from 'node:util';
import { measureApi } from './api.ts';
import { measureApiServer } from './apiserver/apiserver.ts';
import { type Figure, renderJsonLine, renderTable } from './figure.ts';
import { measureIdle } from './idle.ts';
import { measureKubelet } from './kubelet.ts';
import { measurePodStart } from './pod-start.ts';
import { measureUp } from './up.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'boolean', default: false }, kubeconfig: { type: 'string' }, pid: { type: 'string' } },
});
const isApiServer = positionals[0] === 'apiserver';
const names = isApiServer ? ['apiserver'] : positionals;
const rows = isApiServer ? positionals.slice(1) : [];

const benches: Readonly<Record<string, () => Promise<readonly Figure[]>>> = {
  up: measureUp,
  'pod-start': measurePodStart,
  kubelet: measureKubelet,
  idle: measureIdle,
  api: measureApi,
  apiserver: () => measureApiServer({ rows, kubeconfig: values.kubeconfig, pid: values.pid }),
};

const unknown = names.filter((name) => !(name in benches));
if (unknown.length > 0) {
  process.stderr.write(`no such bench: ${unknown.join(', ')}; there are ${Object.keys(benches).join(', ')}\n`);
  process.exit(2);
}
const figures: Figure[] = [];
for (const [name, measure] of Object.entries(benches)) {
  if (names.length > 0 && !names.includes(name)) continue;
  process.stderr.write(`${name} …\n`);
  figures.push(...(await measure()));
}
process.stdout.write(values.json ? `${figures.map(renderJsonLine).join('\n')}\n` : `${renderTable(figures)}\n`);
