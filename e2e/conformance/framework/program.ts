/**
 * Small programs for pods, out of `e2e/conformance/programs/`: each is put into a ConfigMap of the test's namespace and run by Node.js in the
 * one image that conformance tests use, so that no image has to be built for a test.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Json } from '../../cluster.ts';
import type { TestScope } from './conformance-test.ts';
import { WORKLOAD_IMAGE } from './image.ts';

const FOLDER = join(import.meta.dirname, '../programs');

/** Makes the ConfigMap; gives what makes the spec of a pod of it. Throws when there is no such program. */
export async function createProgram(t: TestScope, name: string): Promise<(args?: readonly string[], container?: Json) => Json> {
  const file = `${name}.ts`;
  const configMap = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: `program-${name}` },
    data: { [file]: readFileSync(join(FOLDER, file), 'utf8') },
  };
  await t.resource('v1/configmaps').create(configMap);
  return (args = [], container = {}) => ({
    terminationGracePeriodSeconds: 5,
    containers: [
      {
        name: 'main',
        image: WORKLOAD_IMAGE,
        command: ['node', `/program/${file}`, ...args],
        ...container,
        volumeMounts: [{ name: 'program', mountPath: '/program' }, ...(container.volumeMounts ?? [])],
      },
    ],
    volumes: [{ name: 'program', configMap: { name: `program-${name}` } }],
  });
}
