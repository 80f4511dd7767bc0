/**
 * First of all plugins: nothing is written before the server knows who has a say in it. A server that has just started is there for clients before it has read
 * its webhooks and policies; a write in that moment waits, or is told to come back. Upstream: WaitForReady of k8s.io/apiserver, pkg/admission.
 */
import { ApiError } from '#api/meta/status.ts';
import type { WatchCache } from '../storage/watch-cache.ts';
import type { AdmissionPlugin } from './admission.ts';
import type { PolicySet } from './policies/policy-set.ts';

export interface ReadyDeps {
  readonly cache: Pick<WatchCache, 'waitFor'>;
  readonly policies: Pick<PolicySet, 'isReady'>;
}

/** Throws Timeout or ServiceUnavailable. */
export function whenReady({ cache, policies }: ReadyDeps): AdmissionPlugin {
  return {
    name: 'WhenReady',
    mutate: async ({ object, signal }) => {
      await cache.waitFor(0n, signal);
      if (policies.isReady()) return object;
      throw new ApiError('ServiceUnavailable', 'the server is starting: its admission policies are not read yet', {
        details: { retryAfterSeconds: 1 },
      });
    },
  };
}
