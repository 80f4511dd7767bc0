/**
 * Prefers nodes that have the pod's images, the more the larger they are. An image that few nodes have counts for less, so that not all
 * its pods end up where the first one happened to be. Source: upstream's pkg/scheduler/framework/plugins/imagelocality.
 */
import type { Pod } from '#api/generated/types.ts';
import type { NodeInfo } from '../node-info.ts';
import { SCORE_MAX, type SchedulerPlugin } from '../plugin.ts';
import type { Snapshot } from '../snapshot.ts';

const MEBIBYTE = 1024 * 1024;
/** Smaller images are pulled so fast that it does not matter. */
const BYTES_MIN = 23 * MEBIBYTE;
/** Per container; more than that makes no difference any more. */
const BYTES_MAX = 1_000 * MEBIBYTE;

export const imageLocality: SchedulerPlugin = {
  name: 'ImageLocality',
  hints: {},
  prepare: ({ pod }, snapshot) => ({
    prepareScore: () => {
      const images = imagesOf(pod);
      const known = images.filter((image) => snapshot.nodesWithImage(image) > 0);
      return known.length === 0 ? undefined : { score: (node) => scoreOf(node, known, images.length, snapshot) };
    },
  }),
};

function imagesOf({ spec }: Pod): readonly string[] {
  const images = [...(spec.initContainers ?? []), ...spec.containers].map(({ image = '' }) => withTag(image));
  return [...images, ...(spec.volumes ?? []).flatMap(({ image }) => (image?.reference === undefined ? [] : [withTag(image.reference)]))];
}

/** As nodes name them: without a tag it is the latest. */
function withTag(image: string): string {
  return image.lastIndexOf(':') <= image.lastIndexOf('/') ? `${image}:latest` : image;
}

function scoreOf({ images }: NodeInfo, wanted: readonly string[], imageCount: number, snapshot: Snapshot): number {
  const bytes = wanted.reduce((sum, image) => {
    const share = snapshot.nodesWithImage(image) / snapshot.nodes.length;
    return sum + Math.trunc((images.get(image) ?? 0) * share);
  }, 0);
  const bytesMax = BYTES_MAX * imageCount;
  const bounded = Math.min(Math.max(bytes, BYTES_MIN), bytesMax);
  return Math.floor((SCORE_MAX * (bounded - BYTES_MIN)) / (bytesMax - BYTES_MIN));
}
