/**
 * What nodes and pods use, as metrics.k8s.io tells it, from what their kubelets say. Pure. Processor time is told in billionths of a core and memory in units of
 * 1024 bytes, as upstream's metrics-server tells them, so that whoever reads texts sees the same.
 * Source: k8s.io/metrics/pkg/apis/metrics/v1beta1
 */
import type { Node, Pod } from '#api/generated/types.ts';
import { parseTime } from '#api/meta/time.ts';
import { formatTime } from '#component/clock.ts';

export const METRICS_API_VERSION = 'metrics.k8s.io/v1beta1';

/** Of a kubelet's summary, what is needed here; whatever is missing makes a thing unmeasured. */
export interface Summary {
  readonly node?: Measured & { readonly startTime?: string };
  readonly pods?: readonly PodSummary[];
}

interface PodSummary {
  readonly podRef?: { readonly uid?: string };
  readonly containers?: readonly (Measured & { readonly name?: string; readonly startTime?: string })[];
}

interface Measured {
  readonly cpu?: { readonly time?: string; readonly usageNanoCores?: number; readonly windowSeconds?: number };
  readonly memory?: { readonly workingSetBytes?: number };
}

export interface NodeMetrics {
  readonly metadata: MetricsMetadata;
  readonly timestamp: string;
  readonly window: string;
  readonly usage: ResourceUsage;
}

export interface PodMetrics {
  readonly metadata: MetricsMetadata;
  readonly timestamp: string;
  readonly window: string;
  readonly containers: readonly { readonly name: string; readonly usage: ResourceUsage }[];
}

interface MetricsMetadata {
  readonly name: string;
  readonly namespace?: string;
  readonly creationTimestamp: string;
  readonly labels?: Readonly<Record<string, string>>;
}

interface ResourceUsage {
  readonly cpu: string;
  readonly memory: string;
}

/** Undefined for a node whose kubelet does not know yet. */
export function nodeMetrics({ metadata }: Node, summary: Summary | undefined, nowMs: number): NodeMetrics | undefined {
  const usage = usageOf(summary?.node);
  if (usage === undefined) return undefined;
  return { metadata: metadataOf(metadata, nowMs), ...momentOf([summary?.node ?? {}]), usage };
}

/** Undefined for a pod of which one container is not measured: half a sum would mislead. */
export function podMetrics({ metadata, spec }: Pod, summary: Summary | undefined, nowMs: number): PodMetrics | undefined {
  const found = summary?.pods?.find(({ podRef }) => podRef?.uid === metadata.uid)?.containers ?? [];
  const containers = found.flatMap((container) => {
    const usage = usageOf(container);
    return usage === undefined || container.name === undefined ? [] : [{ name: container.name, usage }];
  });
  const isWhole = spec.containers.every(({ name }) => containers.some((container) => container.name === name));
  if (!isWhole) return undefined;
  return { metadata: metadataOf(metadata, nowMs), ...momentOf(found), containers };
}

function metadataOf({ name, namespace, labels }: Pod['metadata'], nowMs: number): MetricsMetadata {
  return {
    name,
    ...(namespace === undefined ? {} : { namespace }),
    creationTimestamp: formatTime(nowMs),
    ...(labels === undefined ? {} : { labels }),
  };
}

function usageOf(measured: Measured | undefined): ResourceUsage | undefined {
  const nanoCores = measured?.cpu?.usageNanoCores;
  const bytes = measured?.memory?.workingSetBytes;
  if (nanoCores === undefined || bytes === undefined) return undefined;
  return { cpu: nanoCores === 0 ? '0' : `${nanoCores}n`, memory: `${Math.ceil(bytes / 1024)}Ki` };
}

/** When the last of them was measured, and over how long. */
function momentOf(measured: readonly Measured[]): { readonly timestamp: string; readonly window: string } {
  const newest = measured.reduce((latest, { cpu }) => Math.max(latest, parseTime(cpu?.time ?? '') ?? 0), 0);
  const windowSeconds = Math.max(0, ...measured.map(({ cpu }) => cpu?.windowSeconds ?? 0));
  return { timestamp: formatTime(newest), window: `${Number(windowSeconds.toFixed(3))}s` };
}
