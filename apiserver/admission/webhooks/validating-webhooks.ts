/**
 * Asks validating webhooks, all at once, about the object as it will be stored. One that refuses, or gives no answer where one is needed, refuses the request; of several
 * the first in order is told. Source: k8s.io/apiserver, pkg/admission/plugin/webhook/validating/dispatcher.go.
 */
import { validatingwebhookconfigurations } from '#api/generated/resources.ts';
import type { AdmissionPlugin, AdmissionRequest } from '../admission.ts';
import type { ReviewedWrite } from './admission-review.ts';
import { askWebhook } from './ask-webhook.ts';
import { areConditionsMet, isExempt, selectorsMatch, versionAskedFor } from './match-webhook.ts';
import type { WebhookAdmissionDeps } from './mutating-webhooks.ts';
import { type CompiledWebhook, createWebhookSource } from './webhook-source.ts';
import { createWriteVersions } from './write-versions.ts';

export function validatingWebhooks(deps: WebhookAdmissionDeps): AdmissionPlugin {
  const source = createWebhookSource(validatingwebhookconfigurations, deps);
  return {
    name: 'ValidatingAdmissionWebhook',
    validate: async (request) => {
      if (isExempt(request)) return;
      const hooks = source.webhooks();
      if (hooks.length > 0) await askAll(await findInvolved(hooks, request, deps), request, deps);
    },
  };
}

interface Involved {
  readonly hook: CompiledWebhook;
  readonly write: ReviewedWrite;
}

async function findInvolved(
  hooks: readonly CompiledWebhook[],
  request: AdmissionRequest,
  deps: WebhookAdmissionDeps,
): Promise<readonly Involved[]> {
  const versions = createWriteVersions(request);
  const involved: Involved[] = [];
  for (const hook of hooks) {
    const asked = versionAskedFor(hook, request, deps);
    if (asked === undefined || !(await selectorsMatch(hook, request, deps))) continue;
    const write = await versions.in(asked, request.object, request.definition);
    if (areConditionsMet(hook, request, write, deps)) involved.push({ hook, write });
  }
  return involved;
}

async function askAll(involved: readonly Involved[], request: AdmissionRequest, deps: WebhookAdmissionDeps): Promise<void> {
  const answers = await Promise.allSettled(involved.map(({ hook, write }) => askWebhook(hook, { request, write, mayPatch: false }, deps)));
  const refusal = answers.find((answer) => answer.status === 'rejected');
  if (refusal !== undefined) throw refusal.reason;
}
