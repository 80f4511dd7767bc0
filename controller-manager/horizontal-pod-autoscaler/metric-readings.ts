/**
 * Asks the metrics APIs (metrics.k8s.io, custom.metrics.k8s.io, external.metrics.k8s.io) for what an autoscaler's metrics are about. Whatever serves them is an
 * aggregated server that may be absent or down, which is an answer too: text in upstream's words. Only this file speaks to them; what follows from the
 * readings is decided elsewhere. Upstream: pkg/controller/podautoscaler/metrics.
 */
import type { V2CrossVersionObjectReference, V2MetricIdentifier, V2MetricSpec } from '#api/generated/types.ts';
import { formatRequirements, requirementsOf } from '#api/meta/label-selector.ts';
import { isQuantity, parseQuantity, quantityToMilli } from '#api/meta/quantity.ts';
import { parseTime } from '#api/meta/time.ts';
import type { Client } from '#client/client.ts';
import { decodeStatus, isRecord, type JsonRecord } from '#client/object-decoder.ts';
import { queryString } from '#client/resource-path.ts';
import type { PodReading, PodReadings } from './pod-usage.ts';

/** What a server measures over that does not say. */
const WINDOW_MS_DEFAULT = 60_000;

export type Reading =
  | { readonly pods: PodReadings }
  /** Thousandths, of the whole. */
  | { readonly totalMilli: number }
  | { readonly problem: string };

export interface MetricTarget {
  readonly namespace: string;
  /** Of the target's pods, as text. */
  readonly selector: string;
}

interface Deps {
  readonly client: Pick<Client, 'getText'>;
  /** `deployments.apps`; undefined for a kind that is not served. */
  resourceOf(reference: V2CrossVersionObjectReference): string | undefined;
}

/** Never rejects: a metric that cannot be had is a reading with a problem. */
export async function readMetric(spec: V2MetricSpec, target: MetricTarget, deps: Deps): Promise<Reading> {
  try {
    return await readSource(spec, target, deps);
  } catch (error) {
    if (error instanceof MetricProblem) return { problem: error.message };
    throw error;
  }
}

class MetricProblem extends Error {}

async function readSource(spec: V2MetricSpec, target: MetricTarget, deps: Deps): Promise<Reading> {
  const { resource, containerResource, pods, object, external } = spec;
  if (resource !== undefined) return { pods: podUsage(await readPods(target, deps), resource.name) };
  if (containerResource !== undefined) {
    return { pods: containerUsage(await readPods(target, deps), containerResource, target.namespace) };
  }
  if (pods !== undefined) return { pods: await readPodsMetric(pods.metric, target, deps) };
  if (object !== undefined) return { totalMilli: await readObjectMetric(object.metric, object.describedObject, target, deps) };
  if (external !== undefined) return { totalMilli: await readExternalMetric(external.metric, target, deps) };
  return { problem: `unknown metric source type "${spec.type}"` };
}

async function readPods({ namespace, selector }: MetricTarget, { client }: Deps): Promise<readonly JsonRecord[]> {
  const path = `/apis/metrics.k8s.io/v1beta1/namespaces/${encodeURIComponent(namespace)}/pods${queryString({ labelSelector: selector })}`;
  const items = itemsIn(await getJson(client, path, 'resource metrics API', 'pods.metrics.k8s.io'));
  if (items.length === 0) throw new MetricProblem('no metrics returned from resource metrics API');
  return items;
}

/** Of a pod of which one container is not measured, nothing is known. */
function podUsage(items: readonly JsonRecord[], resource: string): PodReadings {
  return new Map(
    items.flatMap((item): readonly [string, PodReading][] => {
      const used = listIn(item, 'containers').map((container) => usageOf(container, resource));
      if (used.length === 0 || used.includes(undefined)) return [];
      const milli = used.reduce<number>((sum, amount) => sum + (amount ?? 0), 0);
      return [[nameOf(item), { milli, ...timesOf(item, 'window') }]];
    }),
  );
}

function containerUsage(
  items: readonly JsonRecord[],
  { container: name, name: resource }: { readonly container: string; readonly name: string },
  namespace: string,
): PodReadings {
  return new Map(
    items.flatMap((item): readonly [string, PodReading][] => {
      const container = listIn(item, 'containers').find((other) => other.name === name);
      if (container === undefined) {
        const problem = `container ${name} not present in metrics for pod ${namespace}/${nameOf(item)}`;
        throw new MetricProblem(`failed to get container metrics: ${problem}`);
      }
      const milli = usageOf(container, resource);
      return milli === undefined ? [] : [[nameOf(item), { milli, ...timesOf(item, 'window') }]];
    }),
  );
}

async function readPodsMetric(metric: V2MetricIdentifier, { namespace, selector }: MetricTarget, deps: Deps): Promise<PodReadings> {
  const query = queryString({ labelSelector: selector, metricLabelSelector: selectorText(metric) });
  const items = await readCustom(`namespaces/${encodeURIComponent(namespace)}/pods/*/${encodeURIComponent(metric.name)}${query}`, deps);
  if (items.length === 0) throw new MetricProblem('no metrics returned from custom metrics API');
  return new Map(
    items.map((item) => {
      const described = item.describedObject;
      const name = isRecord(described) && typeof described.name === 'string' ? described.name : '';
      return [name, { milli: milliIn(item.value), ...timesOf(item, 'windowSeconds') }];
    }),
  );
}

