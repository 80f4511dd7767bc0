/**
 * `Impersonate-User` and its companions: a request that wants to be judged as somebody else's (`kubectl --as`). Each name, group and attribute taken on is a permission of
 * its own, asked for in the name of who really asks. Source: k8s.io/apiserver, pkg/endpoints/filters/impersonation.
 */
import { parseServiceAccountUser, serviceAccountGroups } from '#api/core/v1/service-account.ts';
import { ApiError } from '#api/meta/status.ts';
import type { RbacAuthorizer } from '../authorization/rbac-authorizer.ts';
import { throwIfForbidden } from './authorize.ts';
import type { ResourceRequestInfo } from './request-info.ts';
import { AUTHENTICATED_GROUP, anonymousUser, UNAUTHENTICATED_GROUP, type User } from './user.ts';

/** Values of each header, by its name in small letters: Node's `headersDistinct`. */
export type HeaderValues = Readonly<Record<string, readonly string[] | undefined>>;

const PREFIX = 'impersonate-';
const EXTRA_PREFIX = 'impersonate-extra-';

interface Wish {
  readonly user: string;
  readonly uid: string;
  readonly groups: readonly string[];
  readonly extra: Readonly<Record<string, readonly string[]>>;
}

/** Whether a request's headers ask for it; spares the others the work. */
export function wantsImpersonation(headers: object): boolean {
  for (const name in headers) if (name.startsWith(PREFIX)) return true;
  return false;
}

/** Gives who the request is from now on. Throws Forbidden, and BadRequest for companions without a user. */
export function impersonate(user: User, headers: HeaderValues, authorizer: Pick<RbacAuthorizer, 'authorize' | 'isReady'>): User {
  const wish = parseWish(headers);
  if (wish === undefined) return user;
  for (const info of permissionsFor(wish)) throwIfForbidden(authorizer, user, info);
  return {
    name: wish.user,
    ...(wish.uid === '' ? {} : { uid: wish.uid }),
    groups: groupsOf(wish),
    ...(Object.keys(wish.extra).length === 0 ? {} : { extra: wish.extra }),
  };
}

function parseWish(headers: HeaderValues): Wish | undefined {
  const [user = ''] = headers['impersonate-user'] ?? [];
  const [uid = ''] = headers['impersonate-uid'] ?? [];
  const groups = headers['impersonate-group'] ?? [];
  const extra = Object.fromEntries(
    Object.entries(headers)
      .filter(([name]) => name.startsWith(EXTRA_PREFIX))
      .map(([name, values = []]) => [decodeExtraKey(name.slice(EXTRA_PREFIX.length)), values]),
  );
  if (user !== '') return { user, uid, groups, extra };
  const companions = [...groups.map((group) => `group ${group}`), ...Object.keys(extra).map((key) => `extra ${key}`)];
  const requested = uid === '' ? companions : [...companions, `uid ${uid}`];
  if (requested.length === 0) return undefined;
  throw new ApiError('BadRequest', `requested [${requested.join(', ')}] without impersonating a user`);
}

/** Keys are percent-encoded, as header names cannot hold slashes; a key that is not stays as it is. */
function decodeExtraKey(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function permissionsFor({ user, uid, groups, extra }: Wish): readonly ResourceRequestInfo[] {
  const account = parseServiceAccountUser(user);
  return [
    account === undefined ? permission({ resource: 'users', name: user }) : permission({ resource: 'serviceaccounts', ...account }),
    ...groups.map((name) => permission({ resource: 'groups', name })),
    ...Object.entries(extra).flatMap(([subresource, values]) =>
      values.map((name) => permission({ group: 'authentication.k8s.io', resource: 'userextras', subresource, name })),
    ),
    ...(uid === '' ? [] : [permission({ group: 'authentication.k8s.io', resource: 'uids', name: uid })]),
  ];
}

function permission(about: Pick<ResourceRequestInfo, 'resource' | 'name'> & Partial<ResourceRequestInfo>): ResourceRequestInfo {
  return { isResource: true, verb: 'impersonate', path: '', group: '', version: 'v1', namespace: '', subresource: '', rest: [], ...about };
}

/** A service account's groups follow from its name; everybody but nobody is authenticated. */
function groupsOf({ user, groups }: Wish): readonly string[] {
  const account = parseServiceAccountUser(user);
  const named = groups.length === 0 && account !== undefined ? serviceAccountGroups(account.namespace) : groups;
  const group = user === anonymousUser.name ? UNAUTHENTICATED_GROUP : AUTHENTICATED_GROUP;
  const isSaid = named.includes(UNAUTHENTICATED_GROUP) || named.includes(AUTHENTICATED_GROUP);
  return isSaid ? named : [...named, group];
}
