import assert from 'node:assert/strict';
import type { NetworkInterfaceInfo } from 'node:os';
import { test } from 'node:test';
import { findNodeAddress } from './node-address.ts';

function anAddress(address: string, internal = false): NetworkInterfaceInfo {
  return { address, internal, family: 'IPv4', netmask: '255.255.255.0', mac: '00:00:00:00:00:00', cidr: `${address}/24` };
}

test('the node’s address is neither loopback nor the gateway of a pod, which comes first after a restart', () => {
  const interfaces = { lo: [anAddress('127.0.0.1', true)], veth12ab: [anAddress('10.244.1.1')], eth0: [anAddress('172.25.0.4')] };
  assert.equal(findNodeAddress(interfaces), '172.25.0.4');
});

test('without an interface of its own a node has no address', () => {
  assert.equal(findNodeAddress({ lo: [anAddress('127.0.0.1', true)] }), undefined);
});
