/**
 * metrics.k8s.io/v1beta1: what of the path is answered how. Every question is answered from what the kubelets say at that moment; nothing is kept, and nobody is asked
 * when nobody asks here. Which nodes and pods there are, and which of them a selector means, the API server knows best.
 * Source: https://github.com/kubernetes-sigs/metrics-server, pkg/api
 */
import { nodes, pods } from '#api/generated/resources.ts';
import type { Node, Pod } from '#api/generated/types.ts';
import { ApiError, isReason, notFound } from '#api/meta/status.ts';
import type { Client } from '#client/client.ts';
import type { Clock } from '#component/clock.ts';
import type { Logger } from '#component/logger.ts';
import { METRICS_API_VERSION, nodeMetrics, podMetrics, type Summary } from './usage-metrics.ts';

export interface MetricsApiDeps {
  readonly client: Client;
  readonly clock: Clock;
  readonly log: Logger;
  /** Asks the kubelet of a node; rejects when it does not answer. */
  readonly askKubelet: (node: Node, signal: AbortSignal) => Promise<Summary>;
}

/** Gives the object that answers a GET; throws ApiError. */
export type MetricsApi = (url: URL, signal: AbortSignal) => Promise<object>;

const ROOT = `/apis/${METRICS_API_VERSION}`;
const GROUP = 'metrics.k8s.io';
const version = { groupVersion: METRICS_API_VERSION, version: 'v1beta1' };

/** What each of them says of itself. */
const documents: Readonly<Record<string, object>> = {
  '/apis': { kind: 'APIGroupList', apiVersion: 'v1', groups: [{ name: GROUP, versions: [version], preferredVersion: version }] },
  [`/apis/${GROUP}`]: { kind: 'APIGroup', apiVersion: 'v1', name: GROUP, versions: [version], preferredVersion: version },
  [ROOT]: {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion: METRICS_API_VERSION,
    resources: [
      { name: 'nodes', singularName: '', namespaced: false, kind: 'NodeMetrics', verbs: ['get', 'list'] },
      { name: 'pods', singularName: '', namespaced: true, kind: 'PodMetrics', verbs: ['get', 'list'] },
    ],
  },
};

export function createMetricsApi(deps: MetricsApiDeps): MetricsApi {
  const { client, clock, log } = deps;

  async function ask(node: Node, signal: AbortSignal): Promise<Summary | undefined> {
    try {
      return await deps.askKubelet(node, signal);
    } catch (error) {
      // What others use is still worth telling.
      log.warn({ err: error, node: node.metadata.name }, 'a kubelet does not tell what its node uses');
      return undefined;
    }
  }

  async function measureNodes(found: readonly Node[], signal: AbortSignal) {
    const measured = found.map(async (node) => nodeMetrics(node, await ask(node, signal), clock.now()));
    return (await Promise.all(measured)).filter((metrics) => metrics !== undefined);
  }

  /** Asks only the kubelets that have any of these pods. */
  async function measurePods(found: readonly Pod[], signal: AbortSignal) {
    const running = found.filter(({ status }) => status?.phase === 'Running');
    const names = new Set(running.map(({ spec }) => spec.nodeName));
    const there = names.size === 0 ? [] : (await client.resource(nodes).list()).items.filter(({ metadata }) => names.has(metadata.name));
    const summaries = new Map(await Promise.all(there.map(async (node) => [node.metadata.name, await ask(node, signal)] as const)));
    return running
      .map((pod) => podMetrics(pod, summaries.get(pod.spec.nodeName ?? ''), clock.now()))
      .filter((metrics) => metrics !== undefined);
  }

  const listOf = (kind: string, items: readonly object[]) => ({ kind, apiVersion: METRICS_API_VERSION, metadata: {}, items });

  async function getNode(name: string, signal: AbortSignal): Promise<object> {
    const node = await client.resource(nodes).get({ namespace: '', name });
    const [metrics] = await measureNodes([node], signal);
    if (metrics === undefined) throw unmeasured('nodemetrics', name);
    return { kind: 'NodeMetrics', apiVersion: METRICS_API_VERSION, ...metrics };
  }

  async function getPod(namespace: string, name: string, signal: AbortSignal): Promise<object> {
    const pod = await client.resource(pods).get({ namespace, name });
    const [metrics] = await measurePods([pod], signal);
    if (metrics === undefined) throw unmeasured('podmetrics', `${namespace}/${name}`);
    return { kind: 'PodMetrics', apiVersion: METRICS_API_VERSION, ...metrics };
  }

  return async ({ pathname, searchParams }, signal) => {
    const document = documents[pathname.replace(/\/$/, '')];
    if (document !== undefined) return document;
    const selectors = selectorsOf(searchParams);
    const [collection, name, ...rest] = pathname.startsWith(`${ROOT}/`)
      ? pathname
          .slice(ROOT.length + 1)
          .split('/')
          .map(decodeURIComponent)
      : [];
    if (collection === 'nodes' && rest.length === 0) {
      if (name !== undefined) return orMissing(getNode(name, signal), 'nodemetrics', name);
      return listOf('NodeMetricsList', await measureNodes((await client.resource(nodes).list(selectors)).items, signal));
    }
    if (collection === 'pods' && name === undefined) {
      return listOf('PodMetricsList', await measurePods((await client.resource(pods).list(selectors)).items, signal));
    }
    const [kind, podName, ...more] = rest;
    if (collection === 'namespaces' && name !== undefined && kind === 'pods' && more.length === 0) {
      if (podName !== undefined) return orMissing(getPod(name, podName, signal), 'podmetrics', `${name}/${podName}`);
      return listOf(
        'PodMetricsList',
        await measurePods((await client.resource(pods).list({ namespace: name, ...selectors })).items, signal),
      );
    }
    throw new ApiError('NotFound', 'the server could not find the requested resource');
  };
}

function selectorsOf(parameters: URLSearchParams) {
  const [labelSelector, fieldSelector] = [parameters.get('labelSelector'), parameters.get('fieldSelector')];
  return { ...(labelSelector ? { labelSelector } : {}), ...(fieldSelector ? { fieldSelector } : {}) };
}

function unmeasured(plural: string, name: string): ApiError {
  return notFound({ group: GROUP, plural }, name);
}

/** What the API server does not have has no metrics either. */
async function orMissing<T>(found: Promise<T>, plural: string, name: string): Promise<T> {
  try {
    return await found;
  } catch (error) {
    throw isReason(error, 'NotFound') ? unmeasured(plural, name) : error;
  }
}
