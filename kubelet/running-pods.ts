/**
 * The pods as the engine has them, whatever the API says of them: what `/runningpods/` answers, and what the kubelet counts for its metrics. Pure.
 * Source: upstream's pkg/kubelet/server (getRunningPods).
 */
import type { RuntimeContainer } from './runtime/container-runtime.ts';
import { isSandbox } from './runtime/container-runtime.ts';

/** As much of a pod as its containers tell. */
export function runningPods(containers: readonly RuntimeContainer[]) {
  const running = containers.filter(({ state }) => state.phase === 'running');
  const uids = new Set(running.map(({ identity }) => identity.podUid));
  return [...uids].map((uid) => {
    const own = running.filter(({ identity }) => identity.podUid === uid);
    const [first] = own;
    return {
      metadata: { name: first?.identity.podName ?? '', namespace: first?.identity.podNamespace ?? '', uid },
      spec: {
        containers: own
          .filter((container) => !isSandbox(container))
          .map(({ identity, image }) => ({ name: identity.containerName ?? '', image, resources: {} })),
      },
      status: {},
    };
  });
}
