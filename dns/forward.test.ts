import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseNameServers, upstreamsExceptSelf } from './forward.ts';

test('the first three name servers of a resolv.conf are used', () => {
  const text =
    '# made by hand\nsearch example.com\nnameserver 192.0.2.1\n  nameserver\t192.0.2.2 # second\n;nameserver 192.0.2.9\nnameserver fd00::1\nnameserver 192.0.2.4\n';
  assert.deepEqual(parseNameServers(text), ['192.0.2.1', '192.0.2.2', 'fd00::1']);
});

test('a server does not forward to itself', () => {
  assert.deepEqual(upstreamsExceptSelf(['10.96.0.10', '127.0.0.11'], ['10.96.0.10', '172.20.0.2']), [{ address: '127.0.0.11', port: 53 }]);
});
