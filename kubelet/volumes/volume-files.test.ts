/** The files of the volume that every pod has, and who may read its token. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Container, Pod, PodSpec, Volume } from '#api/generated/types.ts';
import { renderVolumeFiles, tokenKey } from './volume-files.ts';

const volume: Volume = {
  name: 'kube-api-access-x',
  projected: {
    defaultMode: 0o644,
    sources: [
      { serviceAccountToken: { path: 'token', expirationSeconds: 3607 } },
      { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
      { downwardAPI: { items: [{ path: 'namespace', fieldRef: { fieldPath: 'metadata.namespace' } }] } },
    ],
  },
};
const metadata = { name: 'web', namespace: 'shop', uid: 'p1', resourceVersion: '1', creationTimestamp: '' };
const aContainer = (name: string, runAsUser?: number): Container => ({
  name,
  ...(runAsUser === undefined ? {} : { securityContext: { runAsUser } }),
});

function filesOf(spec: Partial<PodSpec> = {}, hasAuthority = true) {
  const pod: Pod = { apiVersion: 'v1', kind: 'Pod', metadata, spec: { containers: [aContainer('main')], ...spec } };
  const authority = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { 'ca.crt': 'PEM' } };
  return renderVolumeFiles(volume, {
    pod,
    facts: { podIp: '10.244.1.5', nodeIp: '172.18.0.3', cpuCount: 4, memoryBytes: 8 * 2 ** 30, allocatable: new Map() },
    lookup: { configMap: () => (hasAuthority ? authority : undefined), secret: () => undefined },
    tokens: new Map([[tokenKey({ path: 'token', expirationSeconds: 3607 }), 'JWT']]),
  });
}

test('a program finds its token, the authority and its namespace', () => {
  const files = (filesOf() ?? []).map(({ path, content, mode }) => [path, Buffer.from(content).toString(), mode]);
  assert.deepEqual(files, [
    ['token', 'JWT', 0o644],
    ['ca.crt', 'PEM', 0o644],
    ['namespace', 'shop', 0o644],
  ]);
});

test('a pod waits for the authority', () => {
  assert.throws(() => filesOf({}, false), { message: 'configmap "kube-root-ca.crt" not found' });
});

const access: readonly { it: string; spec: Partial<PodSpec>; token: { mode: number; ownerId?: number } }[] = [
  { it: 'everybody’s where users are unknown', spec: {}, token: { mode: 0o644 } },
  {
    it: 'the user’s where all containers are one user',
    spec: { securityContext: { runAsUser: 1000 }, initContainers: [aContainer('first', 1000)] },
    token: { mode: 0o600, ownerId: 1000 },
  },
  {
    it: 'everybody’s where containers are different users',
    spec: { containers: [aContainer('a', 1), aContainer('b', 2)] },
    token: { mode: 0o644 },
  },
  { it: 'the group’s where there is one', spec: { securityContext: { fsGroup: 2000 } }, token: { mode: 0o600 } },
];
for (const { it, spec, token } of access) {
  test(`a token is ${it}`, () => {
    const { path: _path, content: _content, ...found } = (filesOf(spec) ?? []).find(({ path }) => path === 'token') ?? {};
    assert.deepEqual(found, token);
  });
}
