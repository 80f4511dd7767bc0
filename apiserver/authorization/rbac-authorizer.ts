/**
 * Answers whether a user may do something, by the Roles and bindings in the watch cache. Follows them through one watch, decodes what changed
 * and compiles the policy anew; requests only read it. Until the default policy is there, members of `system:masters` alone are let in.
 */
import { decodeObject } from '#api/decode.ts';
import { clusterrolebindings, clusterroles, rolebindings, roles } from '#api/generated/resources.ts';
import type { ApiObject, ResourceType } from '#api/meta/resource-type.ts';
import { isReason } from '#api/meta/status.ts';
import type { Logger } from '#component/logger.ts';
import type { CachedObject, WatchCache } from '../storage/watch-cache.ts';
import { storageKey } from '../storage-key.ts';
import { defaultClusterRoleBindings, defaultClusterRoles } from './default-policy.ts';
import { compilePolicy, type Decision, type RbacPolicy, type Subject } from './rbac-policy.ts';
import type { AccessRequest } from './rule-matching.ts';

const PREFIX = '/registry/rbac.authorization.k8s.io/';
const NO_POLICY = compilePolicy({ roles: [], clusterRoles: [], roleBindings: [], clusterRoleBindings: [] });

export interface RbacAuthorizer {
  /** Follows the watch cache, which must be ready, until aborted. */
  run(signal: AbortSignal): Promise<void>;
  /** Whether all of the default policy has been there; before that a refusal would not be true, and the server says so. */
  isReady(): boolean;
  authorize(user: Subject, request: AccessRequest): Decision;
  /** The policy of this moment, for reviews of access and for `findEscalation`. */
  policy(): RbacPolicy;
}

export interface RbacAuthorizerDeps {
  readonly cache: WatchCache;
  readonly log: Logger;
}

/** The objects of one kind, by key. */
interface Kind<T extends ApiObject> {
  readonly type: ResourceType<T>;
  readonly objects: Map<string, T>;
}

export function createRbacAuthorizer({ cache, log }: RbacAuthorizerDeps): RbacAuthorizer {
  let policy = NO_POLICY;
  let isReady = false;
  const kinds = {
    roles: kindOf(roles),
    clusterRoles: kindOf(clusterroles),
    roleBindings: kindOf(rolebindings),
    clusterRoleBindings: kindOf(clusterrolebindings),
  };

  /** Latched: what an administrator deletes later is meant. */
  function isDefaultPolicyThere(): boolean {
    return (
      defaultClusterRoles.every(({ metadata }) => kinds.clusterRoles.objects.has(storageKey(clusterroles, '', metadata.name))) &&
      defaultClusterRoleBindings.every(({ metadata }) =>
        kinds.clusterRoleBindings.objects.has(storageKey(clusterrolebindings, '', metadata.name)),
      )
    );
  }

  function compile(): void {
    isReady ||= isDefaultPolicyThere();
    policy = compilePolicy({
      roles: kinds.roles.objects.values(),
      clusterRoles: kinds.clusterRoles.objects.values(),
      roleBindings: kinds.roleBindings.objects.values(),
      clusterRoleBindings: kinds.clusterRoleBindings.objects.values(),
    });
  }

  /** A damaged object grants nothing. */
  function put(object: CachedObject): void {
    for (const kind of Object.values(kinds)) putInto<ApiObject>(kind, object, log);
  }

  function fill(): void {
    for (const kind of Object.values(kinds)) kind.objects.clear();
    for (const object of cache.list(PREFIX)) put(object);
    compile();
  }

  async function follow(signal: AbortSignal): Promise<never> {
    const watch = cache.watch(PREFIX, cache.revision());
    try {
      fill();
      for (;;) {
        const { events } = await watch.next(signal);
        for (const { type, object } of events) {
          if (type !== 'DELETED') put(object);
          else for (const kind of Object.values(kinds)) kind.objects.delete(object.key);
        }
        if (events.length > 0) compile();
      }
    } finally {
      watch.close();
    }
  }

  return {
    run: async (signal) => {
      while (!signal.aborted) {
        await follow(signal).catch((error: unknown) => {
          if (!signal.aborted && !isReason(error, 'Expired')) throw error;
        });
      }
    },
    isReady: () => isReady,
    authorize: (user, request) => policy.authorize(user, request),
    policy: () => policy,
  };
}

function kindOf<T extends ApiObject>(type: ResourceType<T>): Kind<T> {
  return { type, objects: new Map() };
}

function putInto<T extends ApiObject>({ type, objects }: Kind<T>, { key, bytes }: CachedObject, log: Logger): void {
  if (!key.startsWith(`${PREFIX}${type.plural}/`)) return;
  try {
    objects.set(key, decodeObject(type, JSON.parse(bytes.toString())).object);
  } catch (error) {
    objects.delete(key);
    log.error({ key, err: error }, 'a stored role or binding cannot be read; it grants nothing');
  }
}
