/**
 * `/livez`, `/readyz` and `/healthz`: named checks, each alone (`/readyz/etcd`) and all together, with upstream's texts, which people and probes read.
 * Ready means that requests can be served and that what every cluster has at its start is there. Source: k8s.io/apiserver, pkg/server/healthz.
 */

export interface HealthCheck {
  readonly name: string;
  /** Undefined when all is well. */
  problem(): string | undefined;
}

export interface HealthReport {
  readonly statusCode: number;
  readonly text: string;
}

export interface HealthChecks {
  /** Undefined for a check that does not exist. */
  report(
    kind: 'livez' | 'readyz' | 'healthz',
    options: { readonly check: string; readonly isVerbose: boolean; readonly excluded: readonly string[] },
  ): HealthReport | undefined;
}

const ping: HealthCheck = { name: 'ping', problem: () => undefined };

export function createHealthChecks(readiness: readonly HealthCheck[]): HealthChecks {
  const all = { livez: [ping], healthz: [ping], readyz: [ping, ...readiness] };
  return {
    report: (kind, { check, isVerbose, excluded }) => {
      const checks = all[kind].filter(({ name }) => (check === '' ? !excluded.includes(name) : name === check));
      if (check !== '' && checks.length === 0) return undefined;
      const failed = checks.filter(({ problem }) => problem() !== undefined);
      if (failed.length === 0 && !isVerbose) return { statusCode: 200, text: 'ok' };
      const lines = checks.map((one) => (failed.includes(one) ? `[-]${one.name} failed: ${one.problem() ?? ''}` : `[+]${one.name} ok`));
      const verdict = failed.length === 0 ? `${kind} check passed` : `${kind} check failed`;
      return { statusCode: failed.length === 0 ? 200 : 500, text: `${[...lines, verdict].join('\n')}\n` };
    },
  };
}
