/**
 * Asks mutating webhooks, one after the other, each with what the ones before it have made of the object; their patches are applied as they come. After a change the
 * whole chain is gone through once more, in which webhooks that want it are asked again. Source: k8s.io/apiserver, pkg/admission/plugin/webhook/mutating.
 */
import { parseManagers } from '#api/apply/managers.ts';
import { decodeObject } from '#api/decode.ts';
import { mutatingwebhookconfigurations } from '#api/generated/resources.ts';
import { isJsonObject, type JsonObject, jsonEquals } from '#api/meta/json.ts';
import type { ApiObject } from '#api/meta/resource-type.ts';
import { ApiError } from '#api/meta/status.ts';
import { applyJsonPatch } from '#api/patch/json-patch.ts';
import { decodeAs } from '../../encoding/decode-body.ts';
import { convertObject } from '../../encoding/served-bytes.ts';
import type { ResourceDefinition } from '../../resources/resource-definition.ts';
import type { AdmissionPlugin, AdmissionRequest, Passage } from '../admission.ts';
import type { ReviewedWrite } from './admission-review.ts';
import { type AskDeps, askWebhook } from './ask-webhook.ts';
import { internalError } from './denial.ts';
import { areConditionsMet, isExempt, type MatchDeps, selectorsMatch, versionAskedFor } from './match-webhook.ts';
import { type CompiledWebhook, createWebhookSource, type WebhookSourceDeps } from './webhook-source.ts';
import { createWriteVersions, type WriteVersions } from './write-versions.ts';

export type WebhookAdmissionDeps = AskDeps & MatchDeps & WebhookSourceDeps;

/** An object and the version of its resource that it is in. */
interface State {
  readonly definition: ResourceDefinition<ApiObject>;
  readonly object: ApiObject;
}

export function mutatingWebhooks(deps: WebhookAdmissionDeps): AdmissionPlugin {
  const source = createWebhookSource(mutatingwebhookconfigurations, deps);
  const memories = new WeakMap<Passage, Memory>();
  return {
    name: 'MutatingAdmissionWebhook',
    mutate: async (request, passage) => {
      if (isExempt(request)) return request.object;
      const hooks = source.webhooks();
      if (hooks.length === 0) return request.object;
      const memory = memories.getOrInsertComputed(passage, () => createMemory(passage));
      memory.begin(request.object);
      const object = await askAll(hooks, request, memory, deps);
      memory.end(object);
      return object;
    },
  };
}

async function askAll(
  hooks: readonly CompiledWebhook[],
  request: AdmissionRequest,
  memory: Memory,
  deps: WebhookAdmissionDeps,
): Promise<ApiObject> {
  const versions = createWriteVersions(request);
  let state: State = { definition: request.definition, object: request.object };
  for (const hook of hooks) state = await askOne(hook, state, versions, request, memory, deps);
  const object = await convertObject(state.definition, request.definition, state.object);
  return withSoundOwners(object, request);
}

/** Gives the object as it is then, in the version that the webhook was asked in. */
async function askOne(
  hook: CompiledWebhook,
  state: State,
  versions: WriteVersions,
  request: AdmissionRequest,
  memory: Memory,
  deps: WebhookAdmissionDeps,
): Promise<State> {
  const asked = versionAskedFor(hook, request, deps);
  if (asked === undefined || !(await selectorsMatch(hook, { ...request, object: state.object }, deps))) return state;
  const write = await versions.in(asked, state.object, state.definition);
  if (!areConditionsMet(hook, request, write, deps) || !memory.mayAsk(hook)) return state;
  const { patch } = await askWebhook(hook, { request: { ...request, object: state.object }, write, mayPatch: true }, deps);
  const patched = patch === undefined ? undefined : patchedObject(patch, write, hook, request);
  memory.note(hook, patched !== undefined && !jsonEquals(patched, write.object));
  if (patched === undefined) return { definition: asked, object: write.object ?? state.object };
  const isWhole = request.bodyType === undefined;
  return { definition: asked, object: isWhole ? asked.applyDefaults(patched) : patched };
}

/** Throws InternalError for a patch that does not apply, or that makes of the object what is no object of its kind. */
function patchedObject(
  patch: unknown,
  { definition, object }: ReviewedWrite,
  { webhook }: CompiledWebhook,
  request: AdmissionRequest,
): ApiObject {
  const original: unknown = object;
  if (!isJsonObject(original) || object === undefined || request.operation === 'CONNECT') {
    const name = JSON.stringify(webhook.name);
    throw internalError(`admission webhook ${name} attempted to modify the object, which is not supported for this operation`);
  }
  try {
    const patched = decodePatched(applyJsonPatch(original, patch), definition, request);
    if (patched.kind === object.kind && patched.apiVersion === object.apiVersion) return patched;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    const cause = error.cause instanceof Error ? error.cause.message : error.message;
    throw internalError(`the patch of admission webhook ${JSON.stringify(webhook.name)} cannot be applied: ${cause}`, error);
  }
  throw internalError(`admission webhook ${JSON.stringify(webhook.name)} attempted to change the object's kind or version`);
}

function decodePatched(patched: JsonObject, definition: ResourceDefinition<ApiObject>, { bodyType }: AdmissionRequest): ApiObject {
  return bodyType === undefined ? decodeAs(definition, patched).object : decodeObject(bodyType, patched).object;
}

/** Who owns what is not for webhooks to spoil. */
function withSoundOwners(object: ApiObject, { object: before, warn }: AdmissionRequest): ApiObject {
  const { managedFields } = object.metadata;
  const sound = before.metadata.managedFields;
  if (managedFields === sound || managedFields === undefined || parseManagers(managedFields) !== undefined) return object;
  warn(
    '.metadata.managedFields was in an invalid state after admission; this could be caused by an outdated mutating admission controller; please fix your requests',
  );
  const { managedFields: _spoilt, ...metadata } = object.metadata;
  return { ...object, metadata: sound === undefined ? metadata : { ...metadata, managedFields: sound } };
}

/** What is remembered from the first passage to the second: whom to ask again, and whether the object has changed in between. */
interface Memory {
  begin(object: ApiObject): void;
  mayAsk(hook: CompiledWebhook): boolean;
  note(hook: CompiledWebhook, hasChanged: boolean): void;
  end(object: ApiObject): void;
}

function createMemory(passage: Passage): Memory {
  /** Asked already, and want to be asked again when something has changed since. */
  let interested = new Set<string>();
  let toAskAgain: ReadonlySet<string> = new Set();
  let output: ApiObject | undefined;
  const askInterestedAgain = () => {
    toAskAgain = toAskAgain.union(interested);
    interested = new Set();
  };
  return {
    begin: (object) => {
      if (passage.isRepeated() && !jsonEquals(object, output)) askInterestedAgain();
    },
    mayAsk: ({ id }) => !passage.isRepeated() || toAskAgain.has(id),
    note: ({ id, webhook }, hasChanged) => {
      if (hasChanged) {
        askInterestedAgain();
        passage.askForRepetition();
      }
      if (webhook.reinvocationPolicy === 'IfNeeded') interested.add(id);
    },
    end: (object) => {
      output = object;
    },
  };
}
