/**
 * Runs one layer of the tests on node:test: `unit` (`*.test.ts`; no network, no engine), `integration` (`*.integration.test.ts`; real
 * etcd in a container) or `e2e` (`e2e/*.e2e.ts`; the composed cluster, one file after the other). More arguments go to node, so
 * `npm run test:unit -- --test-name-pattern=quantity` works; a path picks files.
 */
import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';

const layers: Record<string, { readonly files: string; readonly flags: readonly string[] }> = {
  unit: { files: '**/*.test.ts', flags: [] },
  integration: { files: '**/*.integration.test.ts', flags: ['--test-concurrency=1'] },
  e2e: { files: 'e2e/**/*.e2e.ts', flags: ['--test-concurrency=1'] },
};

const [layerName = 'unit', ...rest] = process.argv.slice(2);
const layer = layers[layerName];
if (!layer) throw new Error(`no such layer: ${layerName}; there are ${Object.keys(layers).join(', ')}`);
const isIntegration = (file: string) => file.endsWith('.integration.test.ts');
const all = globSync(layer.files, { exclude: (path) => path.startsWith('node_modules') || path.startsWith('.keelson') })
  .filter((file) => layerName !== 'unit' || !isIntegration(file))
  .sort();
const chosen = rest.filter((argument) => !argument.startsWith('-'));
const files = chosen.length === 0 ? all : all.filter((file) => chosen.some((part) => file.includes(part)));
if (files.length === 0) throw new Error(`no test file of layer ${layerName} matches ${chosen.join(' ')}`);
const flags = rest.filter((argument) => argument.startsWith('-'));
const result = spawnSync(process.execPath, ['--test', ...layer.flags, ...flags, ...files], { stdio: 'inherit' });
process.exit(result.status ?? 1);
