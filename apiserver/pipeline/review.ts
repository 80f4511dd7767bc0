/**
 * POST of a review: an answer computed from who asks and from the policy, nothing stored. kubectl's `auth can-i` and `auth whoami`, and servers that leave the
 * decision to this one. Source: upstream's pkg/registry/authorization and pkg/registry/authentication.
 */
import {
  localsubjectaccessreviews,
  selfsubjectaccessreviews,
  selfsubjectreviews,
  selfsubjectrulesreviews,
  subjectaccessreviews,
  tokenreviews,
} from '#api/generated/resources.ts';
import type { NonResourceAttributes, ResourceAttributes, SubjectAccessReviewSpec, TokenReviewSpec } from '#api/generated/types.ts';
import { forbiddenField, invalidValue } from '#api/meta/field-path.ts';
import type { ApiObject, ResourceType } from '#api/meta/resource-type.ts';
import { ApiError, invalid } from '#api/meta/status.ts';
import { formatTime } from '#component/clock.ts';
import { decodeBody } from '../encoding/decode-body.ts';
import { isOfType } from '../encoding/json-value.ts';
import type { RequestInfo } from '../request/request-info.ts';
import { type User, userInfoOf } from '../request/user.ts';
import type { Answer } from './answer.ts';
import type { ApiRequest, PipelineDeps } from './request.ts';
import { parseWriteOptions } from './write-options.ts';

interface Attributes {
  readonly resourceAttributes?: ResourceAttributes;
  readonly nonResourceAttributes?: NonResourceAttributes;
}

export async function answerReview(request: ApiRequest, deps: PipelineDeps): Promise<Answer> {
  const options = parseWriteOptions(request.query, 'CreateOptions');
  const admission = { operation: 'CREATE', ...request, isDryRun: options.isDryRun, previous: undefined } as const;
  const review = await deps.admission.mutate({ ...admission, object: decodeBody(request, options.fieldValidation) });
  await deps.admission.validate({ ...admission, object: review });
  const metadata = { ...review.metadata, creationTimestamp: formatTime(deps.clock.now()) };
  return { type: 'value', statusCode: 201, value: { ...review, metadata, status: await statusOf(review, request, deps) } };
}

async function statusOf(review: ApiObject, request: ApiRequest, deps: PipelineDeps): Promise<object> {
  const { user } = request;
  if (isOfType(selfsubjectreviews, review)) return { userInfo: userInfoOf(user) };
  if (isOfType(selfsubjectaccessreviews, review)) return decide(selfsubjectaccessreviews, user, review.spec, deps);
  if (isOfType(subjectaccessreviews, review))
    return decide(subjectaccessreviews, subjectOf(subjectaccessreviews, review.spec), review.spec, deps);
  if (isOfType(localsubjectaccessreviews, review)) {
    throwIfElsewhere(review.spec, request.info.namespace);
    return decide(localsubjectaccessreviews, subjectOf(localsubjectaccessreviews, review.spec), review.spec, deps);
  }
  if (isOfType(selfsubjectrulesreviews, review)) return rulesOf(user, review.spec.namespace ?? '', deps);
  if (isOfType(tokenreviews, review)) return reviewToken(review.spec, deps);
  throw new ApiError('NotImplemented', `${review.kind} is not supported yet`);
}

/** Whether a token is valid, for a server that was shown it. */
async function reviewToken({ token, audiences = [] }: TokenReviewSpec, { tokens }: PipelineDeps): Promise<object> {
  if ((token ?? '') === '') throw new ApiError('BadRequest', 'token is required for TokenReview in authentication');
  const outcome = await tokens.authenticate(token, audiences.length === 0 ? undefined : audiences);
  if (!outcome.isAuthentic) return { user: {}, error: outcome.problem };
  return { authenticated: true, user: userInfoOf(outcome.user), audiences: outcome.audiences };
}

function decide<T extends ApiObject>(type: ResourceType<T>, user: User, attributes: Attributes, deps: PipelineDeps): object {
  const decision = deps.authorizer.authorize(user, infoOf(type, attributes));
  return { allowed: decision.allowed, ...(decision.reason === '' ? {} : { reason: decision.reason }) };
}

/** The request that is asked about. Throws Invalid unless it is about exactly one thing. */
function infoOf<T extends ApiObject>(type: ResourceType<T>, { resourceAttributes, nonResourceAttributes }: Attributes): RequestInfo {
  if (resourceAttributes !== undefined && nonResourceAttributes !== undefined) {
    const problem = 'cannot be specified in combination with resourceAttributes';
    throw invalid(type, '', [invalidValue('spec.nonResourceAttributes', nonResourceAttributes, problem)]);
  }
  if (nonResourceAttributes !== undefined) {
    return { isResource: false, verb: nonResourceAttributes.verb ?? '', path: nonResourceAttributes.path ?? '' };
  }
  if (resourceAttributes === undefined) {
    const problem = 'exactly one of nonResourceAttributes or resourceAttributes must be specified';
    throw invalid(type, '', [invalidValue('spec.resourceAttributes', null, problem)]);
  }
  const { verb = '', group = '', version = '', namespace = '', resource = '', subresource = '', name = '' } = resourceAttributes;
  return { isResource: true, verb, path: '', group, version, namespace, resource, subresource, name, rest: [] };
}

function subjectOf<T extends ApiObject>(type: ResourceType<T>, { user = '', groups = [] }: SubjectAccessReviewSpec): User {
  if (user !== '' || groups.length > 0) return { name: user, groups };
  throw invalid(type, '', [invalidValue('spec.user', user, 'at least one of user or group must be specified')]);
}

function throwIfElsewhere({ resourceAttributes, nonResourceAttributes }: SubjectAccessReviewSpec, namespace: string): void {
  if (nonResourceAttributes !== undefined) {
    throw invalid(localsubjectaccessreviews, '', [forbiddenField('spec.nonResourceAttributes', 'disallowed on this kind of request')]);
  }
  if ((resourceAttributes?.namespace ?? '') === namespace) return;
  const problem = invalidValue('spec.resourceAttributes.namespace', resourceAttributes?.namespace ?? '', 'must match metadata.namespace');
  throw invalid(localsubjectaccessreviews, '', [problem]);
}

function rulesOf(user: User, namespace: string, { authorizer }: PipelineDeps): object {
  if (namespace === '') throw new ApiError('BadRequest', 'no namespace on request');
  const rules = authorizer.policy().rulesFor(user, namespace);
  const resourceRules = rules.filter(({ nonResourceURLs = [] }) => nonResourceURLs.length === 0);
  const nonResourceRules = rules.filter(({ nonResourceURLs = [] }) => nonResourceURLs.length > 0);
  return {
    resourceRules: resourceRules.map(({ verbs, apiGroups, resources, resourceNames }) => ({ verbs, apiGroups, resources, resourceNames })),
    nonResourceRules: nonResourceRules.map(({ verbs, nonResourceURLs }) => ({ verbs, nonResourceURLs })),
    incomplete: false,
  };
}
