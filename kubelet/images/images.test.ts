/** Pulls in turn, what is remembered of them, and images that go. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createFakeClient } from '#client/testing/fake-client.ts';
import { silentLogger } from '#component/logger.ts';
import { createFakeClock } from '#component/testing/fake-clock.ts';
import { RuntimeError } from '../runtime/container-runtime.ts';
import { createFakeRuntime } from '../runtime/fake-runtime.ts';
import { createTurns } from '../turns.ts';
import { formatDuration } from './ensure-image.ts';
import { bytesToFree, createImageGarbageCollector, removableImages } from './image-garbage-collector.ts';
import { createImageLedger } from './image-ledger.ts';
import { createImagePuller } from './image-puller.ts';
import { parseDockerConfig } from './registry-credentials.ts';

const policy = { highPercent: 85, lowPercent: 80, ageMsMin: 120_000 };
const never = AbortSignal.any([]);

test('pulls take turns, and each is told how long it waited', async () => {
  const clock = createFakeClock();
  const queue = createTurns(1, { clock });
  const done: string[] = [];
  const pull = (name: string) =>
    queue.run(async (waitedMs) => {
      await clock.sleep(1000, never);
      done.push(`${name} after ${waitedMs}`);
    });
  const all = Promise.all(['a', 'b', 'c'].map(pull));
  await clock.advance(1000);
  assert.deepEqual(done, ['a after 0']);
  await clock.advance(1000);
  await clock.advance(1000);
  await all;
  assert.deepEqual(done, ['a after 0', 'b after 1000', 'c after 2000']);
});

test('a pull that fails lets the next one through', async () => {
  const queue = createTurns(1, { clock: createFakeClock() });
  const failed = queue.run(() => Promise.reject(new Error('no')));
  const next = queue.run(async () => 'yes');
  await assert.rejects(failed);
  assert.equal(await next, 'yes');
});

test('several at once are as many as they may be', async () => {
  const clock = createFakeClock();
  const queue = createTurns(2, { clock });
  let [now, most] = [0, 0];
  const pull = () =>
    queue.run(async () => {
      now += 1;
      most = Math.max(most, now);
      await clock.sleep(10, never);
      now -= 1;
    });
  const all = Promise.all(Array.from({ length: 5 }, pull));
  for (let round = 0; round < 3; round += 1) await clock.advance(10);
  await all;
  assert.equal(most, 2);
});

test('a restart remembers what was pulled as whom; what anybody may pull is for all', () => {
  const directory = mkdtempSync(join(tmpdir(), 'ledger-'));
  try {
    const path = join(directory, 'images.json');
    const before = createImageLedger(path);
    before.notePull('id1', 'r.io/a:v1', 'hash1', 1000);
    before.notePull('id1', 'r.io/a:v1', 'hash2', 2000);
    before.notePull('id2', 'r.io/b:v1', undefined, 1000);
    const after = createImageLedger(path);
    assert.deepEqual(after.find('id1', 'r.io/a:v1')?.credentialHashes, ['hash1', 'hash2']);
    assert.deepEqual(after.find('id2', 'r.io/b:v1')?.credentialHashes, []);
    assert.equal(after.find('id3', 'built:here'), undefined);
    after.notePull('id1', 'r.io/a:v1', undefined, 3000);
    assert.deepEqual(after.find('id1', 'r.io/a:v1')?.credentialHashes, []);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('each credential that fits is tried, and their failures are told together', async () => {
  const clock = createFakeClock();
  const tried: (string | undefined)[] = [];
  const runtime = {
    ...createFakeRuntime({ clock, images: ['r.io/team/web:v1'] }),
    pullImage: async (_image: string, credential: { readonly username: string } | undefined) => {
      tried.push(credential?.username);
      if (credential?.username !== 'right') throw new RuntimeError('Refused', `${credential?.username} is denied`);
    },
  };
  const queue = createTurns(1, { clock });
  const deps = { client: createFakeClient({ clock }), runtime, ledger: createImageLedger(undefined), queue, clock, hostKeyring: () => [] };
  const puller = createImagePuller(deps);
  const keyring = (names: Readonly<Record<string, string>>) =>
    parseDockerConfig(
      JSON.stringify({ auths: Object.fromEntries(Object.entries(names).map(([place, username]) => [place, { username, password: 'p' }])) }),
    );
  await puller.pull('r.io/team/web:v1', keyring({ 'r.io/team': 'wrong', 'r.io': 'right' }), never);
  assert.deepEqual(tried, ['wrong', 'right']);
  const denied = puller.pull('r.io/team/web:v1', keyring({ 'r.io/team': 'wrong', 'r.io': 'worse' }), never);
  await assert.rejects(denied, { message: '[wrong is denied, worse is denied]' });
});

test('a disk that is too full is emptied to the lower mark, not beyond', () => {
  const disk = { capacityBytes: 1000, usedBytes: 0, inodes: 1, inodesFree: 1, inodesUsed: 0 };
  assert.equal(bytesToFree({ ...disk, availableBytes: 160 }, policy), 0);
  assert.equal(bytesToFree({ ...disk, availableBytes: 150 }, policy), 50);
  assert.equal(bytesToFree({ ...disk, availableBytes: 20 }, policy), 180);
});

test('images that are in use or young stay; the longest unused goes first', () => {
  const anImage = (name: string, pulledAtMs: number, lastUsedAtMs: number) => ({
    imageId: name,
    name,
    pulledAtMs,
    lastUsedAtMs,
    credentialHashes: [],
  });
  const images = [anImage('recent', 0, 500_000), anImage('old', 0, 100_000), anImage('used', 0, 0), anImage('young', 900_000, 900_000)];
  const names = removableImages(images, new Set(['used']), 1_000_000, policy).map(({ name }) => name);
  assert.deepEqual(names, ['old', 'recent']);
});

test('only what this kubelet pulled is removed, and only as much as is needed', async () => {
  const clock = createFakeClock();
  const runtime = createFakeRuntime({ clock, images: ['built:here', 'a:v1', 'b:v1', 'c:v1'] });
  const ledger = createImageLedger(undefined);
  for (const name of ['a:v1', 'b:v1', 'c:v1']) ledger.notePull(`sha256:${name}`, name, undefined, clock.now());
  const events: string[] = [];
  // Too full by one byte, and each image is one.
  const readDisk = async () => ({ capacityBytes: 10, availableBytes: 1, usedBytes: 9, inodes: 1, inodesFree: 1, inodesUsed: 0 });
  const collector = createImageGarbageCollector({
    policy,
    ledger,
    runtime,
    readDisk,
    imagesInUse: () => new Set(['sha256:c:v1']),
    report: (_type, reason, message) => events.push(`${reason}: ${message}`),
    clock,
    log: silentLogger,
  });
  const stop = new AbortController();
  const running = collector.run(stop.signal);
  const present = async () => {
    const found = await Promise.all(['built:here', 'a:v1', 'b:v1', 'c:v1'].map((name) => runtime.findImage(name)));
    return found.flatMap((image) => image?.id.slice('sha256:'.length) ?? []);
  };
  await clock.advance(300_000);
  assert.deepEqual(await present(), ['built:here', 'b:v1', 'c:v1']);
  await clock.advance(300_000);
  await clock.advance(300_000);
  assert.deepEqual(await present(), ['built:here', 'c:v1']);
  assert.match(
    events.at(-1) ?? '',
    /^FreeDiskSpaceFailed: Failed to garbage collect required amount of images\. Attempted to free 1 bytes/,
  );
  stop.abort();
  await clock.advance(1);
  await running;
});

test('durations are written as Go writes them', () => {
  assert.deepEqual([0.4, 340, 1500, 62_500, 3_600_000].map(formatDuration), ['0s', '340ms', '1.5s', '1m2.5s', '1h0m0s']);
});
