/** Objects for the controllers' tests: complete enough to be real, and each test names only what it is about. */
import { allResourceTypes, daemonsets, services } from '#api/generated/resources.ts';
import type {
  ControllerRevision,
  CronJob,
  DaemonSet,
  Deployment,
  EndpointSlice,
  Job,
  Namespace,
  Node,
  ObjectMeta,
  OwnerReference,
  Pod,
  ReplicaSet,
  Service,
  StatefulSet,
} from '#api/generated/types.ts';
import { controllerReference } from '#api/meta/owner-reference.ts';
import { type ApiObject, apiVersionOf, type ResourceType } from '#api/meta/resource-type.ts';
import type { Action } from '#client/apply-actions.ts';
import { formatTime } from '#component/clock.ts';
import { observeRevision, REVISION_LABEL, type Revised, revisionData } from '../controller-revisions.ts';

export const NOW_MS = Date.UTC(2026, 0, 1, 12);

export function secondsAgo(seconds: number): string {
  return formatTime(NOW_MS - seconds * 1_000);
}

export function metadataOf(name: string, more: Partial<ObjectMeta> = {}): ObjectMeta {
  return { name, namespace: 'default', uid: `uid-${name}`, resourceVersion: '1', creationTimestamp: secondsAgo(3_600), ...more };
}

const labels = { app: 'web' };

export function aDeployment(spec: Partial<Deployment['spec']> = {}, more: Partial<Deployment> = {}): Deployment {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: metadataOf('web', { generation: 1 }),
    spec: {
      replicas: 3,
      selector: { matchLabels: labels },
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } },
      revisionHistoryLimit: 10,
      progressDeadlineSeconds: 600,
      template: aTemplate('v1'),
      ...spec,
    },
    ...more,
  };
}

export function aTemplate(image: string): Deployment['spec']['template'] {
  return { metadata: { labels }, spec: { containers: [{ name: 'web', image: `web:${image}` }] } };
}

export function aReplicaSet(
  name: string,
  { replicas = 3, owner, ...more }: { replicas?: number; owner?: Deployment } & Partial<ReplicaSet> = {},
): ReplicaSet {
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: metadataOf(name, { generation: 1, labels, ...ownedBy(owner) }),
    spec: { replicas, selector: { matchLabels: labels }, template: aTemplate('v1') },
    ...more,
  };
}

interface PodOptions {
  readonly owner?: ApiObject;
  readonly node?: string;
  readonly phase?: string;
  /** When it became ready; absent: it is not. */
  readonly readySince?: string;
  readonly ip?: string;
  readonly metadata?: Partial<ObjectMeta>;
  readonly spec?: Partial<Pod['spec']>;
}

export function aPod(name: string, { owner, node, phase = 'Running', readySince, ip, metadata, spec }: PodOptions = {}): Pod {
  const ready = { type: 'Ready', status: readySince === undefined ? 'False' : 'True', lastTransitionTime: readySince ?? secondsAgo(60) };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: metadataOf(name, { labels, ...ownedBy(owner), ...metadata }),
    spec: { containers: [{ name: 'web', image: 'web:v1' }], ...(node === undefined ? {} : { nodeName: node }), ...spec },
    status: { phase, conditions: [ready], ...(ip === undefined ? {} : { podIP: ip, podIPs: [{ ip }] }) },
  };
}

export function aService(spec: Partial<Service['spec']> = {}): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: metadataOf('web'),
    spec: { clusterIP: '10.96.0.7', selector: labels, ports: [{ name: 'http', port: 80, targetPort: 8080, protocol: 'TCP' }], ...spec },
  };
}

export function aSlice(name: string, service: Service, more: Partial<EndpointSlice> = {}): EndpointSlice {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: metadataOf(name, {
      labels: {
        'kubernetes.io/service-name': service.metadata.name,
        'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
      },
      ownerReferences: [controllerReference(service, services)],
    }),
    addressType: 'IPv4',
    endpoints: [],
    ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
    ...more,
  };
}

export function aNode(name: string, { ready = 'True', ...more }: { ready?: string } & Partial<Node> = {}): Node {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { ...metadataOf(name), namespace: '' },
    spec: {},
    status: { conditions: [{ type: 'Ready', status: ready, lastTransitionTime: secondsAgo(100), lastHeartbeatTime: secondsAgo(100) }] },
    ...more,
  };
}

