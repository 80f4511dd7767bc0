/** PriorityClasses for the time of one test. */
import type { TestScope } from './conformance-test.ts';

export const PRIORITY_CLASSES = 'scheduling.k8s.io/v1/priorityclasses';

/** PriorityClasses of this test, by their value: their names carry its suffix. */
export async function createClasses(t: TestScope, values: readonly number[]): Promise<readonly string[]> {
  const classes = t.resource(PRIORITY_CLASSES, '');
  const names = values.map((value) => `e2e-${t.suffix}-p${value}`);
  for (const [index, name] of names.entries()) {
    t.cleanUp(() => classes.delete(name));
    await classes.create({ apiVersion: 'scheduling.k8s.io/v1', kind: 'PriorityClass', metadata: { name }, value: values[index] });
  }
  return names;
}
