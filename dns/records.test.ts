import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Answer, RecordType } from 'dns-packet';
import { findRecords, type Lookup } from './records.ts';
import { aClusterView, aService, aSlice } from './testing/builders.ts';

const ports = [
  { name: 'http', port: 80, protocol: 'TCP' },
  { name: 'dns', port: 53, protocol: 'UDP' },
];
const zone = {
  name: 'cluster.local',
  cluster: aClusterView(
    [
      aService('web', { clusterIP: '10.96.0.20', ports }),
      aService('db', { clusterIP: 'None', ports: [{ name: 'http', port: 80 }] }),
      aService('idle', { clusterIP: 'None', ports: [{ name: 'http', port: 80 }] }),
      aService('out', { type: 'ExternalName', externalName: 'www.example.com.' }),
      aService('pending', { clusterIP: '' }),
    ],
    [
      aSlice('db', [
        { addresses: ['10.244.1.5'], hostname: 'db-0', conditions: { ready: true } },
        { addresses: ['10.244.2.5'], conditions: { ready: true } },
        { addresses: ['10.244.2.6'], hostname: 'db-2', conditions: { ready: false } },
      ]),
      aSlice('idle', [{ addresses: ['10.244.1.6'], conditions: { ready: false } }]),
      aSlice('web', [{ addresses: ['10.244.1.7'] }]),
    ],
  ),
};

/** `A 10.96.0.20`, `SRV 0 100 80 web.default.svc.cluster.local`, or the outcome when there is nothing. */
function ask(name: string, type: RecordType = 'A'): unknown {
  const lookup = findRecords({ name, type }, zone);
  return lookup.outcome === 'found' || lookup.outcome === 'alias' ? lookup.answers.map(show) : lookup.outcome;
}

function show(record: Answer): string {
  if (record.type === 'SRV') return `SRV ${record.data.priority} ${record.data.weight} ${record.data.port} ${record.data.target}`;
  return 'data' in record ? `${record.type} ${String(record.data)}` : record.type;
}

