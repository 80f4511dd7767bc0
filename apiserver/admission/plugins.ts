/** The admission plugins, in the order in which they are asked. Policies and then webhooks come last: they see what the others have made of an object. */

import type { Clock } from '#component/clock.ts';
import type { Logger } from '#component/logger.ts';
import type { Random } from '#component/random.ts';
import type { RbacAuthorizer } from '../authorization/rbac-authorizer.ts';
import type { ResourceRegistry } from '../resource-registry.ts';
import type { LiveObjects } from '../service-accounts/live-objects.ts';
import type { Storage } from '../storage/storage.ts';
import type { WatchCache } from '../storage/watch-cache.ts';
import type { WebhookClient } from '../webhooks/call-webhook.ts';
import type { AdmissionPlugin } from './admission.ts';
import { certificateRequests } from './certificate-requests.ts';
import { defaultIngressClass, defaultStorageClass } from './default-class.ts';
import { defaultTolerations } from './default-tolerations.ts';
import { limitRanger } from './limit-ranger.ts';
import { namespaceLifecycle } from './namespace-lifecycle.ts';
import { noEscalation } from './no-escalation.ts';
import { mutatingPolicies } from './policies/mutating-policies.ts';
import { paramAccess } from './policies/param-access.ts';
import type { PolicySet } from './policies/policy-set.ts';
import { validatingPolicies } from './policies/validating-policies.ts';
import { priority } from './priority.ts';
import { runtimeClass } from './runtime-class.ts';
import { serviceAccount } from './service-account.ts';
import { serviceTypeChange } from './service-type-change.ts';
import { storageProtection } from './storage-protection.ts';
import { taintNewNodes } from './taint-new-nodes.ts';
import { mutatingWebhooks } from './webhooks/mutating-webhooks.ts';
import { validatingWebhooks } from './webhooks/validating-webhooks.ts';
import { whenReady } from './when-ready.ts';

export interface AdmissionDeps {
  readonly storage: Storage;
  readonly cache: WatchCache;
  readonly objects: LiveObjects;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly resources: ResourceRegistry;
  readonly webhooks: WebhookClient;
  readonly authorizer: Pick<RbacAuthorizer, 'policy'>;
  readonly policies: PolicySet;
}

export function admissionPlugins(deps: AdmissionDeps): readonly AdmissionPlugin[] {
  return [
    whenReady(deps),
    ...ownPlugins(deps),
    paramAccess(deps),
    mutatingPolicies(deps),
    mutatingWebhooks(deps),
    validatingPolicies(deps),
    validatingWebhooks(deps),
  ];
}

/** Those that ask nobody outside: for what the server writes while it starts, when a webhook may need it to be there. */
export function ownPlugins(deps: AdmissionDeps): readonly AdmissionPlugin[] {
  return [
    namespaceLifecycle(deps),
    limitRanger(deps),
    serviceAccount(deps),
    taintNewNodes,
    priority(deps),
    runtimeClass(deps),
    defaultTolerations,
    defaultStorageClass(deps),
    storageProtection,
    defaultIngressClass(deps),
    serviceTypeChange,
    certificateRequests(deps),
    noEscalation(deps),
  ];
}
