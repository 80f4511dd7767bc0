/**
 * Each ruleset is looked at twice: as a golden file for reviewers (`node --test --test-update-snapshots` rewrites them) and by the packet
 * tracer for its meaning. The plan: this node is 172.20.0.2, its pods 10.244.1.x; other nodes' pods 10.244.2.x; the world 198.51.100.9.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { renderRuleset } from './render-ruleset.ts';
import type { RouteEndpoint } from './route-endpoints.ts';
import type { ServiceRoute } from './service-routes.ts';
import { aRoute, target } from './testing/builders.ts';
import { type TraceOptions, tracePacket } from './testing/packet-tracer.ts';

const options = { podCidr: '10.244.0.0/16', serviceCidr: '10.96.0.0/16', previousAffinitySets: [] };
const nodeAddresses = ['172.20.0.2', '10.244.1.1'];
const here = target('10.244.1.4:8080', 'here');
const there = target('10.244.2.4:8080');
const localPod = '10.244.1.9';
const otherPod = '10.244.2.9';
const process = '172.20.0.2';
const world = '198.51.100.9';

function render(...routes: readonly ServiceRoute[]): string {
  return renderRuleset(routes, options).text;
}

function trace(text: string, from: string, to: string, more: TraceOptions = {}) {
  return tracePacket(text, { from, to }, { nodeAddresses, ...more });
}

function matchesGolden(t: TestContext, name: string, text: string): void {
  t.assert.fileSnapshot(text, join(import.meta.dirname, 'testdata', `${name}.nft`), { serializers: [String] });
}

const both = ['10.244.1.4:8080', '10.244.2.4:8080'];
const rejected = { refused: 'rejected' };
const dropped = { refused: 'dropped' };

interface Case {
  readonly it: string;
  readonly golden: string;
  readonly routes: readonly ServiceRoute[];
  readonly packets: readonly (readonly [from: string, to: string, verdict: unknown])[];
}

const cases: readonly Case[] = [
  {
    it: 'a cluster IP is spread over its endpoints; only callers from outside the pod network are masqueraded',
    golden: 'cluster-ip',
    routes: [aRoute([here, there])],
    packets: [
      [localPod, '10.96.0.10:80/tcp', { sentTo: both, masqueraded: [] }],
      [otherPod, '10.96.0.10:80/tcp', { sentTo: both, masqueraded: [] }],
      [process, '10.96.0.10:80/tcp', { sentTo: both, masqueraded: both }],
      [world, '10.96.0.10:80/tcp', { sentTo: both, masqueraded: both }],
      [here.address, '10.96.0.10:80/tcp', { sentTo: both, masqueraded: ['10.244.1.4:8080'] }],
      [localPod, '10.96.0.10:81/tcp', rejected],
      [localPod, '10.96.0.10:80/udp', rejected],
      [localPod, '10.96.7.7:80/tcp', dropped],
      [process, '10.96.7.7:80/tcp', dropped],
      [localPod, '10.244.2.4:8080/tcp', { untouched: true }],
      [localPod, '203.0.113.5:443/tcp', { untouched: true }],
    ],
  },
  {
    it: 'a Service without endpoints rejects on all its addresses',
    golden: 'no-endpoints',
    routes: [aRoute([], { nodePort: 30080, externalIPs: ['192.0.2.7'] })],
    packets: [
      [localPod, '10.96.0.10:80/tcp', rejected],
      [process, '10.96.0.10:80/tcp', rejected],
      [world, '172.20.0.2:30080/tcp', rejected],
      [localPod, '192.0.2.7:80/tcp', rejected],
    ],
  },
  {
    it: 'a node port answers on every address of the node but loopback, and is masqueraded',
    golden: 'node-port',
    routes: [aRoute([here, there], { nodePort: 30080 })],
    packets: [
      [world, '172.20.0.2:30080/tcp', { sentTo: both, masqueraded: both }],
      [localPod, '10.244.1.1:30080/tcp', { sentTo: both, masqueraded: both }],
      [process, '172.20.0.2:30080/tcp', { sentTo: both, masqueraded: both }],
      ['127.0.0.1', '127.0.0.1:30080/tcp', { untouched: true }],
      [localPod, '172.20.0.3:30080/tcp', { untouched: true }],
      [world, '172.20.0.2:30080/udp', { untouched: true }],
    ],
  },
  {
    it: 'external Local policy keeps the address of outside clients and sends them to this node only',
    golden: 'external-local',
    routes: [aRoute([here, there], { nodePort: 30080, externalIPs: ['192.0.2.7'], externalPolicy: 'Local' })],
    packets: [
      [world, '172.20.0.2:30080/tcp', { sentTo: ['10.244.1.4:8080'], masqueraded: [] }],
      [world, '192.0.2.7:80/tcp', { sentTo: ['10.244.1.4:8080'], masqueraded: [] }],
      [localPod, '172.20.0.2:30080/tcp', { sentTo: both, masqueraded: [] }],
      [process, '172.20.0.2:30080/tcp', { sentTo: both, masqueraded: both }],
      [localPod, '10.96.0.10:80/tcp', { sentTo: both, masqueraded: [] }],
    ],
  },
  {
    it: 'external Local policy without an endpoint here drops outside clients, not those of the node',
    golden: 'external-local-none-here',
    routes: [aRoute([there], { nodePort: 30080, externalPolicy: 'Local' })],
    packets: [
      [world, '172.20.0.2:30080/tcp', dropped],
      [localPod, '172.20.0.2:30080/tcp', { sentTo: ['10.244.2.4:8080'], masqueraded: [] }],
    ],
  },
  {
    it: 'internal Local policy uses endpoints of this node, and drops when there are none',
    golden: 'internal-local',
    routes: [
      aRoute([here, there], { internalPolicy: 'Local', nodePort: 30080 }),
      aRoute([there], { name: 'default/other:http', clusterIP: '10.96.0.11', internalPolicy: 'Local' }),
    ],
    packets: [
      [localPod, '10.96.0.10:80/tcp', { sentTo: ['10.244.1.4:8080'], masqueraded: [] }],
      [world, '172.20.0.2:30080/tcp', { sentTo: both, masqueraded: both }],
      [localPod, '10.96.0.11:80/tcp', dropped],
    ],
  },
  {
    it: 'UDP, TCP and SCTP share a port number without meeting',
    golden: 'protocols',
    routes: [
      aRoute([target('10.244.2.5:53')], { name: 'kube-system/dns:tcp', port: 53 }),
      aRoute([target('10.244.2.6:53')], { name: 'kube-system/dns:udp', port: 53, protocol: 'udp' }),
      aRoute([target('10.244.2.7:53')], { name: 'kube-system/dns:sctp', port: 53, protocol: 'sctp' }),
    ],
    packets: [
      [localPod, '10.96.0.10:53/tcp', { sentTo: ['10.244.2.5:53'], masqueraded: [] }],
      [localPod, '10.96.0.10:53/udp', { sentTo: ['10.244.2.6:53'], masqueraded: [] }],
      [localPod, '10.96.0.10:53/sctp', { sentTo: ['10.244.2.7:53'], masqueraded: [] }],
    ],
  },
  {
    it: 'an address that two Services claim goes to the cluster IP, else to the first by name',
    golden: 'contested-address',
    routes: [
      aRoute([here], { name: 'a/thief', clusterIP: '10.96.0.11', externalIPs: ['10.96.0.10', '192.0.2.7'] }),
      aRoute([there], { name: 'b/owner', externalIPs: ['192.0.2.7'] }),
    ],
    packets: [
      [localPod, '10.96.0.10:80/tcp', { sentTo: ['10.244.2.4:8080'], masqueraded: [] }],
      [localPod, '192.0.2.7:80/tcp', { sentTo: ['10.244.1.4:8080'], masqueraded: ['10.244.1.4:8080'] }],
    ],
  },
  {
    it: 'no Service at all still guards the Service range',
    golden: 'empty',
    routes: [],
    packets: [[localPod, '10.96.0.1:443/tcp', dropped]],
  },
];

for (const { it, golden, routes, packets } of cases) {
  test(it, (t) => {
    const text = render(...routes);
    matchesGolden(t, golden, text);
    for (const [from, to, verdict] of packets) assert.deepEqual(trace(text, from, to), verdict, `${from} to ${to}`);
  });
}

describe('session affinity', () => {
  const sticky = (...targets: readonly RouteEndpoint[]) => aRoute(targets, { nodePort: 30080, affinitySeconds: 60 });

  test('sends a client to the endpoint it had before, on all addresses of the port', (t) => {
    const text = render(sticky(here, there));
    matchesGolden(t, 'session-affinity', text);
    const remembered = new Map<string, Set<string>>();
    assert.deepEqual(trace(text, world, '10.96.0.10:80/tcp', { remembered }), { sentTo: both, masqueraded: both });
    const again = { sentTo: ['10.244.2.4:8080'], masqueraded: ['10.244.2.4:8080'] };
    assert.deepEqual(trace(text, world, '10.96.0.10:80/tcp', { remembered }), again);
    assert.deepEqual(trace(text, world, '172.20.0.2:30080/tcp', { remembered }), again);
    assert.deepEqual(trace(text, otherPod, '10.96.0.10:80/tcp', { remembered }), { sentTo: both, masqueraded: [] });
  });

  test('keeps the sets of endpoints that stay and deletes those of endpoints that went', (t) => {
    const before = renderRuleset([sticky(here, there)], options);
    const { text, affinitySets } = renderRuleset([sticky(there)], { ...options, previousAffinitySets: before.affinitySets });
    matchesGolden(t, 'session-affinity-kept', text);
    const removed = before.affinitySets.filter((set) => !affinitySets.includes(set));
    assert.equal(removed.length, 1);
    assert.match(text, new RegExp(`^delete set ip keelson-proxy ${removed[0]}$`, 'm'));
    assert.doesNotMatch(text, /delete table/);
    assert.deepEqual(trace(text, localPod, '10.96.0.10:80/tcp'), { sentTo: ['10.244.2.4:8080'], masqueraded: [] });
  });

  test('replaces the whole table once no set is left to keep', () => {
    const before = renderRuleset([sticky(here)], options);
    assert.match(renderRuleset([aRoute([here])], { ...options, previousAffinitySets: before.affinitySets }).text, /^delete table/m);
  });

  test('starts afresh when its time-out changes, because a kept set cannot change', () => {
    const [before] = renderRuleset([sticky(here)], options).affinitySets;
    const [after] = renderRuleset([aRoute([here], { affinitySeconds: 90 })], options).affinitySets;
    assert.notEqual(before, after);
  });
});

const arbitraryTarget = fc
  .record({ node: fc.integer({ min: 1, max: 3 }), pod: fc.integer({ min: 2, max: 9 }), port: fc.integer({ min: 1, max: 65_535 }) })
  .map(({ node, pod, port }) => target(`10.244.${node}.${pod}:${port}`, node === 1 ? 'here' : 'elsewhere'));
const arbitraryPolicy = fc.constantFrom('Cluster' as const, 'Local' as const);
const arbitraryRoutes = fc
  .array(
    fc.record({
      targets: fc.uniqueArray(arbitraryTarget, { maxLength: 7, selector: ({ address, port }) => `${address}:${port}` }),
      protocol: fc.constantFrom('tcp' as const, 'udp' as const, 'sctp' as const),
      internalPolicy: arbitraryPolicy,
      externalPolicy: arbitraryPolicy,
      affinitySeconds: fc.constantFrom(undefined, 60),
    }),
    { maxLength: 12 },
  )
  .map((all) =>
    all.map(({ targets, ...fields }, index) =>
      aRoute(targets, { ...fields, name: `ns/s${index}`, clusterIP: `10.96.1.${index + 1}`, nodePort: 30_000 + index }),
    ),
  );

function expected(route: ServiceRoute, policy: ServiceRoute['internalPolicy']) {
  const { isServed, cluster, local } = route.endpoints;
  const usable = policy === 'Local' ? local : cluster;
  if (!isServed) return rejected;
  return usable.length === 0 ? dropped : usable.map(({ address, port }) => `${address}:${port}`).sort();
}

test('every route reaches exactly its endpoints, whatever other routes there are', () => {
  fc.assert(
    fc.property(arbitraryRoutes, (routes) => {
      const text = render(...routes);
      for (const route of routes) {
        const fromPod = trace(text, '10.244.1.99', `${route.clusterIP}:${route.port}/${route.protocol}`);
        assert.deepEqual('sentTo' in fromPod ? fromPod.sentTo : fromPod, expected(route, route.internalPolicy));
        const fromWorld = trace(text, world, `172.20.0.2:${route.nodePort}/${route.protocol}`);
        assert.deepEqual('sentTo' in fromWorld ? fromWorld.sentTo : fromWorld, expected(route, route.externalPolicy));
      }
    }),
    { numRuns: 150 },
  );
});
