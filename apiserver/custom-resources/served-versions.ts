/**
 * Which versions of which custom resources are served, as values for the registry. A version keeps its value while nothing about it changes, keeps its
 * watches while it is served, and ends them when it is not any more.
 */
import type { CustomResourceDefinition } from '#api/generated/types.ts';
import { isConditionTrue } from '#api/meta/condition.ts';
import { jsonEquals } from '#api/meta/json.ts';
import type { ApiObject } from '#api/meta/resource-type.ts';
import { compareVersions } from '#api/meta/version-priority.ts';
import type { ResourceDefinition } from '../resources/resource-definition.ts';
import type { ConverterDeps } from './conversion-webhook.ts';
import { defineCustomResource } from './define-custom-resource.ts';

interface Known {
  readonly definition: CustomResourceDefinition;
  /** Since when its objects have been stored under the schemas it has. */
  readonly schemaRevision: bigint;
  readonly values: readonly ResourceDefinition<ApiObject>[];
  /** By version. */
  readonly lifetimes: ReadonlyMap<string, AbortController>;
}

export interface ServedVersions {
  /** Takes all definitions there are, with the revisions they are stored at. */
  of(
    definitions: readonly { readonly definition: CustomResourceDefinition; readonly revision: bigint }[],
  ): readonly ResourceDefinition<ApiObject>[];
}

export function createServedVersions(deps: ConverterDeps): ServedVersions {
  /** By uid: a definition that is deleted and made again is another one. */
  let known: ReadonlyMap<string, Known> = new Map();
  return {
    of: (definitions) => {
      const current = new Map(
        definitions
          .filter(({ definition }) => isConditionTrue(definition.status?.conditions, 'Established'))
          .map(({ definition, revision }) => [
            definition.metadata.uid ?? '',
            next(known.get(definition.metadata.uid ?? ''), definition, revision, deps),
          ]),
      );
      for (const [uid, { lifetimes }] of known) end(lifetimes, current.get(uid)?.lifetimes);
      known = current;
      return [...current.values()].flatMap(({ values }) => values);
    },
  };
}

function next(before: Known | undefined, definition: CustomResourceDefinition, revision: bigint, deps: ConverterDeps): Known {
  if (before !== undefined && isServedAlike(before.definition, definition)) return before;
  const hasSchemas = before !== undefined && jsonEquals(schemasOf(before.definition), schemasOf(definition));
  const schemaRevision = hasSchemas ? before.schemaRevision : revision;
  const versions = definition.spec.versions
    .filter(({ served }) => served)
    .toSorted((left, right) => compareVersions(left.name, right.name));
  const lifetimes = new Map(versions.map(({ name }) => [name, before?.lifetimes.get(name) ?? new AbortController()]));
  const values = versions.map((version) => {
    const gone = lifetimes.get(version.name)?.signal ?? AbortSignal.abort();
    return defineCustomResource(definition, version, { ...deps, schemaRevision, gone });
  });
  return { definition, schemaRevision, values, lifetimes };
}

function isServedAlike(left: CustomResourceDefinition, right: CustomResourceDefinition): boolean {
  return (
    left.metadata.generation === right.metadata.generation &&
    left.metadata.deletionTimestamp === right.metadata.deletionTimestamp &&
    jsonEquals(left.status?.acceptedNames, right.status?.acceptedNames)
  );
}

function schemasOf({ spec }: CustomResourceDefinition): unknown {
  return spec.versions.map(({ name, schema, storage }) => [name, schema ?? null, storage]);
}

/** Whoever watches a version that is gone learns that there is nothing more to come. */
function end(before: ReadonlyMap<string, AbortController>, now: ReadonlyMap<string, AbortController> | undefined): void {
  for (const [version, lifetime] of before) {
    if (now?.get(version) !== lifetime) lifetime.abort(new Error('the resource is no longer served'));
  }
}
