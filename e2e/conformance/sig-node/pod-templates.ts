/** PodTemplates as objects: nothing acts on them. */
import assert from 'node:assert/strict';
import type { Json } from '../../cluster.ts';
import type { ConformanceTest, TestScope } from '../framework/conformance-test.ts';
import { expectRefusal } from '../framework/expect.ts';
import { aTemplate } from '../framework/pods.ts';

const TEMPLATES = 'v1/podtemplates';

const aPodTemplate = (name: string, labels: Json): Json => ({
  apiVersion: 'v1',
  kind: 'PodTemplate',
  metadata: { name, labels },
  template: aTemplate({ app: name }),
});

async function livesItsLife(t: TestScope): Promise<void> {
  const templates = t.resource(TEMPLATES);
  const everywhere = t.resource(TEMPLATES, '');
  const labelSelector = `podtemplate-static=${t.suffix}`;
  assert.deepEqual((await everywhere.list({ labelSelector })).items, []);
  await templates.create(aPodTemplate('lives', { 'podtemplate-static': t.suffix }));
  await templates.patch('lives', { metadata: { labels: { podtemplate: 'patched' } } }, { type: 'strategic' });
  assert.equal((await templates.get('lives')).metadata.labels.podtemplate, 'patched');
  const { items } = await everywhere.list({ labelSelector: `${labelSelector},podtemplate=patched` });
  assert.deepEqual(
    items.map(({ metadata }: Json) => metadata.name),
    ['lives'],
  );
  await templates.delete('lives');
  await expectRefusal(templates.get('lives'), { reason: 'NotFound' });
  assert.deepEqual((await everywhere.list({ labelSelector })).items, []);
}

async function deletesCollection(t: TestScope): Promise<void> {
  const templates = t.resource(TEMPLATES);
  const labelSelector = 'podtemplate-set=true';
  for (const name of ['test-1', 'test-2', 'test-3']) await templates.create(aPodTemplate(name, { 'podtemplate-set': 'true' }));
  assert.equal((await templates.list({ labelSelector })).items.length, 3);
  await templates.deleteCollection({ labelSelector });
  assert.deepEqual((await templates.list({ labelSelector })).items, []);
}

async function replaces(t: TestScope): Promise<void> {
  const templates = t.resource(TEMPLATES);
  await templates.create(aPodTemplate('replaced', {}));
  const replaced = await templates.change('replaced', (object) => {
    object.metadata.annotations = { updated: 'true' };
  });
  assert.equal(replaced.metadata.annotations.updated, 'true');
  assert.equal((await templates.get('replaced')).metadata.annotations.updated, 'true');
}

export const podTemplateTests: readonly ConformanceTest[] = [
  { name: '[sig-node] PodTemplates should run the lifecycle of PodTemplates [Conformance]', run: livesItsLife },
  { name: '[sig-node] PodTemplates should delete a collection of pod templates [Conformance]', run: deletesCollection },
  { name: '[sig-node] PodTemplates should replace a pod template [Conformance]', run: replaces },
];
