/** What a RuntimeClass makes of the pods that name it, over the whole server. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { send } from '../testing/http-client.ts';
import { createTestApiServer, type TestApiServer } from '../testing/test-api-server.ts';

let server: TestApiServer;
const toleration = { key: 'sandboxed', operator: 'Exists' };
before(async () => {
  server = await createTestApiServer();
  const made = await send(server, '/apis/node.k8s.io/v1/runtimeclasses', {
    method: 'POST',
    body: {
      metadata: { name: 'sandboxed' },
      handler: 'runsc',
      overhead: { podFixed: { cpu: '10m' } },
      scheduling: { nodeSelector: { runtime: 'gvisor' }, tolerations: [toleration] },
    },
  });
  assert.equal(made.statusCode, 201, made.text);
});
after(() => server.stop());

let pods = 0;
function createPod(spec: object) {
  pods += 1;
  const body = { metadata: { name: `p${pods}` }, spec: { containers: [{ name: 'c', image: 'i' }], ...spec } };
  return send(server, '/api/v1/namespaces/default/pods', { method: 'POST', body });
}

test('a pod gets its class’s overhead, node selector and tolerations', async () => {
  const made = await createPod({ runtimeClassName: 'sandboxed', nodeSelector: { disk: 'ssd' }, tolerations: [toleration] });
  assert.equal(made.statusCode, 201, made.text);
  assert.deepEqual(made.at('spec.overhead'), { cpu: '10m' });
  assert.deepEqual(made.at('spec.nodeSelector'), { disk: 'ssd', runtime: 'gvisor' });
  assert.deepEqual(made.at('spec.tolerations.0'), toleration);
});

const refusals = [
  { it: 'a class that is not there', spec: { runtimeClassName: 'none' }, message: 'pod rejected: RuntimeClass "none" not found' },
  {
    it: 'an overhead that nobody defined',
    spec: { overhead: { cpu: '10m' } },
    message: 'pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead',
  },
  {
    it: 'another overhead than the class’s',
    spec: { runtimeClassName: 'sandboxed', overhead: { cpu: '20m' } },
    message: "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead",
  },
  {
    it: 'a node selector that contradicts the class’s',
    spec: { runtimeClassName: 'sandboxed', nodeSelector: { runtime: 'kata' } },
    message: 'conflict: runtimeClass.scheduling.nodeSelector[runtime] = gvisor; pod.spec.nodeSelector[runtime] = kata',
  },
];
for (const { it, spec, message } of refusals) {
  test(`${it} is forbidden`, async () => {
    const refused = await createPod(spec);
    assert.equal(refused.statusCode, 403, refused.text);
    assert.ok(refused.text.includes(JSON.stringify(message).slice(1, -1)), refused.text);
  });
}
