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
