/**
 * Writes the default roles and bindings when the API server starts. Idempotent: what is there keeps what an administrator added and gets what it
 * lacks, unless its autoupdate annotation says `false`. Nothing is taken away, and nothing is written when nothing is missing. As upstream's
 * reconciliation (pkg/registry/rbac/reconciliation, without removal).
 */
import { decodeObject } from '#api/decode.ts';
import { clusterrolebindings, clusterroles } from '#api/generated/resources.ts';
import type { ClusterRole, ClusterRoleBinding, ObjectMeta, RbacSubject } from '#api/generated/types.ts';
import { jsonEquals } from '#api/meta/json.ts';
import type { ApiObject, ResourceType } from '#api/meta/resource-type.ts';
import { type Clock, formatTime } from '#component/clock.ts';
import type { Logger } from '#component/logger.ts';
import type { Random } from '#component/random.ts';
import { type Storage, StorageError } from '../storage/storage.ts';
import {
  AUTOUPDATE_ANNOTATION,
  type DefaultBinding,
  type DefaultRole,
  defaultClusterRoleBindings,
  defaultClusterRoles,
} from './default-policy.ts';
import { uncoveredRules } from './rule-matching.ts';

/** Another writer can only be somebody editing this very role at this moment. */
const ATTEMPTS_MAX = 5;

export interface BootstrapDeps {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** Throws what the storage throws; the caller tries again later. */
export async function bootstrapPolicy(deps: BootstrapDeps): Promise<void> {
  for (const role of defaultClusterRoles) await ensure(deps, clusterroles, role, (present) => reconcileRole(role, present));
  for (const binding of defaultClusterRoleBindings) {
    await ensure(deps, clusterrolebindings, binding, (present) => reconcileBinding(binding, present));
  }
}

/** What the role should become: with the rules, labels and annotations that it lacks. Pure. */
export function reconcileRole(wanted: DefaultRole, present: ClusterRole): ClusterRole {
  const rules = present.rules ?? [];
  const selectors = present.aggregationRule?.clusterRoleSelectors ?? [];
  const missing = (wanted.aggregationRule?.clusterRoleSelectors ?? []).filter(
    (selector) => !selectors.some((other) => jsonEquals(other, selector)),
  );
  return {
    ...present,
    metadata: withDefaults(wanted.metadata, present.metadata),
    rules: [...rules, ...(wanted.rules ?? []).flatMap((rule) => uncoveredRules(rules, [rule]))],
    ...(missing.length === 0 ? {} : { aggregationRule: { clusterRoleSelectors: [...selectors, ...missing] } }),
  };
}

/** What the binding should become: with the subjects it lacks. A binding to another role is not ours to change: roleRef is immutable. Pure. */
export function reconcileBinding(wanted: DefaultBinding, present: ClusterRoleBinding): ClusterRoleBinding {
  if (!jsonEquals(wanted.roleRef, present.roleRef)) return present;
  const subjects = present.subjects ?? [];
  const missing = (wanted.subjects ?? []).filter((subject) => !subjects.some((other) => isSameSubject(other, subject)));
  return { ...present, metadata: withDefaults(wanted.metadata, present.metadata), subjects: [...subjects, ...missing] };
}

function withDefaults(wanted: DefaultRole['metadata'], present: ObjectMeta): ObjectMeta {
  return {
    ...present,
    labels: { ...wanted.labels, ...present.labels },
    annotations: { ...wanted.annotations, ...present.annotations },
  };
}

function isSameSubject(left: RbacSubject, right: RbacSubject): boolean {
  return left.kind === right.kind && left.name === right.name && (left.namespace ?? '') === (right.namespace ?? '');
}

async function ensure<T extends ApiObject>(
  deps: BootstrapDeps,
  type: ResourceType<T>,
  wanted: DefaultRole | DefaultBinding,
  reconcile: (present: T) => T,
): Promise<void> {
  const key = `/registry/${type.group}/${type.plural}/${wanted.metadata.name}`;
  for (let attempt = 1; ; attempt++) {
    try {
      return await ensureOnce(deps, key, type, wanted, reconcile);
    } catch (error) {
      if (!(error instanceof StorageError) || attempt === ATTEMPTS_MAX) throw error;
    }
  }
}

async function ensureOnce<T extends ApiObject>(
  { storage, clock, random, log }: BootstrapDeps,
  key: string,
  type: ResourceType<T>,
  wanted: DefaultRole | DefaultBinding,
  reconcile: (present: T) => T,
): Promise<void> {
  const item = await storage.get(key);
  if (!item) {
    const metadata = { ...wanted.metadata, uid: random.uuid(), creationTimestamp: formatTime(clock.now()) };
    await storage.create(key, { ...wanted, metadata });
    return log.debug({ key }, 'default role or binding created');
  }
  const present = decodeObject(type, JSON.parse(item.bytes.toString())).object;
  if (present.metadata.annotations?.[AUTOUPDATE_ANNOTATION] === 'false') return;
  const reconciled = reconcile(present);
  if (jsonEquals(present, reconciled)) return;
  await storage.update(key, item.revision, reconciled);
  log.info({ key }, 'default role or binding completed');
}
