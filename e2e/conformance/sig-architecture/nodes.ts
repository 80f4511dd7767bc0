/** What a cluster has to have for the conformance tests to mean anything. */
import assert from 'node:assert/strict';
import type { ConformanceTest, TestScope } from '../framework/conformance-test.ts';
import { schedulableNodes } from '../framework/nodes.ts';

async function hasNodes(t: TestScope): Promise<void> {
  const names = (await schedulableNodes(t)).map(({ metadata }) => metadata.name);
  assert.ok(names.length >= 2, `pods may be on ${names.join(', ')}`);
}

export const nodeCountTests: readonly ConformanceTest[] = [
  { name: '[sig-architecture] Conformance Tests should have at least two untainted nodes [Conformance]', run: hasNodes },
];
