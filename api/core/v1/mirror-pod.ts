/** Mirror pods: what a kubelet runs on its own account and only shows to the API. */
import type { Pod } from '../../generated/types.ts';

const MIRROR_ANNOTATION = 'kubernetes.io/config.mirror';

export function isMirrorPod({ metadata }: Pod): boolean {
  return metadata.annotations?.[MIRROR_ANNOTATION] !== undefined;
}
