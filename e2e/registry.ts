/**
 * An image registry on the engine's loopback, for tests of pulls: Debian's `docker-registry`, unpacked by `keelson setup --for-tests`. Two of them may serve the same images, one of
 * them behind a password. The engine takes registries on loopback without TLS.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { eventually } from './cluster.ts';

const program = join(import.meta.dirname, '..', '.keelson', 'bin', 'docker-registry');

export const login = { username: 'tester', password: 'open sesame' };
/** bcrypt of that password. */
const HTPASSWD = `${login.username}:$2b$05$aJw0xKyzLj62EwdhYDr/1OzxKDWHuXsXZ.M9E4x6rl4miP.BsoBw2\n`;

export interface Registries {
  /** `127.0.0.1:5001`, open to everybody. */
  readonly open: string;
  /** The same images, for who knows the password. */
  readonly closed: string;
}

/** They end with the test, and their images with them. */
export async function startRegistries(t: TestContext): Promise<Registries> {
  if (!existsSync(program)) throw new Error('there is no .keelson/bin/docker-registry: run npx keelson setup --for-tests');
  const folder = mkdtempSync(join(tmpdir(), 'registry-'));
  t.after(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, 'images'));
  writeFileSync(join(folder, 'htpasswd'), HTPASSWD);
  const basePort = 20_000 + (process.pid % 10_000);
  const auth = `auth: { htpasswd: { realm: test, path: ${join(folder, 'htpasswd')} } }\n`;
  const [open, closed] = await Promise.all([start(t, folder, basePort, ''), start(t, folder, basePort + 10_000, auth)]);
  return { open, closed };
}

async function start(t: TestContext, folder: string, port: number, auth: string): Promise<string> {
  const address = `127.0.0.1:${port}`;
  const config = join(folder, `${port}.yml`);
  const storage = `storage: { filesystem: { rootdirectory: ${join(folder, 'images')} } }\n`;
  writeFileSync(config, `version: 0.1\nlog: { level: error }\n${storage}http: { addr: "${address}" }\n${auth}`);
  const child = spawn(program, ['serve', config], { stdio: 'ignore' });
  t.after(() => child.kill());
  await eventually(`the registry at ${address}`, async () => [200, 401].includes((await fetch(`http://${address}/v2/`)).status));
  return address;
}
