/**
 * One table of tests for every kubectl that set-up unpacked: `describeKubectl` gives each test a namespace of its own and that version's program, and runs them beside
 * each other. What a test asserts on is what a user sees: the text on the terminal.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, type TestContext, test } from 'node:test';
import { parse, stringify } from 'yaml';
import { api, closeApi, eventually, type Json, kubeconfigPath, kubectlPaths, type Output, run } from '../cluster.ts';

/** Beside each other, per version. kubectl is busy with itself for most of its 50 ms; more only wait for a processor. */
const TESTS_AT_ONCE_MAX = 3;

export interface CommandOptions {
  readonly input?: string;
  readonly environment?: Readonly<Record<string, string>>;
}

/** What a command has to print: a whole text (but for the white space at its ends), or what is in it. */
export type Expected = string | RegExp;

export interface Kubectl {
  /** `1.36`; for what upstream words differently. */
  readonly version: string;
  /** The test's own, and the current one. Its name is good as a prefix of names outside of namespaces. */
  readonly namespace: string;
  /** Runs a command line (words, with quotes as a shell's) and gives what it printed; throws when it fails. */
  out(line: string, options?: CommandOptions): Promise<string>;
  /** The command succeeds and prints this. */
  says(line: string, expected: Expected, options?: CommandOptions): Promise<void>;
  /** The command fails and its error output is this. */
  fails(line: string, expected: Expected, options?: CommandOptions): Promise<void>;
  /** Whatever comes of it. */
  run(line: string, options?: CommandOptions): Promise<Output>;
  /** The output of `-o json`, parsed. */
  json(line: string): Promise<Json>;
  /** Writes a file for this test and gives its path. Objects become JSON. */
  file(name: string, content: string | object): string;
  /** Runs when the test ends, whatever came of it. */
  after(line: string): void;
}

type Body = (kubectl: Kubectl, t: TestContext) => Promise<void>;
type Define = (name: string, body: Body) => void;

/** To be called once per file. */
export function describeKubectl(title: string, define: (it: Define) => void): void {
  const namespaces: string[] = [];
  describe(title, { concurrency: kubectlPaths.length }, () => {
    for (const program of kubectlPaths) {
      const version = versionOf(program);
      describe(`kubectl ${version}`, { concurrency: TESTS_AT_ONCE_MAX }, () => {
        define((name, body) =>
          test(name, async (t) => {
            const namespace = await createNamespace(t);
            namespaces.push(namespace);
            await body(aKubectl(t, { program, version, namespace }), t);
          }));
      });
    }
    after(async () => {
      await eventually('the namespaces are gone', async () => {
        const { body } = await api('GET', '/api/v1/namespaces');
        return !body.items.some((namespace: Json) => namespaces.includes(namespace.metadata.name));
      });
      await closeApi();
    });
  });
}

function versionOf(program: string): string {
  const { clientVersion } = JSON.parse(execFileSync(program, ['version', '--client', '-o', 'json'], { encoding: 'utf8' }));
  return `${clientVersion.major}.${clientVersion.minor}`;
}

async function createNamespace(t: TestContext): Promise<string> {
  const name = `e2e-${randomBytes(4).toString('hex')}`;
  const created = await api('POST', '/api/v1/namespaces', { body: JSON.stringify({ metadata: { name } }) });
  assert.equal(created.statusCode, 201, JSON.stringify(created.body));
  t.after(() => api('DELETE', `/api/v1/namespaces/${name}`));
  return name;
}

interface Place {
  readonly program: string;
  readonly version: string;
  readonly namespace: string;
}

function aKubectl(t: TestContext, { program, version, namespace }: Place): Kubectl {
  const folder = mkdtempSync(join(tmpdir(), 'keelson-kubectl-'));
  writeFileSync(join(folder, 'kubeconfig'), kubeconfigFor(namespace));
  const environment = { KUBECONFIG: join(folder, 'kubeconfig'), KUBECACHEDIR: join(tmpdir(), `keelson-kubectl-cache-${version}`) };
  const runLine = (line: string, options: CommandOptions = {}) =>
    run(program, wordsOf(line), options.input, { ...environment, ...options.environment });
  const out = async (line: string, options?: CommandOptions) => {
    const { code, stdout, stderr } = await runLine(line, options);
    assert.equal(code, 0, `kubectl ${line} exited ${code}: ${stderr || stdout}`);
    return stdout;
  };
  // The last first, and the kubeconfig that they need after all of them.
  const cleanUps: string[] = [];
  t.after(async () => {
    for (const line of cleanUps.toReversed()) await out(line);
    rmSync(folder, { recursive: true });
  });
  return {
    version,
    namespace,
    run: runLine,
    out,
    says: async (line, expected, options) => assertText(`kubectl ${line}`, await out(line, options), expected),
    fails: async (line, expected, options) => {
      const { code, stdout, stderr } = await runLine(line, options);
      assert.notEqual(code, 0, `kubectl ${line} succeeded: ${stdout}`);
      assertText(`kubectl ${line}`, stderr, expected);
    },
    json: async (line) => JSON.parse(await out(`${line} -o json`)),
    file: (name, content) => {
      const path = join(folder, name);
      writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content), { mode: 0o755 });
      return path;
    },
    after: (line) => cleanUps.push(line),
  };
}

/** The cluster's kubeconfig with another namespace: no flag on any command line, and `kubectl config` may write to it. */
function kubeconfigFor(namespace: string): string {
  const kubeconfig: Json = parse(readFileSync(kubeconfigPath, 'utf8'));
  for (const { context } of kubeconfig.contexts) context.namespace = namespace;
  return stringify(kubeconfig);
}

function assertText(what: string, text: string, expected: Expected): void {
  if (typeof expected === 'string') assert.equal(text.trim(), expected.trim(), what);
  else assert.match(text, expected, what);
}

/** `get pod -o 'jsonpath={.a b}'` → its words; what stands in quotes is one, or part of one. */
function wordsOf(line: string): readonly string[] {
  const words = line.match(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g) ?? [];
  return words.map((word) => word.replace(/'([^']*)'|"([^"]*)"/g, (_, single, double) => single ?? double));
}