export function aDaemonSet(spec: Partial<DaemonSet['spec']> = {}, more: Partial<DaemonSet> = {}): DaemonSet {
  return {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: metadataOf('web', { generation: 1 }),
    spec: {
      selector: { matchLabels: labels },
      template: aTemplate('v1'),
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1, maxSurge: 0 } },
      revisionHistoryLimit: 10,
      ...spec,
    },
    ...more,
  };
}

export function aStatefulSet(spec: Partial<StatefulSet['spec']> = {}, more: Partial<StatefulSet> = {}): StatefulSet {
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: metadataOf('web', { generation: 1 }),
    spec: {
      replicas: 3,
      serviceName: 'web',
      selector: { matchLabels: labels },
      template: aTemplate('v1'),
      podManagementPolicy: 'OrderedReady',
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0 } },
      revisionHistoryLimit: 10,
      ...spec,
    },
    ...more,
  };
}

/** With a selector, as the server gives it one. */
export function aJob(spec: Partial<Job['spec']> = {}, status?: Job['status']): Job {
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: metadataOf('work', { generation: 1 }),
    spec: {
      completions: 1,
      parallelism: 1,
      backoffLimit: 6,
      completionMode: 'NonIndexed',
      podReplacementPolicy: 'TerminatingOrFailed',
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { restartPolicy: 'Never', containers: [{ name: 'main', image: 'work:v1' }] } },
      ...spec,
    },
    ...(status === undefined ? {} : { status }),
  };
}

/** Runs every ten minutes; made an hour ago. */
export function aCronJob(spec: Partial<CronJob['spec']> = {}, status?: CronJob['status']): CronJob {
  return {
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    metadata: metadataOf('tick', { generation: 1 }),
    spec: {
      schedule: '*/10 * * * *',
      concurrencyPolicy: 'Allow',
      suspend: false,
      successfulJobsHistoryLimit: 3,
      failedJobsHistoryLimit: 1,
      jobTemplate: { metadata: { labels }, spec: aJob().spec },
      ...spec,
    },
    ...(status === undefined ? {} : { status }),
  };
}

/** The revision that holds the owner's template, as its controller would make it. */
export function aRevision(owner: Revised, revision = 1, type: ResourceType<ApiObject> = daemonsets): ControllerRevision {
  const known = observeRevision({ owner, ownerType: type, hashLabel: REVISION_LABEL, revisions: [], namesake: undefined });
  if (known.state !== 'missing' || known.create.verb !== 'create') throw new Error('a new revision was expected');
  const { metadata } = known.create.object;
  return {
    apiVersion: 'apps/v1',
    kind: 'ControllerRevision',
    metadata: metadataOf(metadata.name ?? '', metadata),
    data: revisionData(owner.spec.template),
    revision,
  };
}

function ownedBy(owner: ApiObject | undefined): { readonly ownerReferences?: readonly OwnerReference[] } {
  if (owner === undefined) return {};
  const type = allResourceTypes.find((other) => other.kind === owner.kind && apiVersionOf(other) === owner.apiVersion);
  if (type === undefined) throw new Error(`there is no kind ${owner.kind}`);
  return { ownerReferences: [controllerReference(owner, type)] };
}

export function aNamespace(name: string, metadata: Partial<ObjectMeta> = {}): Namespace {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { ...metadataOf(name), namespace: '', ...metadata }, spec: {}, status: {} };
}

/** Actions as short lines: what a table of expectations compares. */
export function describeActions(actions: readonly Action[]): readonly string[] {
  return actions.map(describeAction);
}

function describeAction(action: Action): string {
  switch (action.verb) {
    case 'create':
      return `create ${action.type.plural}`;
    case 'update':
    case 'updateStatus':
      return `${action.verb} ${action.type.plural} ${action.object.metadata.name}`;
    case 'patch':
    case 'delete':
      return `${action.verb} ${action.type.plural} ${action.key.name}`;
    case 'event':
      return `event ${action.reason}`;
    case 'requeue':
      return `requeue ${action.afterMs}`;
  }
}

/** The messages of the events that the writes announce when they succeed. */
export function announcements(actions: readonly Action[]): readonly string[] {
  return actions.flatMap((action) => ('announce' in action && action.announce?.done ? [action.announce.done.message] : []));
}
