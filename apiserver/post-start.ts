/**
 * What every cluster has from its first moment: the system namespaces, the default RBAC policy, the system priority classes, the range of service
 * addresses and the `kubernetes` Service with the address of this server behind it. Runs once the cache is filled; tries again until it has succeeded, and until then `/readyz` names what is missing.
 * Everything goes through the pipeline, as anybody's write does. Source: upstream's pkg/controlplane (controllers of the system namespaces and of kubernetes.default).
 */
import {
  configmaps,
  endpoints,
  endpointslices,
  namespaces,
  priorityclasses,
  rolebindings,
  roles,
  servicecidrs,
  services,
} from '#api/generated/resources.ts';
import { jsonEquals } from '#api/meta/json.ts';
import type { ApiObject, ResourceType } from '#api/meta/resource-type.ts';
import { apiVersionOf } from '#api/meta/resource-type.ts';
import { isReason } from '#api/meta/status.ts';
import { formatTime } from '#component/clock.ts';
import { EXTRA_PREFIX, GROUP_HEADER, UID_HEADER, USER_HEADER } from './aggregation/user-headers.ts';
import { bootstrapPolicy } from './authorization/bootstrap-policy.ts';
import { parseStored } from './encoding/json-value.ts';
import type { HealthCheck } from './health-checks.ts';
import { createObject } from './pipeline/create.ts';
import { patchObject } from './pipeline/patch.ts';
import type { ApiRequest, PipelineDeps } from './pipeline/request.ts';
import { FRONT_PROXY_NAMES } from './request/authenticate.ts';
import type { User } from './request/user.ts';
import { storageKey } from './storage-key.ts';

export interface PostStartOptions {
  /** Where pods and nodes reach this server. */
  readonly address: string;
  readonly port: number;
  /** The first address of the service CIDR. */
  readonly serviceAddress: string;
  readonly serviceCidr: string;
  /** PEM: who signs the certificates of clients and of front proxies. */
  readonly authorities: { readonly client: string; readonly frontProxy: string };
}

interface Step {
  readonly name: string;
  run(): Promise<void>;
}

const RETRY_MS = 500;

/** Addresses and node ports that nobody owns any more are looked for this often. */
const REPAIR_INTERVAL_MS = 5 * 60_000;

const SERVER_USER: User = { name: 'system:apiserver', groups: ['system:masters', 'system:authenticated'] };

const SYSTEM_NAMESPACES = ['default', 'kube-system', 'kube-public', 'kube-node-lease'] as const;
const PRIORITY_CLASSES = [
  { name: 'system-cluster-critical', value: 2_000_000_000, description: 'Used for system critical pods that must run in the cluster.' },
  {
    name: 'system-node-critical',
    value: 2_000_001_000,
    description: 'Used for system critical pods that must not be moved from their current node.',
  },
] as const;

/** The ConfigMap, and of the Role that lets it be read the beginning of its name. */
const AUTHENTICATION_INFO = 'extension-apiserver-authentication';

const RBAC_DEFAULTS = { 'kubernetes.io/bootstrapping': 'rbac-defaults' };

/** The Service, its Endpoints, its EndpointSlice and the range of addresses share the name. */
const NAME = 'kubernetes';

export interface PostStart {
  /** One per step, for `/readyz`. */
  readonly checks: readonly HealthCheck[];
  run(signal: AbortSignal): Promise<void>;
}

