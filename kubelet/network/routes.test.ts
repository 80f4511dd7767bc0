/** Routes follow the nodes; the node's own rules are rendered whole. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Node } from '#api/generated/types.ts';
import { renderNodeRules } from './node-rules.ts';
import { planRoutes, wantedRoutes } from './routes.ts';

function aNode(name: string, podCIDR: string | undefined, address: string | undefined): Node {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, uid: name, resourceVersion: '1', creationTimestamp: '' },
    spec: podCIDR === undefined ? {} : { podCIDR },
    status: address === undefined ? {} : { addresses: [{ type: 'InternalIP', address }] },
  };
}

test('there is a route to every other node that has a range and an address', () => {
  const nodes = [
    aNode('own', '10.244.0.0/24', '172.18.0.2'),
    aNode('other', '10.244.1.0/24', '172.18.0.3'),
    aNode('new', undefined, '172.18.0.4'),
    aNode('quiet', '10.244.3.0/24', undefined),
  ];
  assert.deepEqual(wantedRoutes(nodes, 'own'), [{ podCidr: '10.244.1.0/24', nodeIp: '172.18.0.3' }]);
});

test('routes that are right stay, wrong ones are replaced, those of nodes that left are removed', () => {
  const right = { podCidr: '10.244.1.0/24', nodeIp: '172.18.0.3' };
  const moved = { podCidr: '10.244.2.0/24', nodeIp: '172.18.0.9' };
  const gone = { podCidr: '10.244.3.0/24', nodeIp: '172.18.0.5' };
  assert.deepEqual(planRoutes([right, moved], [right, { ...moved, nodeIp: '172.18.0.4' }, gone]), { replaced: [moved], removed: [gone] });
});

test('a node without host ports only masquerades what leaves the cluster', () => {
  const rules = renderNodeRules('10.244.0.0/16', []);
  assert.match(rules, /ip saddr 10\.244\.0\.0\/16 ip daddr != 10\.244\.0\.0\/16 ip daddr != 224\.0\.0\.0\/4 masquerade/);
  assert.doesNotMatch(rules, /dnat to/);
});

test('a host port leads to its pod, on one address if it names one', () => {
  const port = { protocol: 'tcp' as const, hostIp: undefined, hostPort: 80, podIp: '10.244.1.5', containerPort: 8080 };
  const rules = renderNodeRules('10.244.0.0/16', [port, { ...port, protocol: 'udp', hostIp: '172.18.0.3' }]);
  assert.match(rules, /^ {4}tcp dport 80 dnat to 10\.244\.1\.5:8080$/m);
  assert.match(rules, /^ {4}ip daddr 172\.18\.0\.3 udp dport 80 dnat to 10\.244\.1\.5:8080$/m);
});
