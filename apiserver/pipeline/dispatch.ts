/**
 * From what a request asks for to the one function that does it. Every verb on every kind takes this way; what a kind allows is in its definition, what the
 * server can do with a subresource is in the table below. Called by `server.ts` once the user may do it.
 */
import type { ApiObject, Subresource } from '#api/meta/resource-type.ts';
import { ApiError } from '#api/meta/status.ts';
import type { ResourceRequestInfo } from '../request/request-info.ts';
import type { ResourceRegistry } from '../resource-registry.ts';
import type { ResourceDefinition } from '../resources/resource-definition.ts';
import { isReview } from '../review-definitions.ts';
import type { Answer } from './answer.ts';
import { bindPod } from './binding.ts';
import { attachToPod, execInPod, forwardPodPorts } from './connect.ts';
import { createObject } from './create.ts';
import { deleteObject } from './delete.ts';
import { deleteCollection } from './delete-collection.ts';
import { getObject } from './get.ts';
import { listObjects } from './list.ts';
import { readLog } from './log.ts';
import { patchObject } from './patch.ts';
import { findProxyTarget } from './proxy.ts';
import type { ApiRequest, PipelineDeps } from './request.ts';
import { answerReview } from './review.ts';
import { getScale, patchScale, updateScale } from './scale.ts';
import { createToken } from './token-request.ts';
import { updateObject } from './update.ts';
import { watchObjects } from './watch.ts';

export type Handler = (request: ApiRequest, deps: PipelineDeps) => Promise<Answer>;

const verbs: Readonly<Record<string, Handler>> = {
  get: getObject,
  list: listObjects,
  watch: watchObjects,
  create: createObject,
  update: updateObject,
  patch: patchObject,
  delete: deleteObject,
  deletecollection: deleteCollection,
};

/** A namespace is finalized by replacing it; patching it there is ours, for clients that know no PUT to subresources. */
const subresources: Readonly<Record<string, Readonly<Record<string, Handler>>>> = {
  status: { get: getObject, update: updateObject, patch: patchObject },
  approval: { get: getObject, update: updateObject, patch: patchObject },
  finalize: { update: updateObject, patch: patchObject },
  scale: { get: getScale, update: updateScale, patch: patchScale },
  binding: { create: bindPod },
  log: { get: readLog },
  // A WebSocket begins as a GET, SPDY as a POST.
  exec: { get: execInPod, create: execInPod },
  attach: { get: attachToPod, create: attachToPod },
  portforward: { get: forwardPodPorts, create: forwardPodPorts },
  // Whatever the method, it is the target's affair.
  proxy: {
    create: findProxyTarget,
    delete: findProxyTarget,
    get: findProxyTarget,
    options: findProxyTarget,
    patch: findProxyTarget,
    update: findProxyTarget,
  },
  token: { create: createToken },
};

export interface Route {
  readonly definition: ResourceDefinition<ApiObject>;
  readonly handler: Handler;
  /** As asked, without a namespace for what has none. */
  readonly info: ResourceRequestInfo;
}

/** Throws NotFound, MethodNotAllowed, NotImplemented. */
export function findRoute(resources: ResourceRegistry, info: ResourceRequestInfo): Route {
  const definition = resources.find(info.group, info.version, info.resource);
  if (definition === undefined) throw noSuchResource();
  const { type } = definition;
  const isMisplaced = type.isNamespaced ? isNamespaceMissing(info) : info.namespace !== '' && info.resource !== 'namespaces';
  if (isMisplaced) throw noSuchResource();
  const handler = info.subresource === '' ? verbHandler(definition, info) : subresourceHandler(definition, info);
  return { definition, handler, info: type.isNamespaced ? info : { ...info, namespace: '' } };
}

/** Which of a kind's subresources are served: what discovery may show. */
export function isServed(subresource: string): boolean {
  return Object.hasOwn(subresources, subresource);
}

/** Its verbs, as discovery shows them: for `connect`, those that its methods stand for. */
export function verbsOfSubresource({ name, verbs: described }: Pick<Subresource, 'name' | 'verbs'>): readonly string[] {
  return described.includes('connect')
    ? Object.keys(subresources[name] ?? {})
        .filter(isAnnounced)
        .sort()
    : described;
}

function isAnnounced(verb: string): boolean {
  return verb !== 'options';
}

/** Answered by another server, which reads the body itself. */
export function isForwarded({ subresource }: ResourceRequestInfo): boolean {
  return subresource === 'proxy';
}

/** Goes on for as long as its client wants: neither counted nor timed. */
export function isLongRunning({ verb, subresource }: ResourceRequestInfo): boolean {
  return verb === 'watch' || LONG_RUNNING.has(subresource);
}

const LONG_RUNNING: ReadonlySet<string> = new Set(['log', 'exec', 'attach', 'portforward', 'proxy']);

/** `GET /api/v1/pods` is all pods; one pod, or a new one, is in a namespace. */
function isNamespaceMissing({ namespace, verb }: ResourceRequestInfo): boolean {
  return namespace === '' && verb !== 'list' && verb !== 'watch' && verb !== 'create' && verb !== 'deletecollection';
}

const OBJECT_VERBS: ReadonlySet<string> = new Set(['get', 'update', 'patch', 'delete']);

function verbHandler({ type, custom }: ResourceDefinition<ApiObject>, { verb, namespace, name }: ResourceRequestInfo): Handler {
  if (OBJECT_VERBS.has(verb) ? name === '' : verb === 'create' && name !== '') throw methodNotAllowed();
  const isCollectionOfAll = type.isNamespaced && namespace === '' && (verb === 'create' || verb === 'deletecollection');
  const handler = Object.hasOwn(verbs, verb) && type.verbs.includes(verb) && !isCollectionOfAll ? verbs[verb] : undefined;
  if (custom?.isTerminating === true && verb === 'create') {
    throw new ApiError('MethodNotAllowed', `${verb} not allowed while custom resource definition is terminating`, { details: {} });
  }
  if (handler === undefined) throw methodNotAllowed();
  return isReview(type) ? answerReview : handler;
}

function subresourceHandler({ type }: ResourceDefinition<ApiObject>, { subresource, verb, rest }: ResourceRequestInfo): Handler {
  const described = type.subresources.find(({ name }) => name === subresource);
  if (described === undefined || (rest.length > 0 && subresource !== 'proxy')) throw noSuchResource();
  const served = Object.hasOwn(subresources, subresource) ? subresources[subresource] : undefined;
  if (served === undefined) throw new ApiError('NotImplemented', `${type.plural}/${subresource} is not supported yet`);
  const handler = Object.hasOwn(served, verb) ? served[verb] : undefined;
  if (handler === undefined) throw methodNotAllowed();
  return handler;
}

export function noSuchResource(): ApiError {
  return new ApiError('NotFound', 'the server could not find the requested resource', { details: {} });
}

export function methodNotAllowed(): ApiError {
  return new ApiError('MethodNotAllowed', 'the server does not allow this method on the requested resource', { details: {} });
}
