/**
 * Asks whether the user may do what the request says, before its body is read. The rules are `authorization/`'s; the words of the
 * refusal are upstream's (k8s.io/apiserver, pkg/endpoints/handlers/responsewriters/errors.go).
 */
import { ApiError } from '#api/meta/status.ts';
import type { RbacAuthorizer } from '../authorization/rbac-authorizer.ts';
import type { RequestInfo } from './request-info.ts';
import type { User } from './user.ts';

/** Throws Forbidden; while the roles are still being read, ServiceUnavailable, because a refusal would not be true. */
export function throwIfForbidden(authorizer: Pick<RbacAuthorizer, 'authorize' | 'isReady'>, user: User, info: RequestInfo): void {
  const decision = authorizer.authorize(user, info);
  if (decision.allowed) return;
  if (authorizer.isReady()) throw forbiddenRequest(user, info, decision.reason);
  throw new ApiError('ServiceUnavailable', 'the server is starting: its roles and bindings are not read yet', {
    details: { retryAfterSeconds: 1 },
  });
}

function forbiddenRequest(user: User, info: RequestInfo, reason: string): ApiError {
  const who = `User ${JSON.stringify(user.name)}`;
  const why = reason === '' ? '' : `: ${reason}`;
  if (!info.isResource) {
    return new ApiError('Forbidden', `forbidden: ${who} cannot ${info.verb} path ${JSON.stringify(info.path)}${why}`, { details: {} });
  }
  const { group, resource, subresource, name, namespace, verb } = info;
  const subject = `${group === '' ? resource : `${resource}.${group}`}${name === '' ? '' : ` ${JSON.stringify(name)}`}`;
  const target = subresource === '' ? resource : `${resource}/${subresource}`;
  const scope = namespace === '' ? 'at the cluster scope' : `in the namespace ${JSON.stringify(namespace)}`;
  const message = `${subject} is forbidden: ${who} cannot ${verb} resource ${JSON.stringify(target)} in API group ${JSON.stringify(group)} ${scope}${why}`;
  return new ApiError('Forbidden', message, {
    details: { ...(name === '' ? {} : { name }), ...(group === '' ? {} : { group }), kind: resource },
  });
}
