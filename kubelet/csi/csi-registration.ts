/** Keeps what the cluster knows of this node's storage drivers true: its CSINode and its Node. Woken when a driver comes or goes, and when the Node changes. */
import { isDeepStrictEqual } from 'node:util';
import { csinodes, nodes } from '#api/generated/resources.ts';
import type { CSINode, Node } from '#api/generated/types.ts';
import { isReason } from '#api/meta/status.ts';
import type { Client } from '#client/client.ts';
import type { Clock } from '#component/clock.ts';
import type { Logger } from '#component/logger.ts';
import type { CsiDrivers } from './csi-drivers.ts';
import { csiNodeDrivers, nodePatchFor } from './csi-node-object.ts';

export interface CsiRegistrationDeps {
  readonly client: Client;
  readonly clock: Clock;
  readonly log: Logger;
  readonly drivers: CsiDrivers;
  /** As the API has it; undefined before it is registered. */
  readonly node: () => Node | undefined;
}

export interface CsiRegistration {
  wake(): void;
  run(signal: AbortSignal): Promise<void>;
}

const RETRY_MS = 1_000;

export function createCsiRegistration({ client, clock, log, drivers, node }: CsiRegistrationDeps): CsiRegistration {
  let woken = Promise.withResolvers<void>();
  let toldOf: string | undefined;

  async function tell(own: Node): Promise<void> {
    const present = drivers.list();
    // The Node changes all the time; what it says of drivers is looked at anew only when something of that did.
    const state = JSON.stringify([own.metadata.uid, csiNodeDrivers(present), nodePatchFor(own, present)]);
    if (state === toldOf) return;
    await writeCsiNode(own, csiNodeDrivers(present));
    const patch = nodePatchFor(own, present);
    if (patch !== undefined) await client.resource(nodes).patch({ namespace: '', name: own.metadata.name }, 'merge', patch);
    toldOf = state;
  }

  async function writeCsiNode(own: Node, wanted: CSINode['spec']['drivers']): Promise<void> {
    const resource = client.resource(csinodes);
    const { name, uid } = own.metadata;
    const found = await resource.get({ namespace: '', name }).catch((error: unknown) => {
      if (isReason(error, 'NotFound')) return undefined;
      throw error;
    });
    if (found === undefined) {
      const ownerReferences = [{ apiVersion: 'v1', kind: 'Node', name, uid }];
      await resource.create({
        apiVersion: 'storage.k8s.io/v1',
        kind: 'CSINode',
        metadata: { name, ownerReferences },
        spec: { drivers: wanted },
      });
    } else if (!isDeepStrictEqual(found.spec.drivers ?? [], wanted)) {
      await resource.update({ ...found, spec: { ...found.spec, drivers: wanted } });
    }
  }

  return {
    wake: () => woken.resolve(),
    run: async (signal) => {
      drivers.onChange(() => woken.resolve());
      signal.addEventListener('abort', () => woken.resolve(), { once: true });
      while (!signal.aborted) {
        woken = Promise.withResolvers();
        const own = node();
        let cancel = (): void => {};
        try {
          if (own !== undefined) await tell(own);
        } catch (error) {
          log.warn({ err: error }, 'cannot tell of the storage drivers; trying again');
          cancel = clock.after(RETRY_MS, () => woken.resolve());
        }
        await woken.promise;
        cancel();
      }
    },
  };
}
