/**
 * `@kubernetes/client-node`, unchanged, on a server that has forgotten the past. In this process, because the composed cluster's etcd keeps its history
 * for longer than a test may take.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { CoreV1Api, KubeConfig, ListWatch, type V1ConfigMap, Watch } from '@kubernetes/client-node';
import { createMemoryStorage } from '../apiserver/storage/memory-storage.ts';
import { createTestApiServer, type TestApiServer } from '../apiserver/testing/test-api-server.ts';

function kubeConfigOf({ url, ca, admin }: TestApiServer): KubeConfig {
  const kubeConfig = new KubeConfig();
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  kubeConfig.loadFromClusterAndUser(
    { name: 'test', server: url, caData: base64(ca), skipTLSVerify: false },
    { name: 'admin', certData: base64(admin.certificate), keyData: base64(admin.key) },
  );
  return kubeConfig;
}

test('an informer that asks for what is long past is told so, and lists again', async (t) => {
  const storage = createMemoryStorage();
  const before = await createTestApiServer({ storage });
  await before.stop();
  storage.compact((await storage.list('/', { limit: 1 })).revision);
  await using server = await createTestApiServer({ storage });
  const kubeConfig = kubeConfigOf(server);
  const core = kubeConfig.makeApiClient(CoreV1Api);
  let lists = 0;
  const list = async () => {
    lists++;
    const answer = await core.listNamespacedConfigMap({ namespace: 'default' });
    return lists === 1 ? { ...answer, metadata: { ...answer.metadata, resourceVersion: '1' } } : answer;
  };
  const informer = new ListWatch<V1ConfigMap>('/api/v1/namespaces/default/configmaps', new Watch(kubeConfig), list, false);
  t.after(() => informer.stop());
  const seen = new EventTarget();
  informer.on('connect', () => lists === 1 && seen.dispatchEvent(new Event('again')));
  informer.on('add', ({ metadata }) => seen.dispatchEvent(new Event(metadata?.name ?? '')));
  const [again, added] = [once(seen, 'again'), once(seen, 'late')];
  await informer.start();
  await again;
  await core.createNamespacedConfigMap({ namespace: 'default', body: { metadata: { name: 'late' } } });
  await added;
  assert.equal(lists, 2);
  await informer.stop();
});
