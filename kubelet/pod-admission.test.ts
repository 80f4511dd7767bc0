/** Which pods a node refuses. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PodSpec } from '#api/generated/types.ts';
import { findRejection } from './pod-admission.ts';
import { aSnapshot } from './testing/pod-snapshots.ts';

const sysctl = (name: string): Partial<PodSpec> => ({ securityContext: { sysctls: [{ name, value: '1' }] } });
const cases: readonly { readonly it: string; readonly spec: Partial<PodSpec>; readonly message?: string }[] = [
  { it: 'a pod without sysctls', spec: {} },
  { it: 'a safe sysctl', spec: sysctl('net.ipv4.tcp_syncookies') },
  { it: 'a safe sysctl with slashes', spec: sysctl('net/ipv4/tcp_syncookies') },
  { it: 'an unsafe sysctl', spec: sysctl('kernel.msgmax'), message: 'forbidden sysctl: "kernel.msgmax" not allowlisted' },
  {
    it: 'a sysctl of the network that is the node’s',
    spec: { ...sysctl('net.ipv4.tcp_syncookies'), hostNetwork: true },
    message: 'forbidden sysctl: "net.ipv4.tcp_syncookies" not allowed with host Net enabled',
  },
  {
    it: 'a sysctl of the shared memory that is the node’s',
    spec: { ...sysctl('kernel.shm_rmid_forced'), hostIPC: true },
    message: 'forbidden sysctl: "kernel.shm_rmid_forced" not allowed with host IPC enabled',
  },
];
for (const { it, spec, message } of cases) {
  test(`${it} is ${message === undefined ? 'taken' : 'refused'}`, () => {
    const expected = message === undefined ? undefined : { reason: 'SysctlForbidden', message };
    assert.deepEqual(findRejection(aSnapshot({ spec })), expected);
  });
}

test('a pod that has begun is not asked again', () => {
  const status = { startTime: '2026-01-01T00:00:00Z' };
  assert.equal(findRejection(aSnapshot({ spec: sysctl('kernel.msgmax'), status })), undefined);
});
