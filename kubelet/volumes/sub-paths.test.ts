/** Part of a volume is mounted, made where it is missing, and never anything outside of it. */
import assert from 'node:assert/strict';
import { mkdir, stat, symlink, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { type FolderHost, withFolderHost } from '../testing/folder-host.ts';
import { mountSubPath, unmountAll } from './sub-paths.ts';

const target = '/pods/u/volume-subpaths/v/c/0';

async function withVolume(body: (host: FolderHost) => Promise<void>): Promise<void> {
  await withFolderHost(async (host) => {
    await mkdir(host.local('/vol/deep/er'), { recursive: true });
    await writeFile(host.local('/vol/file'), 'x');
    await mkdir(host.local('/secret'));
    await body(host);
  });
}

const cases: readonly { it: string; path: string; links?: Readonly<Record<string, string>>; bound: string }[] = [
  { it: 'mounts a directory', path: 'deep/er', bound: '/vol/deep/er' },
  { it: 'mounts a file', path: 'file', bound: '/vol/file' },
  { it: 'makes what is missing', path: 'new/one', bound: '/vol/new/one' },
  { it: 'follows a link that stays inside', path: 'key', links: { '/vol/key': 'deep/er' }, bound: '/vol/deep/er' },
  {
    it: 'makes what is missing behind a link that stays inside',
    path: 'key/more',
    links: { '/vol/key': '/vol/deep' },
    bound: '/vol/deep/more',
  },
];
for (const { it, path, links = {}, bound } of cases) {
  test(`a subPath ${it}`, async () => {
    await withVolume(async (host) => {
      for (const [at, to] of Object.entries(links)) await symlink(to, host.local(at));
      await mountSubPath({ volume: '/vol', path, target }, host, process.pid);
      assert.equal(host.mounts.get(target), bound);
    });
  });
}

const refusals: readonly { it: string; path: string; links: Readonly<Record<string, string>>; message: RegExp }[] = [
  {
    it: 'out of its volume',
    path: 'out',
    links: { '/vol/out': '/secret' },
    message: /^subpath "\/secret" not within volume path "\/vol"$/,
  },
  { it: 'up and out', path: 'out', links: { '/vol/out': '../secret' }, message: /not within volume path/ },
  { it: 'to a neighbour with the same beginning', path: 'out', links: { '/vol/out': '/volume' }, message: /not within volume path/ },
  {
    it: 'out, below which something is missing',
    path: 'out/new',
    links: { '/vol/out': '/secret' },
    message: /^path \/secret is outside of allowed base \/vol$/,
  },
  { it: 'in a circle', path: 'a', links: { '/vol/a': 'b', '/vol/b': 'a' }, message: /too many levels of symbolic links$/ },
];
for (const { it, path, links, message } of refusals) {
  test(`a subPath is refused whose link leads ${it}`, async () => {
    await withVolume(async (host) => {
      await mkdir(host.local('/volume'));
      for (const [at, to] of Object.entries(links)) await symlink(to, host.local(at));
      await assert.rejects(mountSubPath({ volume: '/vol', path, target }, host, process.pid), { message });
      assert.equal(host.mounts.size, 0);
      await assert.rejects(stat(host.local('/secret/new')));
    });
  });
}

test('mounting again replaces what was mounted, and letting go leaves nothing', async () => {
  await withVolume(async (host) => {
    await mountSubPath({ volume: '/vol', path: 'file', target }, host, process.pid);
    await mountSubPath({ volume: '/vol', path: 'deep', target }, host, process.pid);
    assert.deepEqual([...host.mounts], [[target, '/vol/deep']]);
    assert.ok((await stat(host.local(target))).isDirectory());
    await unmountAll('/pods/u', host);
    assert.equal(host.mounts.size, 0);
  });
});
