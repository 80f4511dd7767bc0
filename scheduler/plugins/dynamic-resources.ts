/**
 * Nothing allocates devices to claims yet, so there is never one whose devices could be taken back for another pod: that is what is said when
 * a pod fits nowhere, as upstream says it of every pod that has no claims.
 */
import type { SchedulerPlugin } from '../plugin.ts';

export const dynamicResources: SchedulerPlugin = {
  name: 'DynamicResources',
  hints: {},
  postFilter: () => ({ message: 'no new claims to deallocate', keepsNomination: true }),
};
