/**
 * What every `Client` must do, as one suite: run on the fake client always, on the real client and server where there is one. The server
 * given must be empty of ConfigMaps and Pods in the namespace `default`, which must exist.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configmaps, pods } from '#api/generated/resources.ts';
import type { ConfigMap, Pod } from '#api/generated/types.ts';
import type { Draft } from '#api/meta/resource-type.ts';
import { isReason, type StatusReason } from '#api/meta/status.ts';
import type { Client } from '../client.ts';
import type { WatchEvent } from '../resource-client.ts';

const namespace = 'default';

export function describeClientContract(name: string, open: () => Promise<{ client: Client; close(): Promise<void> }>): void {
  const contract = (sentence: string, body: (client: Client) => Promise<void>) =>
    test(`${name}: ${sentence}`, async () => {
      const { client, close } = await open();
      try {
        await body(client);
      } finally {
        await close();
      }
    });

  contract('a created object has a uid, a version and a creation time, and is read back equal', async (client) => {
    const created = await client.resource(configmaps).create(aConfigMap('created', { colour: 'blue' }));
    assert.ok(created.metadata.uid && created.metadata.creationTimestamp);
    assert.ok(BigInt(created.metadata.resourceVersion) > 0n);
    assert.deepEqual(await client.resource(configmaps).get({ namespace, name: 'created' }), created);
  });

  contract('a generated name starts as asked and differs each time', async (client) => {
    const draft = { ...aConfigMap(''), metadata: { generateName: 'some-', namespace } };
    const [first, second] = [await client.resource(configmaps).create(draft), await client.resource(configmaps).create(draft)];
    assert.match(first.metadata.name, /^some-.{5}$/);
    assert.notEqual(first.metadata.name, second.metadata.name);
  });

  contract('what is not there is NotFound, what is there AlreadyExists', async (client) => {
    await rejectsFor('NotFound', client.resource(configmaps).get({ namespace, name: 'absent' }));
    await rejectsFor('NotFound', client.resource(configmaps).delete({ namespace, name: 'absent' }));
    await client.resource(configmaps).create(aConfigMap('twice'));
    await rejectsFor('AlreadyExists', client.resource(configmaps).create(aConfigMap('twice')));
  });

  contract('an update from an old version is a Conflict; one that changes nothing makes no new version', async (client) => {
    const first = await client.resource(configmaps).create(aConfigMap('contended', { turn: '1' }));
    const second = await client.resource(configmaps).update({ ...first, data: { turn: '2' } });
    assert.ok(BigInt(second.metadata.resourceVersion) > BigInt(first.metadata.resourceVersion));
    await rejectsFor('Conflict', client.resource(configmaps).update({ ...first, data: { turn: '3' } }));
    const same = await client.resource(configmaps).update(second);
    assert.equal(same.metadata.resourceVersion, second.metadata.resourceVersion);
  });

  contract('a status update leaves the spec alone, any other the status', async (client) => {
    const created = await client.resource(pods).create(aPod('divided'));
    const running = await client.resource(pods).updateStatus({
      ...created,
      spec: { ...created.spec, activeDeadlineSeconds: 60 },
      status: { ...created.status, message: 'hello' },
    });
    assert.deepEqual([running.status?.message, running.spec.activeDeadlineSeconds], ['hello', undefined]);
    const labelled = await client.resource(pods).update({
      ...running,
      metadata: { ...running.metadata, labels: { kept: 'yes' } },
      status: { ...running.status, message: 'ignored' },
    });
    assert.deepEqual([labelled.status?.message, labelled.metadata.labels], ['hello', { kept: 'yes' }]);
  });

  contract('a merge patch removes by null; a strategic one merges conditions by type', async (client) => {
    const { metadata } = await client.resource(configmaps).create(aConfigMap('patched', { keep: '1', drop: '1' }));
    const key = { namespace, name: metadata.name };
    const patched = await client.resource(configmaps).patch(key, 'merge', { data: { drop: null, add: '1' } });
    assert.deepEqual(patched.data, { keep: '1', add: '1' });
    await client.resource(pods).create(aPod('conditioned'));
    const podKey = { namespace, name: 'conditioned' };
    const conditions = (type: string) => ({ status: { conditions: [{ type, status: 'True' }] } });
    await client.resource(pods).patch(podKey, 'strategic', conditions('Ready'), 'status');
    const both = await client.resource(pods).patch(podKey, 'strategic', conditions('Initialized'), 'status');
    assert.deepEqual(new Set(both.status?.conditions?.map(({ type }) => type)), new Set(['Ready', 'Initialized']));
  });

  contract('a deletion tells whether the object is gone, and honours the uid it was meant for', async (client) => {
    const plain = await client.resource(configmaps).create(aConfigMap('short-lived'));
    const key = { namespace, name: 'short-lived' };
    await rejectsFor('Conflict', client.resource(configmaps).delete(key, { preconditions: { uid: 'another' } }));
    assert.equal(await client.resource(configmaps).delete(key, { preconditions: { uid: plain.metadata.uid } }), undefined);
    const held = aConfigMap('held');
    await client.resource(configmaps).create({ ...held, metadata: { ...held.metadata, finalizers: ['example.com/wait'] } });
    const terminating = await client.resource(configmaps).delete({ namespace, name: 'held' });
    assert.ok(terminating?.metadata.deletionTimestamp);
    await client.resource(configmaps).update({ ...terminating, metadata: { ...terminating.metadata, finalizers: [] } });
    await rejectsFor('NotFound', client.resource(configmaps).get({ namespace, name: 'held' }));
  });

  contract('a list keeps to its namespace and label selector and says its version', async (client) => {
    const marked = aConfigMap('marked');
    await client.resource(configmaps).create({ ...marked, metadata: { ...marked.metadata, labels: { wanted: 'yes' } } });
    await client.resource(configmaps).create(aConfigMap('unmarked'));
    const list = await client.resource(configmaps).list({ namespace, labelSelector: 'wanted=yes' });
    assert.deepEqual(
      list.items.map(({ kind, metadata }) => `${kind} ${metadata.name}`),
      ['ConfigMap marked'],
    );
    assert.ok(BigInt(list.metadata.resourceVersion ?? '0') > 0n);
    assert.deepEqual((await client.resource(configmaps).list({ namespace: 'elsewhere' })).items, []);
  });

  contract('a watch tells of every change after its version, in order, deletions under their own revision', async (client) => {
    const { metadata } = await client.resource(configmaps).list({ namespace });
    const resource = client.resource(configmaps);
    const created = await resource.create(aConfigMap('watched', { turn: '1' }));
    const updated = await resource.update({ ...created, data: { turn: '2' } });
    await resource.delete({ namespace, name: 'watched' });
    const seen = await firstChanges(client, metadata.resourceVersion ?? '', 3);
    assert.deepEqual(
      seen.map(({ type, object }) => [type, object.metadata.name]),
      [
        ['ADDED', 'watched'],
        ['MODIFIED', 'watched'],
        ['DELETED', 'watched'],
      ],
    );
    assert.ok(BigInt(seen[2]?.object.metadata.resourceVersion ?? '0') > BigInt(updated.metadata.resourceVersion));
  });

  contract('a watch with a selector sees an object appear and disappear as its labels change', async (client) => {
    const { metadata } = await client.resource(configmaps).list({ namespace });
    const created = await client.resource(configmaps).create(aConfigMap('turncoat'));
    const joined = await client.resource(configmaps).update({ ...created, metadata: { ...created.metadata, labels: { side: 'ours' } } });
    await client.resource(configmaps).update({ ...joined, metadata: { ...joined.metadata, labels: { side: 'theirs' } } });
    const seen = await firstChanges(client, metadata.resourceVersion ?? '', 2, 'side=ours');
    assert.deepEqual(
      seen.map(({ type }) => type),
      ['ADDED', 'DELETED'],
    );
  });

  contract('an aborted watch throws the reason it was aborted for', async (client) => {
    const stop = new AbortController();
    const { metadata } = await client.resource(configmaps).list({ namespace });
    const watching = Array.fromAsync(
      client.resource(configmaps).watch({ namespace, resourceVersion: metadata.resourceVersion ?? '' }, stop.signal),
    );
    stop.abort(new Error('enough'));
    await assert.rejects(watching, /enough/);
  });
}

type Changed = Extract<WatchEvent<ConfigMap>, { readonly object: ConfigMap }>;

async function firstChanges(client: Client, resourceVersion: string, count: number, labelSelector?: string): Promise<readonly Changed[]> {
  const stop = new AbortController();
  const seen: Changed[] = [];
  const options = { namespace, resourceVersion, ...(labelSelector === undefined ? {} : { labelSelector }) };
  for await (const event of client.resource(configmaps).watch(options, stop.signal)) {
    if (event.type !== 'BOOKMARK') seen.push(event);
    if (seen.length === count) break;
  }
  stop.abort();
  return seen;
}

async function rejectsFor(reason: StatusReason, promise: Promise<unknown>): Promise<void> {
  await assert.rejects(promise, (error) => isReason(error, reason));
}

function aConfigMap(name: string, data: Readonly<Record<string, string>> = {}): Draft<ConfigMap> {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace }, data };
}

function aPod(name: string): Draft<Pod> {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace },
    spec: { containers: [{ name: 'main', image: 'example.com/main' }] },
  };
}