export function createPostStart(deps: PipelineDeps, options: PostStartOptions): PostStart {
  const write = createWriter(deps);
  const steps: readonly Step[] = [
    { name: 'poststarthook/start-system-namespaces-controller', run: () => createNamespaces(write) },
    { name: 'poststarthook/rbac/bootstrap-roles', run: () => bootstrapPolicy(deps) },
    { name: 'poststarthook/scheduling/bootstrap-system-priority-classes', run: () => createPriorityClasses(write) },
    { name: 'poststarthook/start-default-service-cidr', run: () => createServiceCidr(write, options, deps) },
    { name: 'poststarthook/start-kubernetes-service', run: () => createOwnService(write, options) },
    {
      name: 'poststarthook/start-cluster-authentication-info-controller',
      run: () => publishAuthenticationInfo(write, options),
    },
  ];
  const done = new Set<string>();
  return {
    checks: steps.map(({ name }) => ({ name, problem: () => (done.has(name) ? undefined : 'not finished') })),
    run: async (signal) => {
      for (const step of steps) {
        await untilItSucceeds(step, deps, signal);
        done.add(step.name);
      }
      for (;;) {
        await deps.serviceAddresses
          .repair()
          .catch((error: unknown) => deps.log.warn({ err: error }, 'service addresses were not repaired'));
        await deps.clock.sleep(REPAIR_INTERVAL_MS, signal);
      }
    },
  };
}

async function untilItSucceeds({ name, run }: Step, { clock, log }: PipelineDeps, signal: AbortSignal): Promise<void> {
  for (;;) {
    try {
      return await run();
    } catch (error) {
      signal.throwIfAborted();
      log.warn({ err: error, step: name }, 'not finished; trying again');
      await clock.sleep(RETRY_MS, signal);
    }
  }
}

interface Writer {
  /** Creates the object unless there is one of that name. */
  ensure<T extends ApiObject>(type: ResourceType<T>, object: Parts): Promise<void>;
  /** Gives the object that status unless it has one. */
  ensureStatus<T extends ApiObject>(type: ResourceType<T>, object: Parts): Promise<void>;
  /** The same, and makes one that is there say what it should. */
  enforce<T extends ApiObject>(type: ResourceType<T>, object: Parts): Promise<void>;
}

interface Parts {
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly labels?: Readonly<Record<string, string>> };
  readonly [field: string]: unknown;
}

async function createNamespaces(write: Writer): Promise<void> {
  for (const name of SYSTEM_NAMESPACES) await write.ensure(namespaces, { metadata: { name } });
}

async function createPriorityClasses(write: Writer): Promise<void> {
  for (const { name, ...fields } of PRIORITY_CLASSES) await write.ensure(priorityclasses, { metadata: { name }, ...fields });
}

/** The range that Services have their addresses from, as an object for who wants to know it. */
async function createServiceCidr(write: Writer, { serviceCidr }: PostStartOptions, { clock }: PipelineDeps): Promise<void> {
  const message = 'Kubernetes default Service CIDR is ready';
  const ready = { type: 'Ready', status: 'True', reason: '', message, lastTransitionTime: formatTime(clock.now()) };
  await write.ensure(servicecidrs, { metadata: { name: NAME }, spec: { cidrs: [serviceCidr] } });
  await write.ensureStatus(servicecidrs, { metadata: { name: NAME }, status: { conditions: [ready] } });
}

async function createOwnService(write: Writer, { address, port, serviceAddress }: PostStartOptions): Promise<void> {
  const labels = { component: 'apiserver', provider: 'kubernetes' };
  const metadata = { name: NAME, namespace: 'default' };
  const ports = [{ name: 'https', port: 443, protocol: 'TCP', targetPort: port }];
  await write.ensure(services, {
    metadata: { ...metadata, labels },
    spec: { type: 'ClusterIP', clusterIP: serviceAddress, ports, sessionAffinity: 'None' },
  });
  const endpointPorts = [{ name: 'https', port, protocol: 'TCP' }];
  const mirrored = { ...metadata, labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } };
  await write.enforce(endpoints, { metadata: mirrored, subsets: [{ addresses: [{ ip: address }], ports: endpointPorts }] });
  await write.enforce(endpointslices, {
    metadata: { ...metadata, labels: { 'kubernetes.io/service-name': NAME } },
    addressType: 'IPv4',
    endpoints: [{ addresses: [address], conditions: { ready: true } }],
    ports: endpointPorts,
  });
}

