/** What describes devices and who claims them, as objects of `resource.k8s.io/v1`. */
import type { Json } from '../../cluster.ts';
import { type ApiOperations, checkApiOperations } from '../framework/api-operations.ts';
import type { ConformanceTest } from '../framework/conformance-test.ts';

const GROUP_VERSION = 'resource.k8s.io/v1';

const anObject =
  (kind: string, rest: Json) =>
  (name: string): Json => ({ apiVersion: GROUP_VERSION, kind, metadata: { name }, ...rest });

const CLAIM: Json = { devices: { requests: [{ name: 'device', exactly: { deviceClassName: 'e2e.example.com' } }] } };

const resources: Readonly<Record<string, ApiOperations>> = {
  DeviceClass: { resource: `${GROUP_VERSION}/deviceclasses`, anObject: anObject('DeviceClass', { spec: {} }) },
  ResourceClaim: {
    resource: `${GROUP_VERSION}/resourceclaims`,
    isNamespaced: true,
    anObject: anObject('ResourceClaim', { spec: CLAIM }),
  },
  ResourceClaimTemplate: {
    resource: `${GROUP_VERSION}/resourceclaimtemplates`,
    isNamespaced: true,
    anObject: anObject('ResourceClaimTemplate', { spec: { spec: CLAIM } }),
  },
  ResourceSlice: {
    resource: `${GROUP_VERSION}/resourceslices`,
    anObject: anObject('ResourceSlice', {
      spec: {
        driver: 'e2e.example.com',
        nodeName: 'e2e-no-such-node',
        pool: { name: 'e2e', generation: 1, resourceSliceCount: 1 },
        devices: [{ name: 'device-1' }],
      },
    }),
  },
};

export const dynamicResourceTests: readonly ConformanceTest[] = Object.entries(resources).map(([kind, operations]) => ({
  name: `[sig-node] [DRA] CRUD Tests ${GROUP_VERSION} ${kind} [Conformance]`,
  run: (t) => checkApiOperations(t, operations),
}));
