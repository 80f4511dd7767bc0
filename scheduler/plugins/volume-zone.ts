/** A volume that is labelled with a zone or region can be used from nodes there alone. Upstream: volumezone. */
import { always } from '../cluster-event.ts';
import { fits, neverFits, type SchedulerPlugin } from '../plugin.ts';
import { claimNamesOf } from '../volumes/pod-claims.ts';
import type { Storage } from '../volumes/storage.ts';

const ELSEWHERE = neverFits('node(s) had no available volume zone');
const TOPOLOGY_LABELS = [
  'topology.kubernetes.io/zone',
  'topology.kubernetes.io/region',
  'failure-domain.beta.kubernetes.io/zone',
  'failure-domain.beta.kubernetes.io/region',
];
/** Between the zones of a volume that is in several. */
const SEPARATOR = '__';

export function createVolumeZone(storage: Storage): SchedulerPlugin {
  return {
    name: 'VolumeZone',
    hints: {
      'claim-changed': (pod, { claim }) =>
        claim.metadata.namespace === pod.metadata.namespace && claimNamesOf(pod).includes(claim.metadata.name),
      'volume-changed': always,
      'storage-changed': always,
      'node-added': always,
      'node-changed': always,
    },
    prepare: ({ claimKeys }) => {
      const places = claimKeys.flatMap((key) => {
        const labels = storage.findVolume(storage.findClaim(key)?.spec.volumeName ?? '')?.metadata.labels ?? {};
        return TOPOLOGY_LABELS.flatMap((label) => (labels[label] === undefined ? [] : [{ label, values: labels[label].split(SEPARATOR) }]));
      });
      if (places.length === 0) return {};
      return {
        filter: (node) => {
          // In a cluster without zones labels of volumes say nothing.
          if (TOPOLOGY_LABELS.every((label) => node.labels[label] === undefined)) return fits;
          return places.every(({ label, values }) => values.includes(node.labels[label] ?? '')) ? fits : ELSEWHERE;
        },
      };
    },
  };
}
