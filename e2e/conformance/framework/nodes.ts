/** The nodes that a test's pods may be on, and labels of a node for the time of one test. */
import type { Json } from '../../cluster.ts';
import type { TestScope } from './conformance-test.ts';
import { isReady } from './pods.ts';

export const NODES = 'v1/nodes';

/** Ready, not cordoned, and without a taint that keeps pods off. */
export async function schedulableNodes(t: TestScope): Promise<readonly Json[]> {
  const { items } = await t.resource(NODES, '').list();
  return items.filter((node: Json) => isReady(node) && node.spec.unschedulable !== true && !isTainted(node));
}

function isTainted({ spec }: Json): boolean {
  return (spec.taints ?? []).some(({ effect }: Json) => effect !== 'PreferNoSchedule');
}

/** Null takes a label off. What it was is put back after the test. */
export async function labelNode(t: TestScope, name: string, labels: Readonly<Record<string, string | null>>): Promise<void> {
  const nodes = t.resource(NODES, '');
  const { metadata } = await nodes.get(name);
  const before = Object.fromEntries(Object.keys(labels).map((key) => [key, metadata.labels[key] ?? null]));
  t.cleanUp(() => nodes.patch(name, { metadata: { labels: before } }));
  await nodes.patch(name, { metadata: { labels } });
}

/** Has the nodes offer so much of a resource that nobody looks after, for the time of one test: its name is one of the test's own. */
export async function offerResource(t: TestScope, nodes: readonly string[], resource: string, amount: string): Promise<void> {
  const all = t.resource(NODES, '');
  const offer = (name: string, offered: string | null): Promise<Json> =>
    all.patch(name, { status: { capacity: { [resource]: offered }, allocatable: { [resource]: offered } } }, { subresource: 'status' });
  for (const name of nodes) {
    t.cleanUp(() => offer(name, null));
    await offer(name, amount);
  }
}
