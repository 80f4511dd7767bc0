/** Objects for the controllers' tests: complete enough to be real, and each test names only what it is about. */
import { deployments, replicasets, services } from '#api/generated/resources.ts';
import type { Deployment, EndpointSlice, Namespace, Node, ObjectMeta, Pod, ReplicaSet, Service } from '#api/generated/types.ts';
import { controllerReference } from '#api/meta/owner-reference.ts';
import type { Action } from '#client/apply-actions.ts';
import { formatTime } from '#component/clock.ts';

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
    metadata: metadataOf(name, { generation: 1, labels, ...(owner ? { ownerReferences: [controllerReference(owner, deployments)] } : {}) }),
    spec: { replicas, selector: { matchLabels: labels }, template: aTemplate('v1') },
    ...more,
  };
}

interface PodOptions {
  readonly owner?: ReplicaSet;
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
    metadata: metadataOf(name, { labels, ...(owner ? { ownerReferences: [controllerReference(owner, replicasets)] } : {}), ...metadata }),
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
