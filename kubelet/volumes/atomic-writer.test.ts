/** Files appear all at once, keep their place when nothing changed, and go when they are no longer wanted. */
import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, readlink, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { writeAtomically } from './atomic-writer.ts';
import type { VolumeFile } from './volume-files.ts';

function aFile(path: string, text: string, mode = 0o644): VolumeFile {
  return { path, content: Buffer.from(text), mode };
}

async function inDirectory(body: (directory: string) => Promise<void>): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), 'volume-'));
  try {
    await body(join(root, 'volume'));
  } finally {
    await rm(root, { recursive: true });
  }
}

test('files are readable under their names, in folders too, with their modes', async () => {
  await inDirectory(async (directory) => {
    assert.equal(await writeAtomically(directory, [aFile('colour', 'blue'), aFile('deep/er', 'x', 0o400)], undefined), true);
    assert.equal(await readFile(join(directory, 'colour'), 'utf8'), 'blue');
    assert.equal(await readFile(join(directory, 'deep/er'), 'utf8'), 'x');
    assert.equal((await stat(join(directory, 'deep/er'))).mode & 0o777, 0o400);
  });
});

test('the same files again change nothing', async () => {
  await inDirectory(async (directory) => {
    await writeAtomically(directory, [aFile('colour', 'blue')], undefined);
    const before = await readlink(join(directory, '..data'));
    assert.equal(await writeAtomically(directory, [aFile('colour', 'blue')], undefined), false);
    assert.equal(await readlink(join(directory, '..data')), before);
  });
});

test('new contents replace the old ones, and names that are gone disappear', async () => {
  await inDirectory(async (directory) => {
    await writeAtomically(directory, [aFile('colour', 'blue'), aFile('size', 'big')], undefined);
    assert.equal(await writeAtomically(directory, [aFile('colour', 'red')], undefined), true);
    assert.equal(await readFile(join(directory, 'colour'), 'utf8'), 'red');
    const names = await readdir(directory);
    assert.deepEqual(
      names.filter((name) => !name.startsWith('..')),
      ['colour'],
    );
    assert.equal(names.filter((name) => name.startsWith('..')).length, 2, 'one generation and the link to it');
  });
});

test('with a group, its members may read every file', async () => {
  await inDirectory(async (directory) => {
    const groupId = process.getgid?.() ?? 0;
    await writeAtomically(directory, [aFile('token', 'x', 0o600), aFile('open', 'x', 0o644)], groupId);
    const modeOf = async (name: string) => (await stat(join(directory, name))).mode & 0o777;
    assert.deepEqual([await modeOf('token'), await modeOf('open')], [0o640, 0o644]);
  });
});
