/** What a pod finds in its `/etc/hosts` and `/etc/resolv.conf`. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod, PodSpec } from '#api/generated/types.ts';
import { renderHosts, renderResolvConf } from './pod-files.ts';

const settings = {
  clusterDns: '10.96.0.10',
  clusterDomain: 'cluster.local',
  nodeResolvConf: 'nameserver 127.0.0.11\nsearch corp.example\noptions edns0 ndots:0\n',
  nodeHosts: '127.0.0.1\tlocalhost\n172.18.0.3\tworker-1\n',
};

function aPod(spec: Partial<PodSpec>): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web', namespace: 'shop', uid: 'u', resourceVersion: '1', creationTimestamp: '' },
    spec: { containers: [], ...spec },
  };
}

const cluster = 'search shop.svc.cluster.local svc.cluster.local cluster.local corp.example\nnameserver 10.96.0.10\noptions ndots:5\n';
const node = 'search corp.example\nnameserver 127.0.0.11\noptions edns0 ndots:0\n';
const cases: readonly { readonly it: string; readonly spec: Partial<PodSpec>; readonly text: string }[] = [
  { it: 'the cluster’s resolver by default', spec: {}, text: cluster },
  { it: 'the node’s under Default', spec: { dnsPolicy: 'Default' }, text: node },
  { it: 'the node’s on the host network', spec: { hostNetwork: true, dnsPolicy: 'ClusterFirst' }, text: node },
  { it: 'the cluster’s on the host network when asked', spec: { hostNetwork: true, dnsPolicy: 'ClusterFirstWithHostNet' }, text: cluster },
  {
    it: 'only its own settings under None',
    spec: {
      dnsPolicy: 'None',
      dnsConfig: { nameservers: ['1.1.1.1'], searches: ['a'], options: [{ name: 'ndots', value: '2' }, { name: 'debug' }] },
    },
    text: 'search a\nnameserver 1.1.1.1\noptions ndots:2 debug\n',
  },
  {
    it: 'its own option instead of the default',
    spec: { dnsConfig: { options: [{ name: 'ndots', value: '1' }] } },
    text: cluster.replace('ndots:5', 'ndots:1'),
  },
];
for (const { it, spec, text } of cases) {
  test(`a pod uses ${it}`, () => assert.equal(renderResolvConf(aPod(spec), settings).text, text));
}

test('a pod finds itself and its aliases in its hosts file', () => {
  const text = renderHosts(aPod({ subdomain: 'db', hostAliases: [{ ip: '10.0.0.1', hostnames: ['one', 'two'] }] }), '10.244.1.5', settings);
  assert.match(text, /^# Kubernetes-managed hosts file\.\n127\.0\.0\.1\tlocalhost\n/);
  assert.match(text, /\n10\.244\.1\.5\tweb\.db\.shop\.svc\.cluster\.local\tweb\n/);
  assert.match(text, /\n# Entries added by HostAliases\.\n10\.0\.0\.1\tone\ttwo\n$/);
});

test('a pod of the host network finds the node’s hosts file, with its own aliases', () => {
  const text = renderHosts(aPod({ hostNetwork: true, hostAliases: [{ ip: '10.0.0.1', hostnames: ['one'] }] }), '172.18.0.3', settings);
  const expected = [
    '# Kubernetes-managed hosts file (host network).',
    '127.0.0.1\tlocalhost',
    '172.18.0.3\tworker-1',
    '',
    '# Entries added by HostAliases.',
    '10.0.0.1\tone',
    '',
  ];
  assert.equal(text, expected.join('\n'));
});

test('nameservers that the C library would not ask are left out, and said so', () => {
  const nameservers = ['1.0.0.1', '1.0.0.2', '1.0.0.3'];
  const { text, omissions } = renderResolvConf(aPod({ dnsConfig: { nameservers } }), settings);
  assert.match(text, /nameserver 10\.96\.0\.10\nnameserver 1\.0\.0\.1\nnameserver 1\.0\.0\.2\n/);
  const message =
    'Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: 10.96.0.10 1.0.0.1 1.0.0.2';
  assert.deepEqual(omissions, [message]);
});

test('search paths stop where the line would be too long', () => {
  const searches = ['a', 'b'].map((letter) => letter.repeat(1500));
  const { omissions } = renderResolvConf(aPod({ dnsPolicy: 'None', dnsConfig: { nameservers: ['1.1.1.1'], searches } }), settings);
  assert.match(omissions[0] ?? '', /^Search Line limits were exceeded, .*: a{1500}$/);
});
