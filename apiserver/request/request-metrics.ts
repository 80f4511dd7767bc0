/** What the server counts of its requests, under upstream's names. */
import { Counter, Histogram, type Registry } from '#component/metrics.ts';
import type { RequestInfo } from './request-info.ts';

export interface RequestMetrics {
  /** `info` is undefined for a request whose path could not be read. */
  observe(info: RequestInfo | undefined, statusCode: number, durationMs: number): void;
}

const DURATION_SECONDS_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

export function createRequestMetrics(registry: Registry): RequestMetrics {
  const labelNames = ['verb', 'group', 'version', 'resource', 'subresource'];
  const total = new Counter({
    name: 'apiserver_request_total',
    help: 'Requests by verb, resource and answer.',
    labelNames: [...labelNames, 'code'],
    registers: [registry],
  });
  const duration = new Histogram({
    name: 'apiserver_request_duration_seconds',
    help: 'How long requests took, watches left out.',
    labelNames,
    buckets: DURATION_SECONDS_BUCKETS,
    registers: [registry],
  });
  return {
    observe: (info, statusCode, durationMs) => {
      const labels = labelsOf(info, statusCode);
      total.inc({ ...labels, code: String(statusCode) });
      if (labels.verb !== 'WATCH') duration.observe(labels, durationMs / 1000);
    },
  };
}

/** Paths and resources that do not exist share one set of labels: clients must not be able to make up time series. */
function labelsOf(info: RequestInfo | undefined, statusCode: number) {
  if (info === undefined || !info.isResource || statusCode === 404)
    return { verb: '', group: '', version: '', resource: '', subresource: '' };
  const { verb, group, version, resource, subresource } = info;
  return { verb: verb.toUpperCase(), group, version, resource, subresource };
}
