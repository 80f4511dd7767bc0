/**
 * `npm run bench -- NAME …` runs the named benchmarks (all without a name) and prints their figures; `--json` prints one object a line. They
 * need a running cluster (`npm start`), which `up` stops and starts; `apiserver` and `scheduler` bring their own server, and their rows may be named behind
 * them; `cluster` and `kwok` run inside this process. `--nodes` and `--pods` make `kwok` and `scheduler` smaller.
 */
import { parseArgs } from 'node:util';
import { measureApi } from './api.ts';
import { measureApiServer } from './apiserver/apiserver.ts';
import { measureCluster } from './cluster.ts';
import { type Figure, renderJsonLine, renderTable } from './figure.ts';
import { measureIdle } from './idle.ts';
import { measureKubelet } from './kubelet.ts';
import { measureKwok } from './kwok.ts';
import { measurePodStart } from './pod-start.ts';
import { measureScheduler } from './scheduler/scheduler.ts';
import { measureUp } from './up.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    kubeconfig: { type: 'string' },
    pid: { type: 'string' },
    nodes: { type: 'string' },
    pods: { type: 'string' },
  },
});
const hasRows = positionals[0] === 'apiserver' || positionals[0] === 'scheduler';
const names = hasRows ? positionals.slice(0, 1) : positionals;
const rows = hasRows ? positionals.slice(1) : [];
const counts = { nodes: countOf('nodes'), pods: countOf('pods') };

const benches: Readonly<Record<string, () => Promise<readonly Figure[]>>> = {
  up: measureUp,
  'pod-start': measurePodStart,
  kubelet: measureKubelet,
  idle: measureIdle,
  api: measureApi,
  apiserver: () => measureApiServer({ rows, kubeconfig: values.kubeconfig, pid: values.pid }),
  scheduler: () => measureScheduler({ workloads: rows, ...counts }),
  cluster: measureCluster,
  kwok: () => measureKwok(counts),
};

function countOf(option: 'nodes' | 'pods'): number | undefined {
  const count = values[option] === undefined ? undefined : Number(values[option]);
  if (count === undefined || (Number.isInteger(count) && count > 0)) return count;
  process.stderr.write(`--${option} is a whole number above 0\n`);
  process.exit(2);
}

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
