/**
 * Webhook configurations: what is left out, and what is wrong with one. The two kinds differ in what a webhook may answer and in `reinvocationPolicy`.
 * Used by the API server's definitions of the kinds; who is asked, and how, is `apiserver/admission/webhooks/`.
 * Source: upstream's pkg/apis/admissionregistration/v1/defaults.go and validation/validation.go.
 */
import type {
  MutatingWebhook,
  MutatingWebhookConfiguration,
  ObjectMeta,
  ValidatingWebhook,
  ValidatingWebhookConfiguration,
} from '../../generated/types.ts';
import { duplicate, invalidValue, notSupported, required } from '../../meta/field-path.ts';
import { dns1123SubdomainProblems } from '../../meta/names.ts';
import type { FieldProblem } from '../../meta/status.ts';
import { validateLabelSelector, validateObjectMeta } from '../../meta/validation.ts';
import {
  applyClientConfigDefaults,
  REVIEW_VERSIONS,
  validateClientConfig,
  validateReviewVersions,
} from '../../meta/webhook-client-config.ts';
import { validateMatchConditions } from './policy-expressions.ts';
import { applyRuleDefaults, validateRule } from './resource-rules.ts';

/** What both kinds of webhooks have. */
export type Webhook = ValidatingWebhook;

const FAILURE_POLICIES = ['Fail', 'Ignore'];
const MATCH_POLICIES = ['Equivalent', 'Exact'];
const REINVOCATION_POLICIES = ['IfNeeded', 'Never'];
const SIDE_EFFECTS = ['None', 'NoneOnDryRun'];

const TIMEOUT_SECONDS_DEFAULT = 10;
const TIMEOUT_SECONDS_MAX = 30;
/** `webhook.example.com`. */
const NAME_SEGMENTS_MIN = 3;

const clusterWide = { isNamespaced: false, nameRule: dns1123SubdomainProblems } as const;

export function applyValidatingWebhookDefaults(configuration: ValidatingWebhookConfiguration): ValidatingWebhookConfiguration {
  const { webhooks } = configuration;
  return webhooks === undefined ? configuration : { ...configuration, webhooks: webhooks.map(withDefaults) };
}

export function applyMutatingWebhookDefaults(configuration: MutatingWebhookConfiguration): MutatingWebhookConfiguration {
  const { webhooks } = configuration;
  if (webhooks === undefined) return configuration;
  const complete = webhooks.map(
    (webhook): MutatingWebhook => ({
      ...withDefaults(webhook),
      reinvocationPolicy: webhook.reinvocationPolicy ?? 'Never',
    }),
  );
  return { ...configuration, webhooks: complete };
}

function withDefaults<T extends Webhook>(webhook: T): T {
  const { clientConfig, rules } = webhook;
  return {
    ...webhook,
    ...(clientConfig === undefined ? {} : { clientConfig: applyClientConfigDefaults(clientConfig) }),
    ...(rules === undefined ? {} : { rules: rules.map(applyRuleDefaults) }),
    failurePolicy: webhook.failurePolicy ?? 'Fail',
    matchPolicy: webhook.matchPolicy ?? 'Equivalent',
    namespaceSelector: webhook.namespaceSelector ?? {},
    objectSelector: webhook.objectSelector ?? {},
    timeoutSeconds: webhook.timeoutSeconds ?? TIMEOUT_SECONDS_DEFAULT,
  };
}

export function validateValidatingWebhooks({ metadata, webhooks = [] }: ValidatingWebhookConfiguration): readonly FieldProblem[] {
  return validateConfiguration(metadata, webhooks, () => []);
}

export function validateMutatingWebhooks({ metadata, webhooks = [] }: MutatingWebhookConfiguration): readonly FieldProblem[] {
  return validateConfiguration(metadata, webhooks, ({ reinvocationPolicy }, field) =>
    oneOfProblems(reinvocationPolicy, REINVOCATION_POLICIES, `${field}.reinvocationPolicy`),
  );
}

function validateConfiguration<T extends Webhook>(
  metadata: ObjectMeta,
  webhooks: readonly T[],
  ownProblems: (webhook: T, field: string) => readonly FieldProblem[],
): readonly FieldProblem[] {
  const names = webhooks.map(({ name }) => name ?? '');
  return [
    ...validateObjectMeta(metadata, clusterWide),
    ...webhooks.flatMap((webhook, index) => {
      const field = `webhooks[${index}]`;
      const name = names[index] ?? '';
      const isTaken = name !== '' && names.indexOf(name) < index;
      return [...validateWebhook(webhook, field, ownProblems(webhook, field)), ...(isTaken ? [duplicate(`${field}.name`, name)] : [])];
    }),
  ];
}

function validateWebhook(webhook: Webhook, field: string, ownProblems: readonly FieldProblem[]): readonly FieldProblem[] {
  const { name, rules = [], namespaceSelector, objectSelector, matchConditions = [], admissionReviewVersions = [] } = webhook;
  return [
    ...nameProblems(name ?? '', `${field}.name`),
    ...rules.flatMap((rule, index) => validateRule(rule, `${field}.rules[${index}]`)),
    ...oneOfProblems(webhook.failurePolicy, FAILURE_POLICIES, `${field}.failurePolicy`),
    ...oneOfProblems(webhook.matchPolicy, MATCH_POLICIES, `${field}.matchPolicy`),
    ...sideEffectsProblems(webhook.sideEffects, `${field}.sideEffects`),
    ...timeoutProblems(webhook.timeoutSeconds, `${field}.timeoutSeconds`),
    ...(namespaceSelector === undefined ? [] : validateLabelSelector(namespaceSelector, `${field}.namespaceSelector`)),
    ...(objectSelector === undefined ? [] : validateLabelSelector(objectSelector, `${field}.objectSelector`)),
    ...ownProblems,
    ...validateClientConfig(webhook.clientConfig, `${field}.clientConfig`),
    ...validateMatchConditions(matchConditions, undefined, `${field}.matchConditions`),
    ...validateReviewVersions(
      admissionReviewVersions,
      `${field}.admissionReviewVersions`,
      `must specify one of ${REVIEW_VERSIONS.join(', ')}`,
    ),
  ];
}

function nameProblems(name: string, field: string): readonly FieldProblem[] {
  if (name === '') return [required(field)];
  const problems = dns1123SubdomainProblems(name);
  if (problems.length > 0) return [invalidValue(field, name, problems.join(','))];
  if (name.split('.').length >= NAME_SEGMENTS_MIN) return [];
  return [invalidValue(field, name, 'should be a domain with at least three segments separated by dots')];
}

/** One that is absent has its default. */
function oneOfProblems(value: string | undefined, allowed: readonly string[], field: string): readonly FieldProblem[] {
  return value === undefined || allowed.includes(value) ? [] : [notSupported(field, value, allowed)];
}

/** Nobody is called who might do something that the request's author cannot foresee. */
function sideEffectsProblems(value: string, field: string): readonly FieldProblem[] {
  if (value === '') return [required(field, `must specify one of ${SIDE_EFFECTS.join(', ')}`)];
  return oneOfProblems(value, SIDE_EFFECTS, field);
}

function timeoutProblems(seconds: number | undefined, field: string): readonly FieldProblem[] {
  if (seconds === undefined || (seconds >= 1 && seconds <= TIMEOUT_SECONDS_MAX)) return [];
  return [invalidValue(field, seconds, `the timeout value must be between 1 and ${TIMEOUT_SECONDS_MAX} seconds`)];
}
