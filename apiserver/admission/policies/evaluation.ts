/**
 * One policy against one write: what its expressions see, and what they give. The budget is the policy's for this write; variables are worked out when an
 * expression first asks for them. Source: k8s.io/apiserver, pkg/admission/plugin/cel/{condition,activation,composition}.go.
 */
import { type AccessQuestion, authorizerValue } from '#api/cel/authorizer.ts';
import { type Budget, createBudget } from '#api/cel/budget.ts';
import { lazyMembers, toDynamicValue } from '#api/cel/dynamic-value.ts';
import { evaluationProblem } from '#api/cel/expression.ts';
import { isJsonObject, type Json } from '#api/meta/json.ts';
import type { ApiObject } from '#api/meta/resource-type.ts';
import type { RbacAuthorizer } from '../../authorization/rbac-authorizer.ts';
import { type User, userInfoOf } from '../../request/user.ts';
import type { AdmissionRequest } from '../admission.ts';
import { nameOf } from '../match-resources.ts';
import { describeRequest, objectTold, optionsOf, type ReviewedWrite } from '../webhooks/admission-review.ts';
import type { CompiledPolicy, PolicyExpression } from './compiled-policy.ts';

export interface EvaluationInput {
  readonly request: AdmissionRequest;
  /** In the version that the policy, or the webhook, is about. */
  readonly write: ReviewedWrite;
  readonly params: ApiObject | undefined;
  /** Undefined for what is in no namespace. */
  readonly namespace: ApiObject | undefined;
  readonly authorizer: Pick<RbacAuthorizer, 'policy'>;
}

export type Outcome = { readonly isOk: true; readonly value: unknown } | { readonly isOk: false; readonly problem: string };

export interface Evaluation {
  evaluate(expression: PolicyExpression): Outcome;
}

/** Of what has no variables, such as a webhook, the map is empty. */
export function createEvaluation(policy: Pick<CompiledPolicy, 'variables'>, input: EvaluationInput): Evaluation {
  const budget = createBudget();
  const values = inputValues(input, budget);
  const variables = lazyMembers(
    new Map([...policy.variables].map(([name, expression]) => [name, () => valueOfVariable(name, expression, () => all)])),
  );
  const all: Readonly<Record<string, unknown>> = { ...values, variables };
  return { evaluate: (expression) => outcomeOf(expression, all) };
}

function outcomeOf({ text, compiled }: PolicyExpression, variables: Readonly<Record<string, unknown>>): Outcome {
  if (typeof compiled === 'string') return { isOk: false, problem: `compilation error: ${compiled}` };
  try {
    return { isOk: true, value: compiled.evaluate(variables) };
  } catch (error) {
    return { isOk: false, problem: `expression '${text}' resulted in error: ${evaluationProblem(error)}` };
  }
}

function valueOfVariable(name: string, { compiled }: PolicyExpression, variables: () => Readonly<Record<string, unknown>>): unknown {
  const failed = (why: string, cause?: unknown) =>
    new Error(`composited variable ${JSON.stringify(name)} fails to evaluate: ${why}`, { cause });
  if (typeof compiled === 'string') throw failed(compiled);
  try {
    return compiled.evaluate(variables());
  } catch (error) {
    throw failed(evaluationProblem(error), error);
  }
}

/** Whether the policy is about the write at all: false goes before anything that went wrong. */
export function conditionsHold(policy: Pick<CompiledPolicy, 'conditions'>, evaluation: Evaluation): boolean | { readonly problem: string } {
  const problems: string[] = [];
  for (const condition of policy.conditions) {
    const outcome = evaluation.evaluate(condition);
    if (outcome.isOk && outcome.value === false) return false;
    if (!outcome.isOk) problems.push(outcome.problem);
  }
  if (problems.length === 0) return true;
  return { problem: problems.length === 1 ? (problems[0] ?? '') : `[${problems.join(', ')}]` };
}

function inputValues(
  { request, write, params, namespace, authorizer }: EvaluationInput,
  budget: Budget,
): Readonly<Record<string, unknown>> {
  const { user, info } = request;
  const seen = (value: object | null | undefined) => toDynamicValue(asJson(value), budget);
  const target = {
    group: info.group,
    resource: info.resource,
    subresource: info.subresource,
    namespace: info.namespace,
    name: nameOf(request),
  };
  return {
    object: seen(objectTold(request, write)),
    oldObject: seen(write.oldObject),
    request: seen(requestValue(request, write)),
    params: seen(params),
    namespaceObject: seen(namespace && namespaceValue(namespace)),
    authorizer: authorizerValue((question) => decide(question, user, authorizer), target),
  };
}

/** What a review does not mention is there for expressions, and empty. */
function requestValue(request: AdmissionRequest, { definition }: ReviewedWrite): object {
  const told = describeRequest(request, definition);
  return {
    ...{ subResource: '', requestSubResource: '', name: '', namespace: '', options: null },
    ...told,
    userInfo: { uid: '', extra: {}, ...userInfoOf(request.user) },
    ...optionsOf(request),
  };
}

/** Of a namespace, what rules may rely on. */
function namespaceValue({
  apiVersion,
  kind,
  metadata,
  ...rest
}: ApiObject & { readonly spec?: unknown; readonly status?: unknown }): object {
  const { managedFields: _owners, ownerReferences: _references, selfLink: _link, uid, ...shown } = metadata;
  return { apiVersion, kind, metadata: { ...shown, ...(uid === undefined ? {} : { UID: uid }) }, ...rest };
}

function decide(
  { serviceAccount, path, ...question }: AccessQuestion,
  user: User,
  { policy }: Pick<RbacAuthorizer, 'policy'>,
): { readonly allowed: boolean; readonly reason: string } {
  const subject = serviceAccount === undefined ? user : serviceAccountUser(serviceAccount);
  if (path !== '') return policy().authorize(subject, { isResource: false, verb: question.verb, path });
  return policy().authorize(subject, { isResource: true, ...question });
}

function serviceAccountUser({ namespace, name }: { readonly namespace: string; readonly name: string }): User {
  return {
    name: `system:serviceaccount:${namespace}:${name}`,
    groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'],
  };
}

/** Objects are JSON; this only tells the compiler. */
export function asJson(value: object | null | undefined): Json {
  const json: unknown = value;
  return isJsonObject(json) ? json : null;
}
