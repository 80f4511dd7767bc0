/**
 * Has the webhook of a CustomResourceDefinition convert objects between its versions. A call does not end with whoever asked first: others may wait for the same objects.
 * Used by `converted-form.ts`.
 */
import type { CustomResourceDefinition } from '#api/generated/types.ts';
import { isJsonObject, type JsonObject } from '#api/meta/json.ts';
import { ApiError } from '#api/meta/status.ts';
import type { Random } from '#component/random.ts';
import { WebhookCallError, type WebhookClient } from '../webhooks/call-webhook.ts';
import { ConversionError, conversionReview, conversionReviewVersionOf, readConverted } from './conversion-review.ts';

/** Upstream's limit for one call. */
const TIMEOUT_SECONDS = 30;

export interface Converter {
  /** Takes objects as JSON text, none of them in the wanted version; gives them converted, in the same order. Throws InternalError with what the webhook says. */
  convert(objects: readonly Buffer[], apiVersion: string): Promise<readonly JsonObject[]>;
}

export interface ConverterDeps {
  readonly webhooks: WebhookClient;
  readonly random: Random;
}

/** Undefined where versions differ in nothing but their names. */
export function converterOf({ spec }: CustomResourceDefinition, { webhooks, random }: ConverterDeps): Converter | undefined {
  const { strategy, webhook } = spec.conversion ?? {};
  const config = webhook?.clientConfig;
  if (strategy !== 'Webhook' || webhook === undefined || config === undefined) return undefined;
  const version = conversionReviewVersionOf(webhook.conversionReviewVersions);
  return {
    convert: async (objects, desiredApiVersion) => {
      const originals = objects.map(parse);
      try {
        if (version === undefined) throw new ConversionError('failed: no supported conversion review versions');
        const conversion = { version, uid: random.uuid(), desiredApiVersion };
        const body = conversionReview(conversion, objects);
        return readConverted(await webhooks.call({ config, body, timeoutSeconds: TIMEOUT_SECONDS }), conversion, originals);
      } catch (error) {
        throw explained(error, originals[0]);
      }
    },
  };
}

function parse(bytes: Buffer): JsonObject {
  const value: unknown = JSON.parse(bytes.toString('utf8'));
  if (!isJsonObject(value)) throw new TypeError('an object of a custom resource is a JSON object');
  return value;
}

function explained(error: unknown, original: JsonObject | undefined): unknown {
  const webhook = `conversion webhook for ${String(original?.apiVersion)}, Kind=${String(original?.kind)}`;
  if (error instanceof ConversionError) return new ApiError('InternalError', `${webhook} ${error.message}`, { cause: error });
  if (!(error instanceof WebhookCallError)) return error;
  return new ApiError('InternalError', `${webhook} failed: ${error.message}`, { cause: error });
}
