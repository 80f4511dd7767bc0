/**
 * The house rules that can be checked. Who may import whom, where the clock, randomness, the environment and the outside world may be
 * touched, how files are named and how they begin. A rule that changes is changed here, in the same commit as ARCHITECTURE.md.
 */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { basename, dirname, join, normalize } from 'node:path';
import { test } from 'node:test';

/** Rooms of the house and what each may import from. A test may import its own room, `testing/` folders and `component`. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  api: [],
  component: [],
  client: ['api', 'component'],
  apiserver: ['api', 'component'],
  scheduler: ['api', 'component', 'client'],
  'controller-manager': ['api', 'component', 'client'],
  kubelet: ['api', 'component', 'client'],
  'kube-proxy': ['api', 'component', 'client'],
  dns: ['api', 'component', 'client'],
  metrics: ['api', 'component', 'client'],
  'simulated-nodes': ['api', 'component', 'client'],
  bootstrap: ['api', 'component', 'client'],
  // `keelson why` asks the scheduler's own plugins.
  cli: ['api', 'component', 'client', 'bootstrap', 'in-process', 'scheduler'],
  'in-process': ['api', 'component', 'client', 'apiserver', 'scheduler', 'controller-manager', 'simulated-nodes', 'bootstrap'],
  images: [],
  // `compare-openapi.ts` asks the server's own documents.
  tools: ['apiserver'],
};

/** Rooms outside the product: they drive it, so they may import anything and touch the outside world. */
const outside = ['e2e', 'bench', '.'];

/** The one home, per room, of each package that reaches the outside world. */
const homes: Readonly<Record<string, readonly string[]>> = {
  fastify: ['apiserver/server.ts', 'kubelet/server.ts'],
  etcd3: ['apiserver/storage/etcd-client.ts'],
  'node:http2': ['apiserver/storage/grpc-channel.ts'],
  undici: ['client/transport.ts', 'apiserver/kubelet-client.ts', 'apiserver/webhooks/call-webhook.ts'],
  dockerode: ['kubelet/runtime/docker-runtime.ts'],
  protobufjs: ['apiserver/encoding/protobuf/wire.ts', 'kubelet/csi/messages.ts', 'kubelet/probes/grpc-probe.ts'],
  '@grpc/grpc-js': ['kubelet/csi/grpc-client.ts', 'kubelet/probes/grpc-probe.ts'],
  'node:child_process': ['kube-proxy/nft.ts', 'kubelet/network/exec.ts', 'cli/process.ts', 'tools/run-tests.ts'],
};

/** Time, timers, randomness and environment: parameters everywhere but where they are made. */
const ambient: readonly { readonly what: string; readonly pattern: RegExp }[] = [
  { what: 'the wall clock', pattern: /\bDate\.now\(|\bnew Date\(\)|\bperformance\.now\(/ },
  { what: 'a timer', pattern: /\bset(?:Timeout|Interval)\(|['"]node:timers/ },
  { what: 'randomness', pattern: /\bMath\.random\(|\brandomUUID\(|\brandomBytes\(/ },
  { what: 'the environment', pattern: /\bprocess\.env\b/ },
];

/** Rooms that run on a developer's terminal rather than in the cluster: they may look at the clock and the environment. */
const ambientRooms = ['component', 'cli', 'tools', 'images'];

interface SourceFile {
  readonly path: string;
  readonly room: string;
  readonly text: string;
  readonly imports: readonly string[];
  readonly isTest: boolean;
}

/** The code without comments, so that a rule speaks of code alone. */
function stripComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '$1');
}

function readSource(path: string): SourceFile {
  const text = readFileSync(path, 'utf8');
  const room = path.includes('/') ? (path.split('/')[0] ?? '.') : '.';
  const code = stripComments(text);
  const imports = [...code.matchAll(/^(?:import|export)\b[^'"`;=]*['"]([^'"]+)['"]/gm)].map((match) => match[1] ?? '');
  const isTest = /\.(test|e2e)\.ts$|\/testing\/|contract\.ts$/.test(path);
  return { path, room, text: code, imports, isTest };
}

/** The room an import leads to; undefined for a package. */
function roomOf(file: SourceFile, specifier: string): string | undefined {
  if (specifier.startsWith('#')) return specifier.slice(1).split('/')[0];
  if (!specifier.startsWith('.')) return undefined;
  const target = normalize(join(dirname(file.path), specifier));
  return target.includes('/') ? target.split('/')[0] : '.';
}

const files = globSync('**/*.ts', { exclude: (path) => path.startsWith('node_modules') || path.startsWith('.keelson') })
  .sort()
  .map(readSource);
const insiders = files.filter((file) => !outside.includes(file.room));

test('every folder is a room with import rules', () => {
  const unknown = files.filter((file) => !(file.room in mayImport) && !outside.includes(file.room)).map((file) => file.path);
  assert.deepEqual(unknown, []);
});

test('imports between rooms go one way', () => {
  const wrong = insiders
    .filter((file) => !file.isTest)
    .flatMap((file) =>
      file.imports
        .map((specifier) => ({ specifier, room: roomOf(file, specifier) }))
        .filter(({ room }) => room !== undefined && room !== file.room && !mayImport[file.room]?.includes(room))
        .map(({ specifier }) => `${file.path} imports ${specifier}`),
    );
  assert.deepEqual(wrong, []);
});

test('nothing imports a main.ts', () => {
  const wrong = files.filter((file) => file.imports.some((specifier) => basename(specifier) === 'main.ts')).map((file) => file.path);
  assert.deepEqual(wrong, []);
});

test('only tests import from testing folders', () => {
  const wrong = insiders.filter((file) => !file.isTest && file.imports.some((specifier) => specifier.includes('/testing/')));
  assert.deepEqual(
    wrong.map((file) => file.path),
    [],
  );
});

for (const [name, allowed] of Object.entries(homes)) {
  test(`${name} is imported in ${allowed.join(', ')} and nowhere else`, () => {
    const users = insiders.filter(
      (file) => !file.isTest && file.imports.some((specifier) => specifier === name || specifier.startsWith(`${name}/`)),
    );
    assert.deepEqual(
      users.map((file) => file.path).filter((path) => !allowed.includes(path)),
      [],
    );
  });
}

for (const { what, pattern } of ambient) {
  test(`${what} is touched only in component, on the command line and in main.ts`, () => {
    const wrong = insiders
      .filter((file) => !file.isTest && !ambientRooms.includes(file.room) && basename(file.path) !== 'main.ts')
      .filter((file) => pattern.test(file.text));
    assert.deepEqual(
      wrong.map((file) => file.path),
      [],
    );
  });
}

test('file names are kebab-case', () => {
  const wrong = files.filter((file) => !/^[a-z0-9-]+(\.[a-z0-9-]+)*\.ts$/.test(basename(file.path)));
  assert.deepEqual(
    wrong.map((file) => file.path),
    [],
  );
});

test('every file but a generated one and a test begins by saying what it is', () => {
  const wrong = files
    .filter((file) => !file.path.includes('/generated/') && !file.path.endsWith('.test.ts'))
    .filter((file) => !/^(#![^\n]*\n)?\/\*\*/.test(readFileSync(file.path, 'utf8')));
  assert.deepEqual(
    wrong.map((file) => file.path),
    [],
  );
});
