/** What is written to, and removed from, a tree of cgroups; ordinary directories play it. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Pod } from '#api/generated/types.ts';
import { silentLogger } from '#component/logger.ts';
import { createNodeCgroups, hasCgroups } from './node-cgroups.ts';

const controllers = ['cpu', 'memory', 'pids'];
const resources = { requests: { cpu: '1' } };
const metadata = { name: 'p', namespace: 'default', uid: 'u1', resourceVersion: '1', creationTimestamp: '' };
const pod: Pod = { apiVersion: 'v1', kind: 'Pod', metadata, spec: { containers: [{ name: 'c', image: 'i', resources }] } };

function withTree(body: (mount: string) => Promise<void>): () => Promise<void> {
  return async () => {
    const mount = mkdtempSync(join(tmpdir(), 'cgroups-'));
    try {
      for (const controller of controllers) mkdirSync(join(mount, controller, 'keelson/n/burstable/podu1'), { recursive: true });
      await body(mount);
    } finally {
      rmSync(mount, { recursive: true });
    }
  };
}

function open(mount: string) {
  const limits = { cpuShares: 2048, memoryBytesMax: 2 ** 30 };
  const options = { mount, driver: 'cgroupfs' as const, version: 1 as const, node: ['keelson', 'n'], limits, podLimits: { cpuCount: 2 } };
  return createNodeCgroups(options, { log: silentLogger });
}

test(
  'a pod that starts limits its node, its class and itself',
  withTree(async (mount) => {
    await open(mount).apply(pod, [pod]);
    const read = (path: string) => readFileSync(join(mount, path), 'utf8');
    assert.equal(read('memory/keelson/n/memory.limit_in_bytes'), String(2 ** 30));
    assert.equal(read('cpu/keelson/n/burstable/cpu.shares'), '1024');
    assert.equal(read('cpu/keelson/n/burstable/podu1/cpu.shares'), '1024');
    assert.equal(read('memory/keelson/n/burstable/podu1/memory.limit_in_bytes'), '-1');
  }),
);

test(
  'what a pod leaves is removed under every controller',
  withTree(async (mount) => {
    await open(mount).remove('u1', []);
    assert.deepEqual(
      controllers.filter((controller) => existsSync(join(mount, controller, 'keelson/n/burstable/podu1'))),
      [],
    );
  }),
);

test(
  'pods that are gone when the kubelet starts are swept, others stay',
  withTree(async (mount) => {
    for (const controller of controllers) mkdirSync(join(mount, controller, 'keelson/n/podu2'));
    await open(mount).sweep(new Set(['u1']));
    assert.equal(existsSync(join(mount, 'cpu/keelson/n/podu2')), false);
    assert.equal(existsSync(join(mount, 'cpu/keelson/n/burstable/podu1')), true);
  }),
);

test(
  'what an earlier node of this name left is swept, other nodes stay',
  withTree(async (mount) => {
    for (const controller of controllers) {
      mkdirSync(join(mount, controller, 'keelson/n-0a1b2c/burstable/podu3'), { recursive: true });
      mkdirSync(join(mount, controller, 'keelson/other-0a1b2c'));
    }
    await open(mount).sweep(new Set(['u1']));
    assert.equal(existsSync(join(mount, 'cpu/keelson/n-0a1b2c')), false);
    assert.equal(existsSync(join(mount, 'cpu/keelson/other-0a1b2c')), true);
  }),
);

test(
  'a mount without cgroups is none',
  withTree(async (mount) => {
    assert.equal(hasCgroups({ mount, driver: 'cgroupfs', version: 1 }), false);
    writeFileSync(join(mount, 'memory/memory.usage_in_bytes'), '0');
    assert.equal(hasCgroups({ mount, driver: 'cgroupfs', version: 1 }), true);
  }),
);
