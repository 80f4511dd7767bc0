import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Endpoint, EndpointSlice, Service } from '#api/generated/types.ts';
import { planServiceRoutes } from './service-routes.ts';
import { anEndpoint, aService, aSlice, httpPort } from './testing/builders.ts';

const node = { name: 'worker-1', zone: 'a' };

function routes(service: Service, ...slices: readonly EndpointSlice[]) {
  return planServiceRoutes({ services: [service], slices, node });
}

function chosen(...endpoints: readonly Endpoint[]) {
  const [route] = routes(aService(), aSlice(endpoints));
  const addresses = (list: readonly { address: string }[] = []) => list.map(({ address }) => address);
  return { cluster: addresses(route?.endpoints.cluster), local: addresses(route?.endpoints.local), isServed: route?.endpoints.isServed };
}

const terminating = { conditions: { ready: false, serving: true, terminating: true } };
const notReady = { conditions: { ready: false, serving: false, terminating: false } };
const gone = { conditions: { ready: false, serving: false, terminating: true } };

describe('the endpoints of a route', () => {
  const cases = [
    {
      it: 'are the ready ones, everywhere and on this node',
      endpoints: [
        anEndpoint('10.244.1.2', 'worker-1'),
        anEndpoint('10.244.2.2', 'worker-2'),
        anEndpoint('10.244.2.3', 'worker-2', notReady),
      ],
      expected: { cluster: ['10.244.1.2', '10.244.2.2'], local: ['10.244.1.2'], isServed: true },
    },
    {
      it: 'are ready when nothing is said about their condition',
      endpoints: [{ addresses: ['10.244.1.2'], nodeName: 'worker-1' }],
      expected: { cluster: ['10.244.1.2'], local: ['10.244.1.2'], isServed: true },
    },
    {
      it: 'leave out terminating ones while others are ready',
      endpoints: [anEndpoint('10.244.1.2', 'worker-1', terminating), anEndpoint('10.244.2.2', 'worker-2')],
      expected: { cluster: ['10.244.2.2'], local: ['10.244.1.2'], isServed: true },
    },
    {
      it: 'fall back to terminating ones that still serve',
      endpoints: [anEndpoint('10.244.1.2', 'worker-1', terminating), anEndpoint('10.244.2.2', 'worker-2', gone)],
      expected: { cluster: ['10.244.1.2'], local: ['10.244.1.2'], isServed: true },
    },
    {
      it: 'are none when none is ready or serving',
      endpoints: [anEndpoint('10.244.1.2', 'worker-1', notReady), anEndpoint('10.244.2.2', 'worker-2', gone)],
      expected: { cluster: [], local: [], isServed: false },
    },
    {
      it: 'prefer this node when every endpoint has a node hint',
      endpoints: [
        anEndpoint('10.244.1.2', 'worker-1', { hints: { forNodes: [{ name: 'worker-1' }] } }),
        anEndpoint('10.244.2.2', 'worker-2', { hints: { forNodes: [{ name: 'worker-2' }] } }),
      ],
      expected: { cluster: ['10.244.1.2'], local: ['10.244.1.2'], isServed: true },
    },
    {
      it: 'prefer this zone when every endpoint has a zone hint',
      endpoints: [
        anEndpoint('10.244.2.2', 'worker-2', { hints: { forZones: [{ name: 'a' }] } }),
        anEndpoint('10.244.3.2', 'worker-3', { hints: { forZones: [{ name: 'b' }] } }),
      ],
      expected: { cluster: ['10.244.2.2'], local: [], isServed: true },
    },
    {
      it: 'ignore hints that one endpoint lacks',
      endpoints: [anEndpoint('10.244.2.2', 'worker-2', { hints: { forZones: [{ name: 'a' }] } }), anEndpoint('10.244.3.2', 'worker-3')],
      expected: { cluster: ['10.244.2.2', '10.244.3.2'], local: [], isServed: true },
    },
    {
      it: 'leave out what is not an IPv4 address',
      endpoints: [anEndpoint('10.1.1.1 } ; flush ruleset', 'worker-1'), anEndpoint('fd00::1', 'worker-1')],
      expected: { cluster: [], local: [], isServed: false },
    },
  ];
  for (const { it, endpoints, expected } of cases) {
    test(it, () => assert.deepEqual(chosen(...endpoints), expected));
  }

  test('come from every slice of the Service, each once', () => {
    const [route] = routes(
      aService(),
      aSlice([anEndpoint('10.244.1.2', 'worker-1', notReady), anEndpoint('10.244.1.3', 'worker-1')]),
      aSlice([anEndpoint('10.244.1.2', 'worker-1')]),
      aSlice([anEndpoint('fd00::1', 'worker-1')], { addressType: 'IPv6' }),
    );
    assert.deepEqual(
      route?.endpoints.cluster.map(({ address, port }) => `${address}:${port}`),
      ['10.244.1.2:8080', '10.244.1.3:8080'],
    );
  });

  test('belong to the port of the same name and protocol', () => {
    const ports = [httpPort, { name: 'dns', port: 53, protocol: 'UDP' }, { name: 'dns', port: 53, protocol: 'TCP' }];
    const slicePorts = [
      { name: 'dns', port: 1053, protocol: 'UDP' },
      { name: 'http', port: 8080 },
    ];
    const planned = routes(aService({ ports }), aSlice([anEndpoint('10.244.1.2', 'worker-1')], { ports: slicePorts }));
    assert.deepEqual(
      planned.map(({ name, protocol, endpoints }) => [name, protocol, ...endpoints.cluster.map(({ port }) => port)]),
      [
        ['default/web:dns', 'tcp'],
        ['default/web:dns', 'udp', 1053],
        ['default/web:http', 'tcp', 8080],
      ],
    );
  });
});