const cases: readonly (readonly [it: string, name: string, type: RecordType, expected: unknown])[] = [
  ['gives a Service its cluster IP', 'web.default.svc.cluster.local', 'A', ['A 10.96.0.20']],
  ['reads names without regard to case, and with a final dot', 'WEB.Default.svc.Cluster.LOCAL.', 'A', ['A 10.96.0.20']],
  ['has no IPv6 address, but the name exists', 'web.default.svc.cluster.local', 'AAAA', 'no-data'],
  ['gives a named port', '_http._tcp.web.default.svc.cluster.local', 'SRV', ['SRV 0 100 80 web.default.svc.cluster.local']],
  ['knows ports by protocol', '_dns._udp.web.default.svc.cluster.local', 'SRV', ['SRV 0 100 53 web.default.svc.cluster.local']],
  ['does not know a port under another protocol', '_dns._tcp.web.default.svc.cluster.local', 'SRV', 'no-name'],
  ['knows that there is something below a protocol', '_tcp.web.default.svc.cluster.local', 'SRV', 'no-data'],
  ['does not know a protocol without ports', '_sctp.web.default.svc.cluster.local', 'SRV', 'no-name'],
  [
    'gives all ports of a Service',
    'web.default.svc.cluster.local',
    'SRV',
    ['SRV 0 50 80 web.default.svc.cluster.local', 'SRV 0 50 53 web.default.svc.cluster.local'],
  ],
  ['gives a headless Service its ready endpoints', 'db.default.svc.cluster.local', 'A', ['A 10.244.1.5', 'A 10.244.2.5']],
  ['gives an endpoint by its hostname', 'db-0.db.default.svc.cluster.local', 'A', ['A 10.244.1.5']],
  ['gives an endpoint without a hostname by its address', '10-244-2-5.db.default.svc.cluster.local', 'A', ['A 10.244.2.5']],
  ['does not know an endpoint that is not ready', 'db-2.db.default.svc.cluster.local', 'A', 'no-name'],
  [
    'gives each endpoint of a headless Service a port record',
    '_http._tcp.db.default.svc.cluster.local',
    'SRV',
    ['SRV 0 50 8080 db-0.db.default.svc.cluster.local', 'SRV 0 50 8080 10-244-2-5.db.default.svc.cluster.local'],
  ],
  ['does not know a headless Service without a ready endpoint', 'idle.default.svc.cluster.local', 'A', 'no-name'],
  ['does not know a Service that has no address yet', 'pending.default.svc.cluster.local', 'A', 'no-name'],
  ['gives an ExternalName its other name', 'out.default.svc.cluster.local', 'A', ['CNAME www.example.com']],
  ['does not know anything below an ExternalName', 'x.out.default.svc.cluster.local', 'A', 'no-name'],
  ['does not know a Service that is not there', 'nope.default.svc.cluster.local', 'A', 'no-name'],
  ['does not know names further down', 'a.b.web.default.svc.cluster.local', 'A', 'no-name'],
  ['knows that a namespace exists', 'default.svc.cluster.local', 'A', 'no-data'],
  ['does not know a namespace that is not there', 'nope.svc.cluster.local', 'A', 'no-name'],
  ['does not know a search path’s guess', 'www.example.com.svc.cluster.local', 'A', 'no-name'],
  ['knows that there are Services', 'svc.cluster.local', 'A', 'no-data'],
  ['does not know other branches', 'nope.cluster.local', 'A', 'no-name'],
  ['gives a pod its address', '10-244-1-5.default.pod.cluster.local', 'A', ['A 10.244.1.5']],
  ['does not know a pod in a namespace that is not there', '10-244-1-5.nope.pod.cluster.local', 'A', 'no-name'],
  ['does not know a pod by what is no address', 'web.default.pod.cluster.local', 'A', 'no-name'],
  ['tells the schema’s version', 'dns-version.cluster.local', 'TXT', ['TXT 1.1.0']],
  ['has a name server for the zone', 'cluster.local', 'NS', ['NS kube-dns.kube-system.svc.cluster.local']],
  ['names a cluster IP', '20.0.96.10.in-addr.arpa', 'PTR', ['PTR web.default.svc.cluster.local']],
  ['names an endpoint of a headless Service', '5.1.244.10.in-addr.arpa', 'PTR', ['PTR db-0.db.default.svc.cluster.local']],
  ['leaves endpoints of other Services to the world', '7.1.244.10.in-addr.arpa', 'PTR', 'elsewhere'],
  ['leaves foreign addresses to the world', '8.8.8.8.in-addr.arpa', 'PTR', 'elsewhere'],
  ['leaves foreign names to the world', 'www.example.com', 'A', 'elsewhere'],
  ['does not take a name that only ends alike for its own', 'notcluster.local', 'A', 'elsewhere'],
];

describe('cluster DNS', () => {
  for (const [it, name, type, expected] of cases) test(it, () => assert.deepEqual(ask(name, type), expected));

  test('sends the address along with a port record', () => {
    const lookup: Lookup = findRecords({ name: '_http._tcp.db.default.svc.cluster.local', type: 'SRV' }, zone);
    assert.ok(lookup.outcome === 'found');
    assert.deepEqual(
      lookup.additionals.map((record) => `${record.name} ${show(record)}`),
      ['db-0.db.default.svc.cluster.local A 10.244.1.5', '10-244-2-5.db.default.svc.cluster.local A 10.244.2.5'],
    );
  });

  test('repeats the name as it was asked', () => {
    const lookup = findRecords({ name: 'Web.default.svc.cluster.local', type: 'A' }, zone);
    assert.ok(lookup.outcome === 'found');
    assert.equal(lookup.answers[0]?.name, 'Web.default.svc.cluster.local');
  });

  test('bounds how long a missing name is remembered', () => {
    const lookup = findRecords({ name: 'nope.default.svc.cluster.local', type: 'A' }, zone);
    assert.ok(lookup.outcome === 'no-name' && lookup.authority.type === 'SOA');
    assert.deepEqual([lookup.authority.ttl, lookup.authority.data.minimum, lookup.authority.data.serial], [5, 5, 42]);
  });
});
