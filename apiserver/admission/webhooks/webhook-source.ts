/**
 * The webhooks that are configured right now, in the order in which they are asked: by the names of their configurations, then as these list them. Read from the watch
 * cache for every write, so that nothing has to be kept up; each configuration is compiled once per revision, and without any there is nothing to do.
 */
import type { Webhook } from '#api/admissionregistration/v1/webhook-configuration.ts';
import type { LabelSelector, MutatingWebhook } from '#api/generated/types.ts';
import { compileLabelSelector, type LabelMatcher } from '#api/meta/label-selector.ts';
import type { ApiObject, ResourceType } from '#api/meta/resource-type.ts';
import type { Logger } from '#component/logger.ts';
import { parseStoredAs } from '../../encoding/json-value.ts';
import type { CachedObject, WatchCache } from '../../storage/watch-cache.ts';
import { storagePrefix } from '../../storage-key.ts';
import { compileConditions, type PolicyExpression } from '../policies/compiled-policy.ts';

export interface CompiledWebhook {
  /** Tells it apart from all others. */
  readonly id: string;
  readonly webhook: Webhook & Pick<MutatingWebhook, 'reinvocationPolicy'>;
  /** Undefined when every namespace will do. */
  readonly matchesNamespace: LabelMatcher | undefined;
  /** Undefined when every object will do. */
  readonly matchesObject: LabelMatcher | undefined;
  readonly conditions: readonly PolicyExpression[];
}

export interface WebhookSource {
  webhooks(): readonly CompiledWebhook[];
}

interface WebhookConfiguration extends ApiObject {
  readonly webhooks?: readonly CompiledWebhook['webhook'][];
}

export interface WebhookSourceDeps {
  readonly cache: WatchCache;
  readonly log: Logger;
}

export function createWebhookSource<T extends WebhookConfiguration>(
  type: ResourceType<T>,
  { cache, log }: WebhookSourceDeps,
): WebhookSource {
  const prefix = storagePrefix(type);
  const known = new WeakMap<CachedObject, readonly CompiledWebhook[]>();
  return {
    webhooks: () => {
      const stored = cache.list(prefix);
      return stored.length === 0 ? [] : stored.flatMap((object) => known.getOrInsertComputed(object, () => compile(type, object, log)));
    },
  };
}

/** One that cannot be read asks nobody. */
function compile<T extends WebhookConfiguration>(
  type: ResourceType<T>,
  { key, bytes }: CachedObject,
  log: Logger,
): readonly CompiledWebhook[] {
  try {
    const { metadata, webhooks = [] } = parseStoredAs(type, bytes);
    return webhooks.map((webhook, index) => compileWebhook(webhook, `${metadata.name}/${webhook.name}/${index}`));
  } catch (error) {
    log.error({ key, err: error }, 'a stored webhook configuration cannot be read; it asks nobody');
    return [];
  }
}

function compileWebhook(webhook: CompiledWebhook['webhook'], id: string): CompiledWebhook {
  return {
    id,
    webhook,
    matchesNamespace: matcherOf(webhook.namespaceSelector),
    matchesObject: matcherOf(webhook.objectSelector),
    conditions: compileConditions(webhook.matchConditions ?? [], undefined),
  };
}

function matcherOf(selector: LabelSelector = {}): LabelMatcher | undefined {
  const isEmpty = Object.keys(selector.matchLabels ?? {}).length === 0 && (selector.matchExpressions ?? []).length === 0;
  return isEmpty ? undefined : compileLabelSelector(selector);
}
