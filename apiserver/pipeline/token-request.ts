/**
 * POST serviceaccounts/token: a token for an account, which the kubelet asks for in the name of its pods and people with `kubectl create token`. Nothing is stored: what
 * a token is bound to (a pod, a secret, a node) decides how long it is valid. Source: upstream's pkg/registry/core/serviceaccount/storage/token.go.
 */
import { nodes, pods, secrets, serviceaccounts } from '#api/generated/resources.ts';
import type { AuthenticationTokenRequest, BoundObjectReference, ServiceAccount, TokenRequestSpec } from '#api/generated/types.ts';
import { invalidValue } from '#api/meta/field-path.ts';
import { type ApiObject, type ResourceType, resourceType } from '#api/meta/resource-type.ts';
import { ApiError, conflict, invalid, notFound } from '#api/meta/status.ts';
import { formatTime } from '#component/clock.ts';
import { decodeBodyAs } from '../encoding/decode-body.ts';
import { isOfType } from '../encoding/json-value.ts';
import type { ObjectReference, TokenClaims } from '../service-accounts/token-claims.ts';
import type { Answer } from './answer.ts';
import type { ApiRequest, PipelineDeps } from './request.ts';
import { parseWriteOptions } from './write-options.ts';

type TokenRequest = AuthenticationTokenRequest & ApiObject;

/** What a request for a token is made of, though it is nowhere stored under its own name. */
const tokenRequests = resourceType<TokenRequest>({
  group: 'authentication.k8s.io',
  version: 'v1',
  kind: 'TokenRequest',
  plural: 'tokenrequests',
  schema: 'AuthenticationTokenRequest',
  isNamespaced: true,
  verbs: ['create'],
  subresources: [],
});

const EXPIRATION_SECONDS_DEFAULT = 3_600;
const EXPIRATION_SECONDS_MIN = 600;
const EXPIRATION_SECONDS_MAX = 2 ** 32;

/**
 * Pods get tokens of this odd length from admission. Programs that never read their token again must go on working, so these tokens are honoured for a year, and
 * only say when they should have been replaced. Upstream's --service-account-extend-token-expiration.
 */
const EXTENDED_EXPIRATION_SECONDS = 3_607;
const EXTENSION_SECONDS = 365 * 24 * 3_600;

type Binding = Pick<TokenClaims, 'pod' | 'secret' | 'node'>;

export async function createToken(request: ApiRequest, deps: PipelineDeps): Promise<Answer> {
  const { info } = request;
  const options = parseWriteOptions(request.query, 'CreateOptions');
  const decoded = decodeBodyAs(tokenRequests, request, options.fieldValidation);
  throwIfMisplaced(decoded, request);
  const admission = { operation: 'CREATE', ...request, isDryRun: options.isDryRun, bodyType: tokenRequests, previous: undefined } as const;
  const admitted = asTokenRequest(await deps.admission.mutate({ ...admission, object: decoded }));
  await deps.admission.validate({ ...admission, object: admitted });
  const account = await deps.objects.read(serviceaccounts, info.namespace, info.name);
  if (account === undefined) throw notFound(serviceaccounts, info.name);
  const spec = completeSpec(admitted.spec ?? {}, deps);
  throwIfOutOfRange(spec.expirationSeconds);
  const binding = spec.boundObjectRef === undefined ? {} : await bind(spec.boundObjectRef, account, deps);
  const nowMs = deps.clock.now();
  const { name, namespace = '', uid } = account.metadata;
  const token = await deps.tokens.issue({
    ...lifetimeOf(spec, binding, deps),
    ...binding,
    namespace,
    audiences: spec.audiences,
    serviceAccount: { name, uid },
  });
  const metadata = { ...admitted.metadata, name, namespace, creationTimestamp: formatTime(nowMs) };
  const status = { token, expirationTimestamp: formatTime(nowMs + spec.expirationSeconds * 1_000) };
  return { type: 'value', statusCode: 201, value: { ...admitted, metadata, spec, status } };
}

/** Admission changes what a request says, not that it is one; this only tells the compiler. */
function asTokenRequest(object: ApiObject): TokenRequest {
  if (!isOfType(tokenRequests, object)) throw new ApiError('InternalError', `admission made a ${object.kind} of the TokenRequest`);
  return object;
}