describe('a Service', () => {
  test('gives a route with its addresses, policies and affinity', () => {
    const service = aService(
      {
        type: 'LoadBalancer',
        ports: [{ ...httpPort, nodePort: 30080 }],
        externalIPs: ['192.0.2.7', 'fd00::7'],
        internalTrafficPolicy: 'Local',
        externalTrafficPolicy: 'Local',
        sessionAffinity: 'ClientIP',
        sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } },
      },
      { loadBalancer: { ingress: [{ ip: '192.0.2.8' }, { ip: '192.0.2.9', ipMode: 'Proxy' }, { hostname: 'lb.example' }] } },
    );
    assert.deepEqual(routes(service), [
      {
        name: 'default/web:http',
        protocol: 'tcp',
        clusterIP: '10.96.0.10',
        port: 80,
        externalIPs: ['192.0.2.7', '192.0.2.8'],
        nodePort: 30080,
        internalPolicy: 'Local',
        externalPolicy: 'Local',
        endpoints: { cluster: [], local: [], isServed: false },
        affinitySeconds: 60,
      },
    ]);
  });

  const skipped = [
    { it: 'that is headless has no route', spec: { clusterIP: 'None' } },
    { it: 'without an address yet has no route', spec: { clusterIP: '' } },
    { it: 'that is an ExternalName has no route', spec: { type: 'ExternalName', externalName: 'example.com' } },
    { it: 'that is IPv6 only has no route', spec: { clusterIP: 'fd00::10' } },
  ];
  for (const { it, spec } of skipped) test(it, () => assert.deepEqual(routes(aService(spec)), []));

  test('keeps the three hours that the API gives session affinity by default', () => {
    assert.equal(routes(aService({ sessionAffinity: 'ClientIP' }))[0]?.affinitySeconds, 10_800);
  });

  test('with load balancer source ranges is not served on the load balancer, because nothing here filters', () => {
    const service = aService({ loadBalancerSourceRanges: ['198.51.100.0/24'] }, { loadBalancer: { ingress: [{ ip: '192.0.2.8' }] } });
    assert.deepEqual(routes(service)[0]?.externalIPs, []);
  });
});
