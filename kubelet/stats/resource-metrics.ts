/**
 * What the node uses in Prometheus' text format: `/metrics/resource`, which metrics servers read, and those of `/metrics/cadvisor` that dashboards are made of. Pure.
 * Names, helps and labels are upstream's: pkg/kubelet/metrics/collectors/resource_metrics.go, and cAdvisor's.
 */
import { keyOf } from '#api/meta/object-key.ts';
import type { Interface } from './network-stats.ts';
import type { NodeStats } from './node-stats.ts';
import type { Usage } from './usage.ts';

export const METRICS_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

type Labels = Readonly<Record<string, string>>;

interface Point {
  readonly labels: Labels;
  readonly value: number;
  readonly atMs?: number;
}

interface Family {
  readonly name: string;
  readonly type: 'counter' | 'gauge';
  readonly help: string;
  readonly points: readonly Point[];
}

const coreSeconds = ({ cpuNanos }: Usage) => cpuNanos / 1e9;
const workingSet = ({ memory }: Usage) => memory.workingSetBytes;

export function renderResourceMetrics(stats: NodeStats): string {
  const pods = stats.pods.map((pod) => ({ ...pod, labels: labelsOf(pod.pod) }));
  const containers = pods.flatMap(({ containers, labels }) =>
    containers.map((container) => ({ ...container, labels: { container: container.name, ...labels } })),
  );
  const node = [{ ...stats, labels: {} }];
  const used = (things: readonly { labels: Labels; usage: Usage }[], value: (usage: Usage) => number) =>
    things.map(({ labels, usage }) => ({ labels, value: value(usage), atMs: usage.atMs }));
  return renderFamilies([
    counter(
      'container_cpu_usage_seconds_total',
      'Cumulative cpu time consumed by the container in core-seconds',
      used(containers, coreSeconds),
    ),
    gauge('container_memory_working_set_bytes', 'Current working set of the container in bytes', used(containers, workingSet)),
    gauge(
      'container_start_time_seconds',
      'Start time of the container since unix epoch in seconds',
      containers.map(({ labels, startedAtMs }) => ({ labels, value: startedAtMs / 1000 })),
    ),
    counter('node_cpu_usage_seconds_total', 'Cumulative cpu time consumed by the node in core-seconds', used(node, coreSeconds)),
    gauge('node_memory_working_set_bytes', 'Current working set of the node in bytes', used(node, workingSet)),
    counter('pod_cpu_usage_seconds_total', 'Cumulative cpu time consumed by the pod in core-seconds', used(pods, coreSeconds)),
    gauge('pod_memory_working_set_bytes', 'Current working set of the pod in bytes', used(pods, workingSet)),
    gauge('resource_scrape_error', '1 if there was an error while getting container metrics, 0 otherwise', [{ labels: {}, value: 0 }]),
  ]);
}

/** `networks`: by pod uid. */
export function renderContainerMetrics(stats: NodeStats, networks: ReadonlyMap<string, readonly Interface[]>): string {
  const all = stats.pods.flatMap(({ pod, containers, usage, startedAtMs }) => [
    { labels: { container: '', id: `/pod${pod.metadata.uid}`, image: '', name: '', ...labelsOf(pod) }, usage, startedAtMs },
    ...containers.map(({ container, name, ...measured }) => ({
      labels: {
        container: name,
        id: `/pod${pod.metadata.uid}/${container.id}`,
        image: container.image,
        name: container.id,
        ...labelsOf(pod),
      },
      ...measured,
    })),
  ]);
  const used = (value: (usage: Usage) => number) => all.map(({ labels, usage }) => ({ labels, value: value(usage), atMs: usage.atMs }));
  const traffic = (value: (each: Interface) => number) =>
    stats.pods.flatMap(({ pod, usage }) =>
      (networks.get(pod.metadata.uid) ?? []).map((each) => ({
        labels: { id: `/pod${pod.metadata.uid}`, image: '', interface: each.name, name: '', ...labelsOf(pod) },
        value: value(each),
        atMs: usage.atMs,
      })),
    );
  return renderFamilies([
    counter('container_cpu_usage_seconds_total', 'Cumulative cpu time consumed in seconds.', used(coreSeconds)),
    gauge(
      'container_memory_rss',
      'Size of RSS in bytes.',
      used(({ memory }) => memory.rssBytes),
    ),
    gauge(
      'container_memory_usage_bytes',
      'Current memory usage in bytes, including all memory regardless of when it was accessed',
      used(({ memory }) => memory.usageBytes),
    ),
    gauge('container_memory_working_set_bytes', 'Current working set in bytes.', used(workingSet)),
    counter(
      'container_network_receive_bytes_total',
      'Cumulative count of bytes received',
      traffic(({ rxBytes }) => rxBytes),
    ),
    counter(
      'container_network_transmit_bytes_total',
      'Cumulative count of bytes transmitted',
      traffic(({ txBytes }) => txBytes),
    ),
    gauge(
      'container_processes',
      'Number of processes running inside the container.',
      used(({ processes }) => processes),
    ),
    gauge(
      'container_start_time_seconds',
      'Start time of the container since unix epoch in seconds.',
      all.map(({ labels, startedAtMs }) => ({ labels, value: startedAtMs / 1000 })),
    ),
  ]);
}

function labelsOf(pod: NodeStats['pods'][number]['pod']): Labels {
  const { namespace, name } = keyOf(pod);
  return { namespace, pod: name };
}

function counter(name: string, help: string, points: readonly Point[]): Family {
  return { name, type: 'counter', help, points };
}

function gauge(name: string, help: string, points: readonly Point[]): Family {
  return { name, type: 'gauge', help, points };
}

function renderFamilies(families: readonly Family[]): string {
  return families
    .filter(({ points }) => points.length > 0)
    .map(({ name, type, help, points }) =>
      [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...points.map((point) => renderPoint(name, point)), ''].join('\n'),
    )
    .join('');
}

function renderPoint(name: string, { labels, value, atMs }: Point): string {
  const pairs = Object.entries(labels).map(([key, text]) => `${key}="${text.replace(/["\\\n]/g, escapeCharacter)}"`);
  return `${name}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${value}${atMs === undefined ? '' : ` ${atMs}`}`;
}

function escapeCharacter(character: string): string {
  return character === '\n' ? '\\n' : `\\${character}`;
}