/** A name or namespace in the body must be the path's. */
function throwIfMisplaced({ metadata }: TokenRequest, { info }: ApiRequest): void {
  const { name = '', namespace = '' } = metadata;
  const problems = [
    ...(name === '' || name === info.name ? [] : [invalidValue('metadata.name', name, 'must match the service account name if specified')]),
    ...(namespace === '' || namespace === info.namespace
      ? []
      : [invalidValue('metadata.namespace', namespace, 'must match the service account namespace if specified')]),
  ];
  if (problems.length > 0) throw invalid(tokenRequests, name, problems);
}

function completeSpec(spec: TokenRequestSpec, { tokens }: PipelineDeps) {
  const audiences = spec.audiences ?? [];
  return {
    ...spec,
    audiences: audiences.length === 0 ? tokens.apiAudiences : audiences,
    expirationSeconds: spec.expirationSeconds ?? EXPIRATION_SECONDS_DEFAULT,
  };
}

function throwIfOutOfRange(seconds: number): void {
  const refuse = (why: string) => invalid(tokenRequests, '', [invalidValue('spec.expirationSeconds', seconds, why)]);
  if (seconds < EXPIRATION_SECONDS_MIN) throw refuse('may not specify a duration less than 10 minutes');
  if (seconds > EXPIRATION_SECONDS_MAX) throw refuse('may not specify a duration larger than 2^32 seconds');
}

/** What the token ends with. Throws NotFound, BadRequest for what cannot be bound to, Conflict for another object of that name. */
async function bind(reference: BoundObjectReference, account: ServiceAccount, { objects }: PipelineDeps): Promise<Binding> {
  const { apiVersion = '', kind = '', name = '', uid = '' } = reference;
  const { namespace = '' } = account.metadata;
  const isCore = !apiVersion.includes('/');
  const read = async <T extends ApiObject>(type: ResourceType<T>, place: string): Promise<T> => {
    const found = await objects.read(type, place, name, uid);
    if (found === undefined) throw notFound(type, name);
    if (uid === '' || uid === found.metadata.uid) return found;
    const why = `the UID in the bound object reference (${uid}) does not match the UID in record. The object might have been deleted and then recreated`;
    throw conflict({ group: '', plural: kind }, name, why);
  };
  if (isCore && kind === 'Pod') {
    const pod = await read(pods, namespace);
    if ((pod.spec.serviceAccountName ?? '') !== account.metadata.name) {
      const who = JSON.stringify(account.metadata.name);
      throw new ApiError('BadRequest', `cannot bind token for serviceaccount ${who} to pod running with different serviceaccount name.`);
    }
    const nodeName = pod.spec.nodeName ?? '';
    if (nodeName === '') return { pod: referenceTo(pod) };
    const node = await objects.read(nodes, '', nodeName);
    return { pod: referenceTo(pod), node: { name: nodeName, uid: node?.metadata.uid ?? '' } };
  }
  if (isCore && kind === 'Secret') return { secret: referenceTo(await read(secrets, namespace)) };
  if (isCore && kind === 'Node') return { node: referenceTo(await read(nodes, '')) };
  throw new ApiError('BadRequest', `cannot bind token for object of type ${describeKind(apiVersion, kind)}`);
}

function referenceTo({ metadata }: ApiObject): ObjectReference {
  return { name: metadata.name, uid: metadata.uid };
}

/** `apps/v1, Kind=Deployment`: how Go prints a kind. */
function describeKind(apiVersion: string, kind: string): string {
  return `${apiVersion.includes('/') ? apiVersion : `/${apiVersion}`}, Kind=${kind}`;
}

function lifetimeOf(
  { expirationSeconds, audiences }: { readonly expirationSeconds: number; readonly audiences: readonly string[] },
  { pod }: Binding,
  { tokens }: PipelineDeps,
): { readonly expirationSeconds: number; readonly warnAfterSeconds?: number } {
  const isForServer = audiences.every((audience) => tokens.apiAudiences.includes(audience));
  const isExtended = pod !== undefined && expirationSeconds === EXTENDED_EXPIRATION_SECONDS && isForServer;
  return isExtended ? { expirationSeconds: EXTENSION_SECONDS, warnAfterSeconds: expirationSeconds } : { expirationSeconds };
}
