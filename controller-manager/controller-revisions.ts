/**
 * The history of a DaemonSet or StatefulSet: one ControllerRevision per pod template it has had, numbered by when it was last the wanted one.
 * The name follows from the template, so a controller that died after the create finds the revision it made. Called by those two
 * controllers; pure. Upstream: pkg/controller/history, pkg/controller/daemon/update.go.
 */
import { decodeObject } from '#api/decode.ts';
import { controllerrevisions, podtemplates } from '#api/generated/resources.ts';
import type { ControllerRevision, PodTemplateSpec } from '#api/generated/types.ts';
import { isJsonObject, jsonEquals } from '#api/meta/json.ts';
import { controllerReference } from '#api/meta/owner-reference.ts';
import type { ApiObject, Draft, ResourceType } from '#api/meta/resource-type.ts';
import { type Action, create, remove, update } from '#client/apply-actions.ts';
import { hashTemplate } from './pod-template.ts';

/** On pods: which revision they were made from. A DaemonSet's revisions carry it too. */
export const REVISION_LABEL = 'controller-revision-hash';
/** A revision's name is its owner's, cut to this length, and the hash. */
const OWNER_NAME_CHARS_MAX = 223;

/** An object whose template has revisions. */
export type Revised = ApiObject & {
  readonly spec: { readonly template: PodTemplateSpec; readonly revisionHistoryLimit?: number };
  readonly status?: { readonly collisionCount?: number };
};

export interface History {
  readonly owner: Revised;
  readonly ownerType: ResourceType<ApiObject>;
  /** On the revision: its hash. */
  readonly hashLabel: string;
  /** The revisions that the owner controls. */
  readonly revisions: readonly ControllerRevision[];
  /** What already bears the name that the template's revision gets. */
  readonly namesake: ControllerRevision | undefined;
}

export type Revision =
  /** `actions` give it the highest number, where the template is one of an earlier time. `old` is oldest first. */
  | {
      readonly state: 'known';
      readonly current: ControllerRevision;
      readonly old: readonly ControllerRevision[];
      readonly actions: readonly Action[];
    }
  | { readonly state: 'missing'; readonly create: Action }
  /** Somebody else's, or another template's: the owner's `collisionCount` must go up. */
  | { readonly state: 'name taken' };

export function revisionName(owner: Revised): string {
  return `${owner.metadata.name.slice(0, OWNER_NAME_CHARS_MAX)}-${hashOf(owner)}`;
}

/** Where the owner's template stands in its history. */
export function observeRevision(history: History): Revision {
  const { owner, namesake } = history;
  const byNumber = history.revisions.toSorted((left, right) => left.revision - right.revision || (isOlder(left, right) ? -1 : 1));
  const data = revisionData(owner.spec.template);
  const current = byNumber.findLast((revision) => jsonEquals(revision.data, data));
  const old = byNumber.filter((revision) => revision !== current);
  const next = (old.at(-1)?.revision ?? 0) + 1;
  if (current !== undefined) {
    const renumbered = { ...current, revision: next };
    return { state: 'known', current, old, actions: current.revision < next ? [update(controllerrevisions, renumbered)] : [] };
  }
  if (namesake !== undefined) return { state: 'name taken' };
  return { state: 'missing', create: create(controllerrevisions, draftRevision(history, next)) };
}

/** Deletes the oldest revisions beyond the history's limit, but none that is in use. */
export function removeOldRevisions(
  owner: Revised,
  old: readonly ControllerRevision[],
  isInUse: (revision: ControllerRevision) => boolean,
): readonly Action[] {
  const limit = owner.spec.revisionHistoryLimit ?? 0;
  return old
    .filter((revision) => !isInUse(revision))
    .slice(0, Math.max(0, old.length - limit))
    .map((revision) => remove(controllerrevisions, revision));
}

/** The template that a revision holds. Throws BadRequest when somebody wrote something else into it. */
export function templateOf({ metadata, data }: ControllerRevision): PodTemplateSpec {
  const spec = isJsonObject(data) ? data.spec : undefined;
  const template = isJsonObject(spec) ? spec.template : undefined;
  const holder = { apiVersion: 'v1', kind: 'PodTemplate', metadata: { name: metadata.name }, template };
  return decodeObject(podtemplates, holder).object.template ?? {};
}

/** A patch that brings the owner back to this template: what `kubectl rollout undo` sends. */
export function revisionData(template: PodTemplateSpec): unknown {
  return { spec: { template: { ...template, $patch: 'replace' } } };
}

function draftRevision({ owner, ownerType, hashLabel }: History, revision: number): Draft<ControllerRevision> {
  const { namespace, annotations } = owner.metadata;
  return {
    apiVersion: 'apps/v1',
    kind: 'ControllerRevision',
    metadata: {
      name: revisionName(owner),
      ...(namespace === undefined ? {} : { namespace }),
      labels: { ...owner.spec.template.metadata?.labels, [hashLabel]: hashOf(owner) },
      ...(annotations === undefined ? {} : { annotations }),
      ownerReferences: [controllerReference(owner, ownerType)],
    },
    data: revisionData(owner.spec.template),
    revision,
  };
}

function hashOf({ spec, status }: Revised): string {
  return hashTemplate(spec.template, status?.collisionCount || undefined);
}

function isOlder(left: ControllerRevision, right: ControllerRevision): boolean {
  const [one, other] = [left.metadata, right.metadata];
  return one.creationTimestamp === other.creationTimestamp ? one.name < other.name : one.creationTimestamp < other.creationTimestamp;
}
