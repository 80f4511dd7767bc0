/** What a hostPath volume checks before it is mounted, in upstream's words, and how links are followed on the host. */
import assert from 'node:assert/strict';
import { mkdir, stat, symlink, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { type FolderHost, withFolderHost } from '../testing/folder-host.ts';
import { parseMounts } from './engine-host.ts';
import { checkHostPath } from './host-path.ts';

async function withFiles(body: (host: FolderHost) => Promise<void>): Promise<void> {
  await withFolderHost(async (host) => {
    await mkdir(host.local('/run/app'), { recursive: true });
    await writeFile(host.local('/run/file'), '');
    await mkdir(host.local('/var'));
    await symlink('/run', host.local('/var/run'));
    await body(host);
  });
}

const accepted: readonly { type: string; path: string; isDirectory: boolean }[] = [
  { type: 'Directory', path: '/var/run/app', isDirectory: true },
  { type: 'File', path: '/var/run/file', isDirectory: false },
  { type: 'DirectoryOrCreate', path: '/var/run/new/one', isDirectory: true },
  { type: 'FileOrCreate', path: '/var/run/new', isDirectory: false },
  { type: '', path: '/elsewhere/new', isDirectory: true },
];
for (const { type, path, isDirectory } of accepted) {
  test(`hostPath ${type || 'without a type'} takes ${path}`, async () => {
    await withFiles(async (host) => {
      assert.equal(await checkHostPath({ path, type }, host), path);
      assert.equal((await stat(host.local(path.replace('/var/run', '/run')))).isDirectory(), isDirectory);
    });
  });
}

const refused: readonly { type: string; path: string; message: string }[] = [
  { type: 'Directory', path: '/run/file', message: 'hostPath type check failed: /run/file is not a directory' },
  { type: 'Directory', path: '/none', message: 'hostPath type check failed: /none is not a directory' },
  { type: 'File', path: '/run/app', message: 'hostPath type check failed: /run/app is not a file' },
  { type: 'Socket', path: '/run/file', message: 'hostPath type check failed: /run/file is not a socket file' },
  { type: 'CharDevice', path: '/run/file', message: 'hostPath type check failed: /run/file is not a character device' },
  { type: 'BlockDevice', path: '/run/file', message: 'hostPath type check failed: /run/file is not a block device' },
  { type: 'DirectoryOrCreate', path: '/run/file', message: 'hostPath type check failed: /run/file is not a directory' },
  { type: 'FileOrCreate', path: '/run/app', message: 'hostPath type check failed: /run/app is not a file' },
  { type: 'FileOrCreate', path: '/none/file', message: 'open /none/file: no such file or directory' },
];
for (const { type, path, message } of refused) {
  test(`hostPath ${type} refuses ${path}`, async () => {
    await withFiles(async (host) => {
      await assert.rejects(checkHostPath({ path, type }, host), { message });
    });
  });
}

test('mounts are read from the kernel’s list, blanks in their paths too', () => {
  const text = '36 35 98:0 / /mnt/a\\040b ro,noatime shared:1 - ext4 /dev/sda rw\n37 35 0:5 / /proc rw - proc proc rw\n';
  assert.deepEqual(parseMounts(text), [
    { path: '/mnt/a b', isReadOnly: true },
    { path: '/proc', isReadOnly: false },
  ]);
});
