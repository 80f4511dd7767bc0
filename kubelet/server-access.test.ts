/** Who may call the kubelet, by token and by what is to be done. Certificates are tested over real TLS (`server.integration.test.ts`). */
import assert from 'node:assert/strict';
import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { test } from 'node:test';
import { createFakeClient } from '#client/testing/fake-client.ts';
import { createFakeClock } from '#component/testing/fake-clock.ts';
import { createKubeletAccess, subresourcesOf } from './server-access.ts';

function aRequest(url: string, token: string | undefined, method = 'GET'): IncomingMessage {
  const request = new IncomingMessage(new Socket());
  request.url = url;
  request.method = method;
  if (token !== undefined) request.headers.authorization = `Bearer ${token}`;
  return request;
}

/** The API server knows the token `good` as `prometheus`, who may get `nodes/metrics`. */
function anAccess() {
  const clock = createFakeClock();
  const client = createFakeClient({ clock });
  const asked: string[] = [];
  const resource: typeof client.resource = (type) => ({
    ...client.resource(type),
    create: async (object) => {
      const spec: { token?: string; user?: string; resourceAttributes?: { verb: string; subresource: string; name: string } } = JSON.parse(
        JSON.stringify(object),
      ).spec;
      const { verb = '', subresource = '', name = '' } = spec.resourceAttributes ?? {};
      asked.push(type.kind === 'TokenReview' ? `who ${spec.token}` : `may ${spec.user} ${verb} ${subresource} of ${name}`);
      const who = { authenticated: spec.token === 'good', user: { username: 'prometheus', groups: ['monitors'] } };
      const status = type.kind === 'TokenReview' ? who : { allowed: verb === 'get' && subresource === 'metrics' };
      return JSON.parse(JSON.stringify({ ...object, status }));
    },
  });
  const access = createKubeletAccess({ client: { ...client, resource }, clock, nodeName: 'worker-1', trustedNames: ['kube-apiserver'] });
  return { clock, asked, access };
}

test('a token’s owner may do what the API server says, which is asked once', async () => {
  const { access, asked } = anAccess();
  await access.admit(aRequest('/metrics/resource', 'good'));
  await access.admit(aRequest('/metrics/cadvisor?x=1', 'good'));
  assert.deepEqual(asked, ['who good', 'may prometheus get metrics of worker-1']);
});

test('what is not allowed is forbidden in upstream’s words, and asked again after half a minute', async () => {
  const { access, asked, clock } = anAccess();
  const message = 'Forbidden (user=prometheus, verb=create, resource=nodes, subresource(s)=[proxy])';
  const exec = () => access.admit(aRequest('/exec/default/web/main', 'good', 'POST'));
  await assert.rejects(exec(), { reason: 'Forbidden', message });
  await assert.rejects(exec(), { reason: 'Forbidden' });
  assert.equal(asked.length, 2);
  await clock.advance(30_000);
  await assert.rejects(exec(), { reason: 'Forbidden' });
  assert.equal(asked.length, 3);
});

test('a token nobody knows, or none, is nobody’s', async () => {
  const { access } = anAccess();
  await assert.rejects(access.admit(aRequest('/metrics/resource', 'bad')), { reason: 'Unauthorized' });
  await assert.rejects(access.admit(aRequest('/metrics/resource', undefined)), { reason: 'Unauthorized' });
});

test('paths are told apart as upstream’s roles do', () => {
  const paths = ['/stats/summary', '/metrics', '/metrics/resource', '/logs/x', '/exec/a/b/c', '/'];
  assert.deepEqual(
    paths.map((path) => subresourcesOf(path).join(' ')),
    ['stats', 'metrics', 'metrics', 'log', 'proxy', 'proxy'],
  );
});

test('what can be granted by itself is granted by the right to everything as well', async () => {
  assert.deepEqual(['/pods', '/runningpods/', '/healthz'].map(subresourcesOf), [
    ['pods', 'proxy'],
    ['pods', 'proxy'],
    ['healthz', 'proxy'],
  ]);
  const { access, asked } = anAccess();
  const message = 'Forbidden (user=prometheus, verb=get, resource=nodes, subresource(s)=[pods proxy])';
  await assert.rejects(access.admit(aRequest('/pods', 'good')), { reason: 'Forbidden', message });
  assert.deepEqual(asked.slice(1), ['may prometheus get pods of worker-1', 'may prometheus get proxy of worker-1']);
});