/** A namespace can only be the autoscaler's own. */
async function readObjectMetric(
  metric: V2MetricIdentifier,
  described: V2CrossVersionObjectReference,
  { namespace }: MetricTarget,
  deps: Deps,
): Promise<number> {
  const resource = deps.resourceOf(described);
  if (resource === undefined) {
    const group = groupOf(described);
    throw new MetricProblem(`unable to fetch metrics from custom metrics API: no matches for kind "${described.kind}" in group "${group}"`);
  }
  const isNamespace = described.kind === 'Namespace' && groupOf(described) === '';
  const subject = isNamespace ? 'metrics' : `${encodeURIComponent(resource)}/${encodeURIComponent(described.name)}`;
  const query = queryString({ metricLabelSelector: selectorText(metric) });
  const path = `namespaces/${encodeURIComponent(namespace)}/${subject}/${encodeURIComponent(metric.name)}${query}`;
  const [item] = await readCustom(path, deps);
  if (item === undefined) {
    throw new MetricProblem('unable to fetch metrics from custom metrics API: the server returned no metrics');
  }
  return milliIn(item.value);
}

/** The first version that is served, the newer first, as upstream's client chooses. */
async function readCustom(path: string, { client }: Deps): Promise<readonly JsonRecord[]> {
  for (const version of ['v1beta2', 'v1beta1']) {
    const { statusCode } = await client.getText(`/apis/custom.metrics.k8s.io/${version}`);
    if (statusCode === 404) continue;
    return itemsIn(await getJson(client, `/apis/custom.metrics.k8s.io/${version}/${path}`, 'custom metrics API', 'custom.metrics.k8s.io'));
  }
  throw new MetricProblem('unable to fetch metrics from custom metrics API: no custom metrics API (custom.metrics.k8s.io) registered');
}

async function readExternalMetric(metric: V2MetricIdentifier, { namespace }: MetricTarget, { client }: Deps): Promise<number> {
  const query = queryString({ labelSelector: selectorText(metric) });
  const path = `/apis/external.metrics.k8s.io/v1beta1/namespaces/${encodeURIComponent(namespace)}/${encodeURIComponent(metric.name)}${query}`;
  const items = itemsIn(await getJson(client, path, 'external metrics API', `${metric.name}.external.metrics.k8s.io`));
  if (items.length === 0) throw new MetricProblem('no metrics returned from external metrics API');
  return items.reduce((sum, { value }) => sum + milliIn(value), 0);
}

async function getJson(client: Deps['client'], path: string, api: string, resource: string): Promise<unknown> {
  const { statusCode, text } = await client.getText(path).catch((error: unknown) => {
    throw new MetricProblem(`unable to fetch metrics from ${api}: ${error instanceof Error ? error.message : String(error)}`);
  });
  const body = parseLeniently(text);
  if (statusCode < 300) return body;
  const { message } = decodeStatus(statusCode, body);
  // What upstream's client says of a server that does not know the path at all.
  const isUnserved = message === 'the server could not find the requested resource';
  throw new MetricProblem(`unable to fetch metrics from ${api}: ${isUnserved ? `${message} (get ${resource})` : message}`);
}

function parseLeniently(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function itemsIn(list: unknown): readonly JsonRecord[] {
  return isRecord(list) ? listIn(list, 'items') : [];
}

function listIn(object: JsonRecord, name: string): readonly JsonRecord[] {
  const value = object[name];
  return Array.isArray(value) ? value.filter(isRecord) : [];
}

function nameOf({ metadata }: JsonRecord): string {
  return isRecord(metadata) && typeof metadata.name === 'string' ? metadata.name : '';
}

function usageOf({ usage }: JsonRecord, resource: string): number | undefined {
  return isRecord(usage) && usage[resource] !== undefined ? milliIn(usage[resource]) : undefined;
}

function milliIn(value: unknown): number {
  if (typeof value !== 'string' || !isQuantity(value)) throw new MetricProblem(`${JSON.stringify(value)} is no quantity`);
  return quantityToMilli(parseQuantity(value));
}

function timesOf(item: JsonRecord, windowName: 'window' | 'windowSeconds'): Pick<PodReading, 'atMs' | 'windowMs'> {
  const atMs = typeof item.timestamp === 'string' ? (parseTime(item.timestamp) ?? 0) : 0;
  return { atMs, windowMs: windowMsOf(item[windowName]) };
}

const GO_DURATION = /^(?:(\d+)h)?(?:(\d+)m)?(?:([\d.]+)s)?$/;

/** `30s`, `1m0s`, or a number of seconds. */
function windowMsOf(window: unknown): number {
  if (typeof window === 'number') return window * 1_000;
  const [text, hours = '0', minutes = '0', seconds = '0'] = (typeof window === 'string' && GO_DURATION.exec(window)) || [];
  if (text === undefined || text === '') return WINDOW_MS_DEFAULT;
  return (Number(hours) * 3_600 + Number(minutes) * 60 + Number(seconds)) * 1_000;
}

function selectorText({ selector }: V2MetricIdentifier): string {
  return selector === undefined ? '' : formatRequirements(requirementsOf(selector));
}

function groupOf({ apiVersion = '' }: V2CrossVersionObjectReference): string {
  return apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : '';
}
