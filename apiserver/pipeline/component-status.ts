/**
 * GET of componentstatuses: how the parts of the control plane are, found out when asked. The storage is asked for its revision; scheduler and controller manager,
 * which are not on this machine's loopback as upstream supposes, by the lease that their leader renews. Source: upstream's pkg/registry/core/componentstatus.
 */
import { componentstatuses, leases } from '#api/generated/resources.ts';
import type { ComponentStatus } from '#api/generated/types.ts';
import { notFound } from '#api/meta/status.ts';
import { parseTime } from '#api/meta/time.ts';
import { parseStoredAs } from '../encoding/json-value.ts';
import { storageKey } from '../storage-key.ts';
import { type Answer, objectAnswer } from './answer.ts';
import { listAnswer } from './list.ts';
import type { ApiRequest, PipelineDeps } from './request.ts';

const DEPRECATED = 'v1 ComponentStatus is deprecated in v1.19+';

/** By name, what is wrong with it; undefined when nothing is. */
const checks: Readonly<Record<string, (deps: PipelineDeps) => Promise<string | undefined>>> = {
  'controller-manager': async (deps) => leaderProblem('kube-controller-manager', deps),
  'etcd-0': storageProblem,
  scheduler: async (deps) => leaderProblem('kube-scheduler', deps),
};

export async function getComponentStatus(request: ApiRequest, deps: PipelineDeps): Promise<Answer> {
  const { definition, info } = request;
  request.warn(DEPRECATED);
  if (!Object.hasOwn(checks, info.name)) throw notFound(componentstatuses, info.name);
  return objectAnswer(definition, await statusBytes(info.name, deps));
}

export async function listComponentStatuses(request: ApiRequest, deps: PipelineDeps): Promise<Answer> {
  request.warn(DEPRECATED);
  const items = await Promise.all(Object.keys(checks).map(async (name) => ({ bytes: await statusBytes(name, deps) })));
  const page = { items, revision: deps.cache.revision(), continueToken: undefined, remainingItemCount: undefined };
  return listAnswer(request.definition, page);
}

async function statusBytes(name: string, deps: PipelineDeps): Promise<Buffer> {
  const problem = await checks[name]?.(deps);
  const verdict = problem === undefined ? { status: 'True', message: 'ok' } : { status: 'False', error: problem };
  const status: Omit<ComponentStatus, 'metadata'> & { readonly metadata: object } = {
    kind: 'ComponentStatus',
    apiVersion: 'v1',
    metadata: { name },
    conditions: [{ type: 'Healthy', ...verdict }],
  };
  return Buffer.from(JSON.stringify(status));
}

async function storageProblem({ storage }: PipelineDeps): Promise<string | undefined> {
  try {
    await storage.currentRevision();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Whoever leads has renewed its lease lately. */
function leaderProblem(leaseName: string, { cache, clock }: PipelineDeps): string | undefined {
  const stored = cache.find(storageKey(leases, 'kube-system', leaseName));
  if (stored === undefined) return `nobody has ever held the lease ${leaseName}`;
  const { holderIdentity = '', renewTime, leaseDurationSeconds = 0 } = parseStoredAs(leases, stored.bytes).spec ?? {};
  const endMs = (parseTime(renewTime) ?? 0) + leaseDurationSeconds * 1000;
  if (holderIdentity === '') return `nobody holds the lease ${leaseName}`;
  return endMs >= clock.now() ? undefined : `the lease ${leaseName} was renewed last at ${renewTime ?? 'no time'}`;
}
