/** The objects of networking as objects: Ingresses and their classes, EndpointSlices, ranges of Service addresses and the addresses. */
import type { Json } from '../../cluster.ts';
import { checkApiOperations } from '../framework/api-operations.ts';
import type { ConformanceTest } from '../framework/conformance-test.ts';

const GROUP_VERSION = 'networking.k8s.io/v1';

const anObject =
  (apiVersion: string, kind: string, rest: Json) =>
  (name: string): Json => ({ apiVersion, kind, metadata: { name }, ...rest });

const anIngress = anObject(GROUP_VERSION, 'Ingress', {
  spec: { defaultBackend: { service: { name: 'default-backend', port: { number: 80 } } } },
});
const anIngressClass = anObject(GROUP_VERSION, 'IngressClass', { spec: { controller: 'example.com/controller' } });
const anEndpointSlice = anObject('discovery.k8s.io/v1', 'EndpointSlice', {
  addressType: 'IPv4',
  endpoints: [{ addresses: ['1.2.3.4'] }],
  ports: [],
});

const loadBalancer = (ip: string): Json => ({ loadBalancer: { ingress: [{ ip }] } });
const aCondition = (message: string): Json => ({
  conditions: [{ type: 'E2e', status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z', reason: 'E2E', message }],
});

/** Objects are named by their number at the end: ranges of several objects must not be the same. */
const numberOf = (name: string): string => name.split('-').at(-1) ?? '0';

const aServiceRange = (name: string): Json =>
  anObject(GROUP_VERSION, 'ServiceCIDR', { spec: { cidrs: [`10.11.${numberOf(name)}.0/24`] } })(name);

const anAddress = anObject(GROUP_VERSION, 'IPAddress', {
  spec: { parentRef: { group: 'example.com', resource: 'things', namespace: 'default', name: 'thing' } },
});

export const networkObjectTests: readonly ConformanceTest[] = [
  {
    name: '[sig-network] Ingress API should support creating Ingress API operations [Conformance]',
    run: (t) =>
      checkApiOperations(t, {
        resource: `${GROUP_VERSION}/ingresses`,
        isNamespaced: true,
        anObject: anIngress,
        status: { patch: loadBalancer('169.1.1.1'), update: loadBalancer('169.1.1.2') },
      }),
  },
  {
    name: '[sig-network] IngressClass API should support creating IngressClass API operations [Conformance]',
    run: (t) => checkApiOperations(t, { resource: `${GROUP_VERSION}/ingressclasses`, anObject: anIngressClass }),
  },
  {
    name: '[sig-network] EndpointSlice should support creating EndpointSlice API operations [Conformance]',
    run: (t) => checkApiOperations(t, { resource: 'discovery.k8s.io/v1/endpointslices', isNamespaced: true, anObject: anEndpointSlice }),
  },
  {
    name: '[sig-network] ServiceCIDR and IPAddress API should support ServiceCIDR API operations [Conformance]',
    run: (t) =>
      checkApiOperations(t, {
        resource: `${GROUP_VERSION}/servicecidrs`,
        anObject: aServiceRange,
        status: { patch: aCondition('patched'), update: aCondition('updated') },
      }),
  },
  {
    name: '[sig-network] ServiceCIDR and IPAddress API should support IPAddress API operations [Conformance]',
    run: (t) =>
      checkApiOperations(t, {
        resource: `${GROUP_VERSION}/ipaddresses`,
        anObject: anAddress,
        nameOf: (index) => `192.168.77.${index + 1}`,
      }),
  },
];
