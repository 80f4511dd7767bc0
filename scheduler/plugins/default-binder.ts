/** Binds a pod to its node with a POST to its `binding` subresource. */
import { pods } from '#api/generated/resources.ts';
import { keyOf } from '#api/meta/object-key.ts';
import type { Client } from '#client/client.ts';
import type { SchedulerPlugin } from '../plugin.ts';

export function createDefaultBinder(client: Client): SchedulerPlugin {
  return {
    name: 'DefaultBinder',
    hints: {},
    prepare: ({ pod }) => ({
      bind: async (nodeName) => {
        const { namespace = '', name, uid } = pod.metadata;
        await client.resource(pods).createSubresource(keyOf(pod), 'binding', {
          apiVersion: 'v1',
          kind: 'Binding',
          metadata: { namespace, name, uid },
          target: { kind: 'Node', name: nodeName },
        });
      },
    }),
  };
}
