import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configmaps, secrets } from '#api/generated/resources.ts';
import type { ConfigMap, Secret } from '#api/generated/types.ts';
import type { Draft } from '#api/meta/resource-type.ts';
import { ApiError } from '#api/meta/status.ts';
import { silentLogger } from '#component/logger.ts';
import { seededRandom } from '#component/random.ts';
import { createFakeClock } from '#component/testing/fake-clock.ts';
import { create, remove, updateStatus } from './apply-actions.ts';
import { type ControllerDefinition, onChange, onOwnedChange, runController } from './controller.ts';
import { createInformer, type Informer } from './informer.ts';
import { createFakeClient, type FakeRequest } from './testing/fake-client.ts';

const namespace = 'default';
const A_MOMENT_MS = 1;

interface World {
  readonly owners: Informer<ConfigMap>;
  readonly owned: Informer<Secret>;
}

/** A controller that gives each ConfigMap as many Secrets as it says: enough to show what the runner does. */
function scaler({ owners, owned }: World): ControllerDefinition<{ owner: ConfigMap; owned: readonly Secret[] }> {
  return {
    name: 'scaler',
    informers: [owners, owned],
    triggers: [onChange(owners), onOwnedChange(owned, 'ConfigMap')],
    snapshot: (key) => {
      const owner = owners.store.find(key);
      return owner && { owner, owned: owned.store.list(key.namespace) };
    },
    reconcile: ({ owner, owned }) => {
      const missing = Number(owner.data?.count ?? '0') - owned.length;
      if (missing < 0) return owned.slice(0, -missing).map((secret) => remove(secrets, secret));
      const announce = { regarding: owner, failed: { reason: 'FailedCreate', message: 'Error creating: {error}' } };
      return Array.from({ length: missing }, () => create(secrets, secretOf(owner), announce));
    },
  };
}

function secretOf({ kind, apiVersion, metadata }: ConfigMap): Draft<Secret> {
  const owner = { kind, apiVersion, name: metadata.name, uid: metadata.uid, controller: true };
  return { kind: 'Secret', apiVersion: 'v1', metadata: { generateName: 'owned-', namespace, ownerReferences: [owner] } };
}

function anOwner(count: number): Draft<ConfigMap> {
  return { kind: 'ConfigMap', apiVersion: 'v1', metadata: { name: 'owner', namespace }, data: { count: String(count) } };
}

function setUp<Snapshot>(
  define: (world: World) => ControllerDefinition<Snapshot>,
  onRequest?: (request: FakeRequest) => void | Promise<void>,
) {
  const clock = createFakeClock();
  const client = createFakeClient({ clock, ...(onRequest === undefined ? {} : { onRequest }) });
  const deps = { client, clock, random: seededRandom(1), log: silentLogger };
  const owners = createInformer({ type: configmaps }, deps);
  const owned = createInformer({ type: secrets }, deps);
  const stop = new AbortController();
  const recorded: string[] = [];
  const events = {
    record: (_: unknown, type: string, reason: string, message: string) => void recorded.push(`${type} ${reason}: ${message}`),
    run: async () => {},
  };
  const running = Promise.all([
    owners.run(stop.signal),
    owned.run(stop.signal),
    runController(define({ owners, owned }), { ...deps, events }, stop.signal),
  ]);
  const end = async () => {
    stop.abort();
    await running;
    assert.equal(clock.waiting(), 0);
  };
  return { clock, client, recorded, end };
}

test('a controller brings about what was asked for, up and down, and then rests', async () => {
  const { clock, client, end } = setUp(scaler);
  const owner = await client.resource(configmaps).create(anOwner(20));
  await clock.advance(A_MOMENT_MS);
  assert.equal((await client.resource(secrets).list()).items.length, 20);
  await client.resource(configmaps).update({ ...owner, data: { count: '3' } });
  await clock.advance(A_MOMENT_MS);
  assert.equal((await client.resource(secrets).list()).items.length, 3);
  const before = client.writes().length;
  await clock.advance(60_000);
  assert.equal(client.writes().length, before);
  await end();
});

test('it does not create twice while its cache lags behind its own writes', async () => {
  const held = Promise.withResolvers<void>();
  let watches = 0;
  const { clock, client, end } = setUp(scaler, async ({ verb, type }) => {
    // The Secrets' first watch is held up: the cache shows none, however many there are.
    if (verb === 'watch' && type.plural === 'secrets' && watches++ === 0) await held.promise;
  });
  const owner = await client.resource(configmaps).create(anOwner(2));
  await clock.advance(A_MOMENT_MS);
  await client.resource(configmaps).update({ ...owner, metadata: { ...owner.metadata, labels: { touched: 'yes' } } });
  await clock.advance(10_000);
  assert.equal((await client.resource(secrets).list()).items.length, 2);
  held.resolve();
  await clock.advance(60_000);
  assert.equal((await client.resource(secrets).list()).items.length, 2);
  await end();
});

