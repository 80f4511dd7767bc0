/** A pod that names its node fits no other. The queue holds no such pods; `keelson why` asks for them. */
import { nodeHints } from '../cluster-event.ts';
import { fits, neverFits, type SchedulerPlugin } from '../plugin.ts';

const OTHER_NODE = neverFits("node(s) didn't match the requested node name");

export const nodeName: SchedulerPlugin = {
  name: 'NodeName',
  hints: nodeHints(({ spec }, { metadata }) => (spec.nodeName ?? '') === '' || spec.nodeName === metadata.name),
  prepare: ({ pod }) => {
    const wanted = pod.spec.nodeName ?? '';
    return wanted === '' ? {} : { filter: ({ name }) => (name === wanted ? fits : OTHER_NODE) };
  },
};