/** By what aggregated servers know whom to believe: clients of this authority, and this server's word about others. */
async function publishAuthenticationInfo(write: Writer, { authorities }: PostStartOptions): Promise<void> {
  const metadata = { name: AUTHENTICATION_INFO, namespace: 'kube-system' };
  const reader = `${AUTHENTICATION_INFO}-reader`;
  await write.enforce(configmaps, {
    metadata,
    data: {
      'client-ca-file': authorities.client,
      'requestheader-client-ca-file': authorities.frontProxy,
      'requestheader-allowed-names': JSON.stringify(FRONT_PROXY_NAMES),
      'requestheader-username-headers': JSON.stringify([USER_HEADER]),
      'requestheader-uid-headers': JSON.stringify([UID_HEADER]),
      'requestheader-group-headers': JSON.stringify([GROUP_HEADER]),
      'requestheader-extra-headers-prefix': JSON.stringify([EXTRA_PREFIX]),
    },
  });
  await write.ensure(roles, {
    metadata: { name: reader, namespace: 'kube-system', labels: RBAC_DEFAULTS },
    rules: [{ apiGroups: [''], resources: ['configmaps'], resourceNames: [AUTHENTICATION_INFO], verbs: ['get', 'list', 'watch'] }],
  });
  await write.ensure(rolebindings, {
    metadata: { name: `system::${reader}`, namespace: 'kube-system', labels: RBAC_DEFAULTS },
    roleRef: { apiGroup: roles.group, kind: 'Role', name: reader },
    subjects: ['system:kube-controller-manager', 'system:kube-scheduler'].map((name) => ({ apiGroup: roles.group, kind: 'User', name })),
  });
}

/** Writes as the server itself, by the same road as everybody. */
function createWriter(deps: PipelineDeps): Writer {
  const request = <T extends ApiObject>(
    verb: 'create' | 'patch',
    type: ResourceType<T>,
    { metadata }: Parts,
    body: object,
    subresource = '',
  ): ApiRequest => ({
    info: {
      isResource: true,
      verb,
      path: '',
      group: type.group,
      version: type.version,
      namespace: metadata.namespace ?? '',
      resource: type.plural,
      subresource,
      name: verb === 'patch' ? metadata.name : '',
      rest: [],
    },
    definition: deps.resources.get(type),
    query: new URLSearchParams(),
    user: SERVER_USER,
    body: Buffer.from(JSON.stringify(body)),
    contentType: verb === 'patch' ? 'application/merge-patch+json' : 'application/json',
    userAgent: 'kube-apiserver',
    form: { mediaType: 'application/json', representation: 'object', metaVersion: 'v1' },
    signal: deps.stopping,
    warn: () => {},
  });
  const create = async <T extends ApiObject>(type: ResourceType<T>, object: Parts): Promise<boolean> => {
    const { namespace = '', name } = object.metadata;
    if (await deps.storage.get(storageKey(type, namespace, name))) return false;
    try {
      await createObject(request('create', type, object, { apiVersion: apiVersionOf(type), kind: type.kind, ...object }), deps);
      return true;
    } catch (error) {
      if (isReason(error, 'AlreadyExists')) return false;
      throw error;
    }
  };
  return {
    ensure: async (type, object) => {
      await create(type, object);
    },
    ensureStatus: async (type, object) => {
      const { namespace = '', name } = object.metadata;
      const item = await deps.storage.get(storageKey(type, namespace, name));
      const status: unknown = item && Reflect.get(parseStored(item.bytes), 'status');
      const isBlank = status === undefined || jsonEquals(status, {});
      if (isBlank) await patchObject(request('patch', type, object, object, 'status'), deps);
    },
    enforce: async (type, object) => {
      if (!(await create(type, object))) await patchObject(request('patch', type, object, object), deps);
    },
  };
}
