/**
 * The rendered rules in a real kernel: real `nft`, real connections between network namespaces. What the packet tracer claims in the unit tests
 * is what happens here.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type RulesetOptions, renderRuleset } from './render-ruleset.ts';
import { findStaleFlows } from './stale-flows.ts';
import { aRoute, target } from './testing/builders.ts';
import { createNetworkLab, type Host, type NetworkLab, whyNoLab } from './testing/network-lab.ts';

const skip = whyNoLab() ?? false;
const options: RulesetOptions = { podCidr: '10.244.0.0/16', serviceCidr: '10.96.0.0/16', previousAffinitySets: [] };
const render = (...routes: Parameters<typeof renderRuleset>[0]) => renderRuleset(routes, options).text;

describe('the golden files', { skip }, () => {
  for (const file of globSync(join(import.meta.dirname, 'testdata/*.nft'))) {
    // The text that keeps sets only makes sense after the one that made them; a test below loads both.
    if (file.endsWith('-kept.nft')) continue;
    test(`${file.slice(import.meta.dirname.length + 1)} is accepted by nft`, () => {
      const { status, stderr } = spawnSync('nft', ['-c', '-f', file], { encoding: 'utf8' });
      assert.equal(status, 0, stderr);
    });
  }
});

describe('the rules in a kernel', { skip }, () => {
  const pods = ['10.244.1.2', '10.244.1.3', '10.244.1.4'].map((address) => target(`${address}:8080`, 'here'));
  let lab: NetworkLab;
  let client: Host;
  const podHosts: Host[] = [];

  before(async () => {
    lab = await createNetworkLab();
    client = await lab.addPod('10.244.1.9');
    for (const { address, port } of pods) {
      const host = await lab.addPod(address);
      podHosts.push(host);
      await lab.serve(host, port);
    }
    await lab.serve(lab.node, 6443);
  });
  after(() => lab.close());

  test('a cluster IP spreads connections evenly and keeps the address of a pod', async () => {
    await lab.load(render(aRoute(pods)));
    const answers = await lab.connect(client, '10.96.0.10:80', 150);
    for (const { address } of pods) {
      const count = answers.filter((answer) => answer === `${address} to 10.244.1.9`).length;
      assert.ok(count > 25 && count < 75, `${address} got ${count} of 150`);
    }
  });

  test('a process of the node reaches a cluster IP, also one whose endpoint is the node itself', async () => {
    const apiServer = aRoute([target('172.20.0.2:6443', 'here')], { name: 'default/kubernetes', clusterIP: '10.96.0.1', port: 443 });
    await lab.load(render(aRoute(pods), apiServer));
    assert.match((await lab.connect(lab.node, '10.96.0.10:80'))[0] ?? '', /^10\.244\.1\.[234] to /);
    assert.match((await lab.connect(lab.node, '10.96.0.1:443'))[0] ?? '', /^172\.20\.0\.2 to /);
    assert.deepEqual(await lab.connect(client, '10.96.0.1:443'), ['172.20.0.2 to 10.244.1.9']);
  });

  test('a pod reaches itself through its Service', async () => {
    await lab.load(render(aRoute(pods.slice(0, 1))));
    const [self] = podHosts;
    assert.ok(self);
    assert.match((await lab.connect(self, '10.96.0.10:80'))[0] ?? '', /^10\.244\.1\.2 to 10\.244\.1\.1$/);
  });

  test('a node port is reached from outside, from pods and from the node, not on loopback', async () => {
    await lab.load(render(aRoute(pods, { nodePort: 30080 })));
    const fromWorld = await lab.connect(lab.world, '172.20.0.2:30080', 60);
    assert.equal(new Set(fromWorld).size, 3, 'all endpoints are used');
    assert.ok(
      fromWorld.every((answer) => / to 10\.244\.1\.1$/.test(answer)),
      'masqueraded',
    );
    assert.match((await lab.connect(client, '172.20.0.2:30080'))[0] ?? '', /^10\.244\.1\.[234] to 10\.244\.1\.1$/);
    assert.match((await lab.connect(lab.node, '172.20.0.2:30080'))[0] ?? '', /^10\.244\.1\.[234] to /);
    assert.deepEqual(await lab.connect(lab.node, '127.0.0.1:30080'), ['ECONNREFUSED']);
  });

  test('external Local policy shows the outside client’s address', async () => {
    await lab.load(render(aRoute(pods, { nodePort: 30080, externalPolicy: 'Local' })));
    assert.match((await lab.connect(lab.world, '172.20.0.2:30080'))[0] ?? '', / to 198\.51\.100\.9$/);
  });

  test('an endpoint that is removed gets no more connections', async () => {
    await lab.load(render(aRoute(pods)));
    await lab.load(render(aRoute(pods.slice(1))));
    const answers = await lab.connect(client, '10.96.0.10:80', 60);
    assert.deepEqual(new Set(answers), new Set(['10.244.1.3 to 10.244.1.9', '10.244.1.4 to 10.244.1.9']));
  });

  test('no endpoints and unknown ports are rejected at once, unknown addresses of the Service range are dropped', async () => {
    await lab.load(render(aRoute([], { nodePort: 30080 })));
    assert.deepEqual(await lab.connect(client, '10.96.0.10:80'), ['ECONNREFUSED']);
    assert.deepEqual(await lab.connect(client, '10.96.0.10:81'), ['ECONNREFUSED']);
    assert.deepEqual(await lab.connect(lab.node, '10.96.0.10:80'), ['ECONNREFUSED']);
    assert.deepEqual(await lab.connect(lab.world, '172.20.0.2:30080'), ['ECONNREFUSED']);
    assert.deepEqual(await lab.connect(client, '10.96.200.200:80'), ['timeout']);
  });

  test('session affinity survives a sync that changes the endpoints', async () => {
    const sticky = (endpoints: typeof pods) => aRoute(endpoints, { affinitySeconds: 600 });
    const first = renderRuleset([sticky(pods)], options);
    await lab.load(first.text);
    const [chosen = '', ...others] = await lab.connect(client, '10.96.0.10:80', 20);
    assert.deepEqual(new Set(others), new Set([chosen]));
    const gone = pods.find(({ address }) => !chosen.startsWith(address));
    const second = renderRuleset([sticky(pods.filter((pod) => pod !== gone))], { ...options, previousAffinitySets: first.affinitySets });
    assert.doesNotMatch(second.text, /delete table/);
    await lab.load(second.text);
    assert.deepEqual(new Set(await lab.connect(client, '10.96.0.10:80', 20)), new Set([chosen]));
  });

  test('a UDP client moves on when its endpoint is gone', async () => {
    const route = (endpoints: typeof pods) => [aRoute(endpoints, { protocol: 'udp' })];
    await lab.load(renderRuleset(route(pods.slice(0, 1)), options).text);
    assert.equal(await lab.send(client, '10.96.0.10:80', 5_000), '10.244.1.2 to 10.244.1.9');
    await lab.load(renderRuleset(route(pods.slice(1, 2)), options).text);
    assert.equal(await lab.send(client, '10.96.0.10:80', 5_000), '10.244.1.2 to 10.244.1.9', 'the kernel remembers the flow');
    await lab.forgetFlows(findStaleFlows(route(pods.slice(0, 1)), route(pods.slice(1, 2))));
    assert.equal(await lab.send(client, '10.96.0.10:80', 5_000), '10.244.1.3 to 10.244.1.9');
  });

  test('a text that nft refuses fails with its message and changes nothing', async () => {
    await lab.load(render(aRoute(pods)));
    await assert.rejects(
      lab.load('table ip keelson-proxy { chain nonsense { frobnicate } }\n'),
      /nft refused the ruleset \(exit 1\): .*Error: syntax error/s,
    );
    assert.match((await lab.connect(client, '10.96.0.10:80'))[0] ?? '', /^10\.244\.1\.[234] to /);
  });
});
