/**
 * `keelson down`: leaves nothing behind. The kubelets stop first, or they would bring the pods back; then the pods and the services go
 * side by side, the network and the volumes last. Running it when there is nothing changes nothing.
 */
import { rmSync } from 'node:fs';
import {
  listPodContainers,
  removeCgroups,
  removeContainers,
  removePodVolumes,
  removeServices,
  stopServices,
  unmountPodVolumes,
} from '../compose.ts';
import type { Progress } from '../progress.ts';
import { hostFiles } from '../project.ts';

const KUBELETS = ['kubelet-control-plane', 'kubelet-1', 'kubelet-2'];

export async function runDown(progress: Progress, options: { readonly keepData: boolean }): Promise<void> {
  await progress.step('kubelets', async () => {
    await stopServices(KUBELETS);
    return 'stopped';
  });
  await progress.step('pods', async () => {
    const ids = await listPodContainers();
    await Promise.all([removeContainers(ids), unmountPodVolumes()]);
    return ids.length === 0 ? 'none' : `${ids.length} containers removed`;
  });
  await progress.step('services', async () => {
    await Promise.all([removeServices(options), removeCgroups()]);
    if (!options.keepData) await removePodVolumes();
    return options.keepData ? 'removed; the volumes stay' : 'removed, with network and volumes';
  });
  // They are signed by an authority that is gone.
  if (!options.keepData) for (const path of Object.values(hostFiles)) rmSync(path, { force: true });
}
