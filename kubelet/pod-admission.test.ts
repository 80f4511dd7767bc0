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

const withPort = (hostIP?: string, protocol = 'TCP'): Partial<PodSpec> => {
  const port = { containerPort: 80, hostPort: 8080, protocol, ...(hostIP === undefined ? {} : { hostIP }) };
  return { containers: [{ name: 'web', image: 'web:v1', ports: [port] }] };
};
const portCases: readonly {
  readonly it: string;
  readonly spec: Partial<PodSpec>;
  readonly other: Partial<PodSpec>;
  readonly isTaken: boolean;
}[] = [
  { it: 'no port of the node', spec: {}, other: withPort(), isTaken: true },
  { it: 'a port that nobody has', spec: withPort(), other: {}, isTaken: true },
  { it: 'a port that another has', spec: withPort(), other: withPort(), isTaken: false },
  { it: 'a port of one address that another has of all', spec: withPort('127.0.0.1'), other: withPort('0.0.0.0'), isTaken: false },
  { it: 'a port that another has of another address', spec: withPort('127.0.0.1'), other: withPort('172.18.0.3'), isTaken: true },
  { it: 'a port that another has of another protocol', spec: withPort(), other: withPort(undefined, 'UDP'), isTaken: true },
];
for (const { it, spec, other, isTaken } of portCases) {
  test(`a pod that wants ${it} is ${isTaken ? 'taken' : 'refused'}`, () => {
    const status = { startTime: '2026-01-01T00:00:00Z' };
    const neighbours = [aSnapshot({ spec: other, status }).pod];
    assert.equal(findRejection(aSnapshot({ spec, neighbours }))?.reason, isTaken ? undefined : 'NodePorts');
  });
}

test('of two pods that come at once for one port, the older is taken', () => {
  const { pod } = aSnapshot({ spec: withPort() });
  const older = { ...pod, metadata: { ...pod.metadata, uid: 'u0' } };
  const message = "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports";
  assert.deepEqual(findRejection(aSnapshot({ spec: withPort(), neighbours: [older] })), { reason: 'NodePorts', message });
  assert.equal(findRejection({ ...aSnapshot({ neighbours: [pod] }), pod: older }), undefined);
});
