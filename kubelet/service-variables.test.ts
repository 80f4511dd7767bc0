/** Which Services a container hears of in its environment, and how. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod, PodSpec, Service } from '#api/generated/types.ts';
import { serviceVariablesFor } from './service-variables.ts';

const metadataOf = (name: string) => ({ name, namespace: 'shop', uid: name, resourceVersion: '1', creationTimestamp: '' });
const aPod = (spec: Partial<PodSpec> = {}): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: metadataOf('web'),
  spec: { containers: [], ...spec },
});
const aService = (name: string, spec: Service['spec']): Service => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: metadataOf(name),
  spec,
});

const kubernetes = { ip: '10.96.0.1', port: 443 };
const cart = aService('my-cart', {
  clusterIP: '10.96.0.7',
  ports: [
    { name: 'http-main', port: 80, protocol: 'TCP' },
    { name: 'dns', port: 53, protocol: 'UDP' },
  ],
});

test('every container hears of the kubernetes Service', () => {
  assert.deepEqual(Object.fromEntries(serviceVariablesFor(aPod({ enableServiceLinks: false }), [cart], kubernetes)), {
    KUBERNETES_SERVICE_HOST: '10.96.0.1',
    KUBERNETES_SERVICE_PORT: '443',
    KUBERNETES_SERVICE_PORT_HTTPS: '443',
    KUBERNETES_PORT: 'tcp://10.96.0.1:443',
    KUBERNETES_PORT_443_TCP: 'tcp://10.96.0.1:443',
    KUBERNETES_PORT_443_TCP_PROTO: 'tcp',
    KUBERNETES_PORT_443_TCP_PORT: '443',
    KUBERNETES_PORT_443_TCP_ADDR: '10.96.0.1',
  });
});

test('a Service of the namespace is told with all its ports, the first one as its own', () => {
  const variables = serviceVariablesFor(aPod(), [cart], kubernetes);
  assert.deepEqual(Object.fromEntries([...variables].filter(([name]) => name.startsWith('MY_CART'))), {
    MY_CART_SERVICE_HOST: '10.96.0.7',
    MY_CART_SERVICE_PORT: '80',
    MY_CART_SERVICE_PORT_HTTP_MAIN: '80',
    MY_CART_SERVICE_PORT_DNS: '53',
    MY_CART_PORT: 'tcp://10.96.0.7:80',
    MY_CART_PORT_80_TCP: 'tcp://10.96.0.7:80',
    MY_CART_PORT_80_TCP_PROTO: 'tcp',
    MY_CART_PORT_80_TCP_PORT: '80',
    MY_CART_PORT_80_TCP_ADDR: '10.96.0.7',
    MY_CART_PORT_53_UDP: 'udp://10.96.0.7:53',
    MY_CART_PORT_53_UDP_PROTO: 'udp',
    MY_CART_PORT_53_UDP_PORT: '53',
    MY_CART_PORT_53_UDP_ADDR: '10.96.0.7',
  });
});

const silent: readonly { it: string; service: Service }[] = [
  { it: 'without an address', service: aService('headless', { clusterIP: 'None', ports: [{ port: 80 }] }) },
  { it: 'that is only a name', service: aService('outside', { type: 'ExternalName', externalName: 'example.com' }) },
];
for (const { it, service } of silent) {
  test(`a Service ${it} is not told of`, () => {
    assert.equal(serviceVariablesFor(aPod(), [service], kubernetes).size, serviceVariablesFor(aPod(), [], kubernetes).size);
  });
}

test('nobody takes the place of the API server', () => {
  const impostor = aService('kubernetes', { clusterIP: '10.96.6.6', ports: [{ port: 1 }] });
  assert.equal(serviceVariablesFor(aPod(), [impostor], kubernetes).get('KUBERNETES_SERVICE_HOST'), '10.96.0.1');
});
