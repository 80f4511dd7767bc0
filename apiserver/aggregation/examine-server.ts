/**
 * Whether an aggregated server is there: by what its Service and endpoints tell, then by asking it. Gives the condition that says so. Called by `server-checks.ts`.
 * Source: k8s.io/kube-aggregator, pkg/controllers/status/remote.
 */
import { discoveryPath, failedDiscovery, findUnavailability, passed } from '#api/apiregistration/v1/availability.ts';
import type { APIServiceCondition } from '#api/generated/types.ts';
import type { Clock } from '#component/clock.ts';
import { type ForwardTarget, hostOf } from '../forwarding/forward-target.ts';
import type { AggregatedServer, AggregatedServers } from './aggregated-servers.ts';
import { askServer } from './ask-server.ts';

/** Certificates are not verified here, as upstream has it: whoever can fake an answer on this network fakes no more than a status. */
export async function examineServer(
  server: AggregatedServer,
  servers: AggregatedServers,
  { clock }: { readonly clock: Clock },
  signal: AbortSignal,
): Promise<APIServiceCondition> {
  const { reference } = server;
  const problem = findUnavailability({ reference, service: servers.serviceOf(reference), slices: servers.slicesOf(reference) });
  if (problem !== undefined) return problem;
  const target = servers.resolve(server);
  if (target === undefined) return failedDiscovery(`no endpoints available for service ${JSON.stringify(reference.name)}`);
  return probe(target, discoveryPath(server.apiService), (question) =>
    askServer({ ...target, tls: withoutAuthority(target) }, question, { clock, signal }),
  );
}

async function probe(
  target: Omit<ForwardTarget, 'path'>,
  path: string,
  ask: (question: { readonly path: string }) => Promise<{ readonly statusCode: number }>,
): Promise<APIServiceCondition> {
  const url = `https://${hostOf(target)}${path}`;
  try {
    const { statusCode } = await ask({ path });
    if (statusCode >= 200 && statusCode < 300) return passed;
    return failedDiscovery(`failing or missing response from ${url}: bad status from ${url}: ${statusCode}`);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return failedDiscovery(`failing or missing response from ${url}: Get ${JSON.stringify(url)}: ${why}`);
  }
}

function withoutAuthority({ tls }: Omit<ForwardTarget, 'path'>): ForwardTarget['tls'] {
  const { ca: _, ...rest } = tls;
  return rest;
}
