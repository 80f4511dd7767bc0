/**
 * What every verb of the pipeline is given: the request, already authenticated and authorized, and what the server is made of. `server.ts` builds
 * both; each verb's file turns one `ApiRequest` into one `Answer`.
 */
import type { ApiObject } from '#api/meta/resource-type.ts';
import type { Clock } from '#component/clock.ts';
import type { Logger } from '#component/logger.ts';
import type { Random } from '#component/random.ts';
import type { AdmissionChain } from '../admission/admission.ts';
import type { RbacAuthorizer } from '../authorization/rbac-authorizer.ts';
import type { ResponseForm } from '../encoding/negotiate.ts';
import type { KubeletClient } from '../kubelet-client.ts';
import type { ResourceRequestInfo } from '../request/request-info.ts';
import type { User } from '../request/user.ts';
import type { ResourceRegistry } from '../resource-registry.ts';
import type { ResourceDefinition } from '../resources/resource-definition.ts';
import type { LiveObjects } from '../service-accounts/live-objects.ts';
import type { ServiceAccountTokens } from '../service-accounts/service-account-tokens.ts';
import type { ServiceAddresses } from '../service-addresses.ts';
import type { Storage } from '../storage/storage.ts';
import type { WatchCache } from '../storage/watch-cache.ts';
import type { WebhookClient } from '../webhooks/call-webhook.ts';

export interface ApiRequest {
  readonly info: ResourceRequestInfo;
  readonly definition: ResourceDefinition<ApiObject>;
  readonly query: URLSearchParams;
  readonly user: User;
  /** Empty when there is none. */
  readonly body: Buffer;
  readonly contentType: string | undefined;
  /** Who wrote, if the request names no field manager. */
  readonly userAgent?: string | undefined;
  readonly form: ResponseForm;
  /** Aborted when the client has gone, the request took too long, or the server stops. */
  readonly signal: AbortSignal;
  /** Tells the client something it should know, in a `Warning` header. */
  warn(text: string): void;
}

export interface PipelineDeps {
  readonly storage: Storage;
  readonly cache: WatchCache;
  readonly resources: ResourceRegistry;
  readonly admission: AdmissionChain;
  readonly serviceAddresses: ServiceAddresses;
  readonly kubelets: KubeletClient;
  readonly webhooks: WebhookClient;
  readonly objects: LiveObjects;
  readonly tokens: ServiceAccountTokens;
  readonly authorizer: Pick<RbacAuthorizer, 'authorize' | 'isReady' | 'policy'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Aborted when the server stops: watches end. */
  readonly stopping: AbortSignal;
}
