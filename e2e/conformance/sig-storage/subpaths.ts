/** One file out of a volume that the kubelet writes, mounted by itself. */
import assert from 'node:assert/strict';
import type { Json } from '../../cluster.ts';
import type { ConformanceTest, TestScope } from '../framework/conformance-test.ts';
import { aScript, outputOf } from '../framework/run-pod.ts';
import { createObject, sources } from './sources.ts';

interface Case {
  readonly volume: Json;
  readonly subPath: string;
  readonly mountPath?: string;
  readonly content: string;
}

/** The file by itself is the same as in the whole volume. */
const isRead =
  ({ volume, subPath, mountPath = '/mnt/part', content }: Case) =>
  async (t: TestScope) => {
    await createObject(t, sources.configMap, 'config', { 'config-key': 'config-value' });
    await createObject(t, sources.secret, 'hidden', { 'secret-key': 'secret-value' });
    const volumeMounts = [
      { name: 'volume', mountPath, subPath },
      { name: 'volume', mountPath: '/mnt/whole' },
    ];
    const script = `cat ${mountPath}; echo; cat /mnt/whole/${subPath}; echo`;
    const pod = aScript('subpath', script, { spec: { volumes: [{ name: 'volume', ...volume }] }, container: { volumeMounts } });
    assert.equal(await outputOf(t, pod), `${content}\n${content}\n`);
  };

const podName: Json = { path: 'downward/podname', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.name' } };
const ofConfigMap: Case = { volume: { configMap: { name: 'config' } }, subPath: 'config-key', content: 'config-value' };
const projected: Json = { sources: [{ configMap: { name: 'config' } }, { downwardAPI: { items: [podName] } }] };

const PREFIX = '[sig-storage] Subpath Atomic writer volumes should support subpaths with';

export const subpathTests: readonly ConformanceTest[] = [
  { name: `${PREFIX} configmap pod [Conformance]`, run: isRead(ofConfigMap) },
  {
    name: `${PREFIX} configmap pod with mountPath of existing file [Conformance]`,
    run: isRead({ ...ofConfigMap, mountPath: '/etc/resolv.conf' }),
  },
  {
    name: `${PREFIX} secret pod [Conformance]`,
    run: isRead({ volume: { secret: { secretName: 'hidden' } }, subPath: 'secret-key', content: 'secret-value' }),
  },
  {
    name: `${PREFIX} downward pod [Conformance]`,
    run: isRead({ volume: { downwardAPI: { items: [podName] } }, subPath: 'downward/podname', content: 'subpath' }),
  },
  {
    name: `${PREFIX} projected pod [Conformance]`,
    run: isRead({ volume: { projected }, subPath: 'downward/podname', content: 'subpath' }),
  },
];
