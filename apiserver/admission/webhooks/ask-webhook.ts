/**
 * One question to one webhook, with what a missing or wrong answer means for the request. Called by the two plugins in this folder.
 * Source: k8s.io/apiserver, pkg/admission/plugin/webhook/{mutating,validating}/dispatcher.go.
 */
import type { Webhook } from '#api/admissionregistration/v1/webhook-configuration.ts';
import { ApiError } from '#api/meta/status.ts';
import type { Logger } from '#component/logger.ts';
import type { Random } from '#component/random.ts';
import { WebhookCallError, type WebhookClient } from '../../webhooks/call-webhook.ts';
import type { AdmissionRequest } from '../admission.ts';
import { InvalidAnswer, type ReviewAnswer, type ReviewedWrite, readAnswer, reviewOf, reviewVersionOf } from './admission-review.ts';
import { denialOf, internalError } from './denial.ts';
import type { CompiledWebhook } from './webhook-source.ts';

const TIMEOUT_SECONDS_DEFAULT = 10;
const HARMLESS: readonly string[] = ['None', 'NoneOnDryRun'];

export interface AskDeps {
  readonly webhooks: WebhookClient;
  readonly random: Random;
  readonly log: Logger;
}

export interface Question {
  readonly request: AdmissionRequest;
  readonly write: ReviewedWrite;
  readonly mayPatch: boolean;
}

/** No answer, from a webhook that must give one. */
class NoAnswer extends Error {}

/**
 * Gives the patch of a webhook that agrees, if it has one, and passes its warnings on. Throws its refusal; throws InternalError when there is no answer and the request fails
 * without one.
 */
export async function askWebhook({ webhook }: CompiledWebhook, question: Question, deps: AskDeps): Promise<{ readonly patch: unknown }> {
  if (question.request.isDryRun && !HARMLESS.includes(webhook.sideEffects)) {
    throw new ApiError('BadRequest', `admission webhook ${JSON.stringify(webhook.name)} does not support dry run`);
  }
  try {
    const answer = await answerOf(webhook, question, deps);
    for (const warning of answer.warnings) question.request.warn(warning);
    if (!answer.isAllowed) throw denialOf(webhook.name, answer.result);
    return { patch: answer.patch };
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error;
    const message = `failed calling webhook ${JSON.stringify(webhook.name)}: ${error.message}`;
    if (webhook.failurePolicy !== 'Ignore') throw internalError(message, error);
    deps.log.warn({ err: error, webhook: webhook.name }, 'a webhook did not answer; the request goes on without it');
    return { patch: undefined };
  }
}

async function answerOf(webhook: Webhook, { request, write, mayPatch }: Question, deps: AskDeps): Promise<ReviewAnswer> {
  const version = reviewVersionOf(webhook.admissionReviewVersions);
  if (version === undefined) {
    throw new NoAnswer('could not create admission objects: webhook does not accept known AdmissionReview versions (v1, v1beta1)');
  }
  const uid = deps.random.uuid();
  try {
    const answer = await deps.webhooks.call({
      config: webhook.clientConfig,
      body: JSON.stringify(reviewOf(version, uid, request, write)),
      timeoutSeconds: webhook.timeoutSeconds ?? TIMEOUT_SECONDS_DEFAULT,
      signal: request.signal,
    });
    return readAnswer(answer, { version, uid, mayPatch });
  } catch (error) {
    if (error instanceof InvalidAnswer) throw new NoAnswer(`received invalid webhook response: ${error.message}`, { cause: error });
    if (!(error instanceof WebhookCallError)) throw error;
    throw new NoAnswer(`${error.wasCalled ? 'failed to call webhook' : 'could not get REST client'}: ${error.message}`, { cause: error });
  }
}
