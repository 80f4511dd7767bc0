/**
 * What scenarios are made of: objects called `web`, acts of people upon them, and what is asked of the world afterwards. A pod counts as there from its creation to its
 * deletion's beginning, as controllers count.
 */
import { pods } from '#api/generated/resources.ts';
import type { Deployment, DeploymentSpec } from '#api/generated/types.ts';
import type { ApiObject, Draft, ResourceType } from '#api/meta/resource-type.ts';
import type { Cluster } from '../../../in-process/index.ts';
import type { World } from '../simulate.ts';
import { allOf, isLive, sharedAddresses } from '../world.ts';

export const labels = { app: 'web' };
export const selector = { matchLabels: labels };
export const metadata = { name: 'web', namespace: 'default' };
export const templateOf = (image: string) => ({ metadata: { labels }, spec: { containers: [{ name: 'app', image }] } });

export function create<T extends ApiObject>(type: ResourceType<T>, object: Draft<T>) {
  return ({ client }: Cluster) => client.resource(type).create(object);
}

export function change<T extends ApiObject>(type: ResourceType<T>, spec: object) {
  return ({ client }: Cluster) => client.resource(type).patch({ namespace: 'default', name: 'web' }, 'merge', { spec });
}

export function deletePod(index: number) {
  return async ({ client }: Cluster) => {
    const pod = (await client.resource(pods).list({ namespace: 'default' })).items[index];
    if (pod) await client.resource(pods).delete({ namespace: 'default', name: pod.metadata.name });
  };
}

/** What holds for every pod, whoever made it. */
export function checkPods(world: World): readonly string[] {
  return sharedAddresses(allOf(world, pods)).map((address) => `two live pods at ${address}`);
}

export function unlike(what: string, is: unknown, wanted: unknown): readonly string[] {
  return is === wanted ? [] : [`${what} is ${is}, not ${wanted}`];
}

export function livePodsOf(world: World, owner: ApiObject): number {
  return allOf(world, pods).filter(
    (pod) => isLive(pod) && (pod.metadata.ownerReferences ?? []).some(({ uid }) => uid === owner.metadata.uid),
  ).length;
}

export function aDeployment(spec: Partial<DeploymentSpec> = {}): Draft<Deployment> {
  return { apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec: { replicas: 4, selector, template: templateOf('app:v1'), ...spec } };
}

export function isTrue(
  object: { readonly status?: { readonly conditions?: readonly { type: string; status: string }[] } } | undefined,
  type: string,
): boolean {
  return object?.status?.conditions?.some((condition) => condition.type === type && condition.status === 'True') === true;
}

/** Time in which nothing is done. */
export function wait(durationMs: number) {
  return ({ clock }: Cluster) => clock.advance(durationMs);
}

export function remove<T extends ApiObject>(type: ResourceType<T>, propagationPolicy?: 'Foreground' | 'Background' | 'Orphan') {
  return ({ client }: Cluster) =>
    client.resource(type).delete({ namespace: 'default', name: 'web' }, propagationPolicy === undefined ? {} : { propagationPolicy });
}