test('a cache that stays behind holds a key for 30 s, not for ever', async () => {
  const { clock, client, end } = setUp(scaler, async ({ verb, type }) => {
    if (verb === 'watch' && type.plural === 'secrets') throw new ApiError('ServiceUnavailable', 'no watch today');
  });
  const owner = await client.resource(configmaps).create(anOwner(1));
  await clock.advance(A_MOMENT_MS);
  await client.resource(configmaps).update({ ...owner, data: { count: '2' } });
  await clock.advance(29_000);
  assert.equal((await client.resource(secrets).list()).items.length, 1);
  await clock.advance(2_000);
  assert.equal((await client.resource(secrets).list()).items.length, 3);
  await end();
});

test('it does not create again what a lost answer may have told of, while its cache lags behind', async () => {
  const held = Promise.withResolvers<void>();
  let watches = 0;
  let creations = 0;
  const { clock, client, end } = setUp(scaler, async ({ verb, type }) => {
    if (type.plural !== 'secrets') return;
    if (verb === 'watch' && watches++ === 0) await held.promise;
    if (verb !== 'create' || creations++ > 0) return;
    // Carried out, and then the connection breaks.
    await client.resource(secrets).create({ kind: 'Secret', apiVersion: 'v1', metadata: { name: 'owned-lost', namespace } });
    throw new ApiError('ServiceUnavailable', 'the answer was lost');
  });
  await client.resource(configmaps).create(anOwner(1));
  await clock.advance(20_000);
  held.resolve();
  await clock.advance(60_000);
  const { items } = await client.resource(secrets).list();
  assert.deepEqual(
    items.map(({ metadata }) => metadata.name),
    ['owned-lost'],
  );
  await end();
});

test('a refused creation stops the sync, is announced, and is tried again with back-off', async () => {
  const { clock, client, recorded, end } = setUp(scaler, ({ verb, type }) => {
    if (verb === 'create' && type.plural === 'secrets') throw new ApiError('Forbidden', 'exceeded quota');
  });
  await client.resource(configmaps).create(anOwner(100));
  await clock.advance(A_MOMENT_MS);
  assert.deepEqual(recorded, ['Warning FailedCreate: Error creating: exceeded quota']);
  await clock.advance(10_000);
  assert.ok(recorded.length > 5 && recorded.length < 15, `${recorded.length} attempts in 10 s`);
  await end();
});

test('the next snapshot hears which action failed, until a sync succeeds', async () => {
  let isRefusing = true;
  const failures: (string | undefined)[] = [];
  const { clock, client, end } = setUp(
    (world) => ({
      ...scaler(world),
      snapshot: async (key, lastFailure) => {
        failures.push(lastFailure?.message);
        return scaler(world).snapshot(key, lastFailure);
      },
    }),
    ({ verb, type }) => {
      if (isRefusing && verb === 'create' && type.plural === 'secrets') throw new ApiError('Forbidden', 'exceeded quota');
    },
  );
  await client.resource(configmaps).create(anOwner(1));
  await clock.advance(A_MOMENT_MS);
  isRefusing = false;
  await clock.advance(1_000);
  assert.equal(failures[0], undefined);
  assert.equal(failures[1], 'exceeded quota');
  assert.equal(failures.at(-1), undefined);
  await end();
});

test('after a failure status is still written', async () => {
  const { clock, client, end } = setUp(
    ({ owners, owned }) => ({
      name: 'status-writer',
      informers: [owners, owned],
      triggers: [onChange(owners)],
      snapshot: (key) => owners.store.find(key),
      reconcile: (owner) => [create(secrets, secretOf(owner)), create(secrets, secretOf(owner)), updateStatus(configmaps, owner)],
    }),
    ({ verb, type }) => {
      if (verb === 'create' && type.plural === 'secrets') throw new ApiError('Forbidden', 'exceeded quota');
    },
  );
  await client.resource(configmaps).create(anOwner(0));
  await clock.advance(A_MOMENT_MS);
  assert.deepEqual(client.writes().slice(0, 3), [
    'create configmaps default/owner',
    'create secrets default/',
    'update configmaps/status default/owner',
  ]);
  await end();
});
