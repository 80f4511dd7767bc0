/** StorageVersionMigrations as an API: every verb, on the object and on its status. */
import { checkApiOperations } from '../framework/api-operations.ts';
import type { ConformanceTest, TestScope } from '../framework/conformance-test.ts';

const conditionOf = (message: string) => ({
  type: 'TestCondition',
  status: 'True',
  reason: 'TestReason',
  message,
  lastTransitionTime: '2026-01-01T00:00:00Z',
});

async function supportsOperations(t: TestScope): Promise<void> {
  await checkApiOperations(t, {
    resource: 'storagemigration.k8s.io/v1/storageversionmigrations',
    anObject: () => ({ kind: 'StorageVersionMigration', spec: { resource: { group: '', resource: 'foo' } } }),
    status: { patch: { conditions: [conditionOf('patched')] }, update: { conditions: [conditionOf('updated')] } },
  });
}

export const storageVersionMigrationTests: readonly ConformanceTest[] = [
  {
    name: '[sig-api-machinery] StorageVersionMigration CRUD Tests storagemigration.k8s.io/v1 StorageVersionMigration [Conformance]',
    run: supportsOperations,
  },
];
