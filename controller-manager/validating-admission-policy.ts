/**
 * Says in the status of a ValidatingAdmissionPolicy what is wrong with its expressions for the kinds it is about, as far as their schemas are known. The key
 * is the policy's. Upstream: pkg/controller/validatingadmissionpolicystatus.
 */
import { type KnownKind, type KnownKinds, typeWarnings } from '#api/admissionregistration/v1/check-types.ts';
import { modelType } from '#api/cel/model-types.ts';
import { allResourceTypes, validatingadmissionpolicies } from '#api/generated/resources.ts';
import type { CustomResourceDefinition, ValidatingAdmissionPolicy } from '#api/generated/types.ts';
import { isJsonObject, jsonEquals } from '#api/meta/json.ts';
import { keyOf, type ObjectKey } from '#api/meta/object-key.ts';
import { declaredType } from '#api/structural-schema/declared-types.ts';
import { parseSchema } from '#api/structural-schema/schema.ts';
import { type Action, updateStatus } from '#client/apply-actions.ts';
import { type ControllerDefinition, onChange, onRelatedChange } from '#client/controller.ts';
import type { SharedCaches } from './shared-caches.ts';

export interface PolicySnapshot {
  readonly policy: ValidatingAdmissionPolicy;
  readonly definitions: readonly CustomResourceDefinition[];
}

export function validatingPolicyStatusController(caches: SharedCaches): ControllerDefinition<PolicySnapshot> {
  const { validatingAdmissionPolicies: policies, customResourceDefinitions: definitions } = caches;
  return {
    name: 'validatingadmissionpolicy-status',
    informers: [policies, definitions],
    // A policy may be there before the kind that it is about.
    triggers: [onChange(policies), onRelatedChange(definitions, () => policies.store.list().map(keyOf))],
    snapshot: (key: ObjectKey) => {
      const policy = policies.store.find(key);
      return policy === undefined ? undefined : { policy, definitions: definitions.store.list() };
    },
    reconcile: reconcilePolicyStatus,
  };
}

export function reconcilePolicyStatus({ policy, definitions }: PolicySnapshot): readonly Action[] {
  const { metadata, status } = policy;
  if (metadata.deletionTimestamp !== undefined) return [];
  const warnings = typeWarnings(policy, knownKinds(definitions));
  const typeChecking = warnings.length === 0 ? {} : { expressionWarnings: warnings };
  const wanted = { ...status, typeChecking, ...(metadata.generation === undefined ? {} : { observedGeneration: metadata.generation }) };
  return jsonEquals(wanted, status) ? [] : [updateStatus(validatingadmissionpolicies, { ...policy, status: wanted })];
}

function knownKinds(definitions: readonly CustomResourceDefinition[]): KnownKinds {
  return {
    findByResource: (group, version, plural) =>
      findBuiltIn(group, version, (type) => type.plural === plural) ??
      findCustom(definitions, group, version, (names) => names.plural === plural),
    findByKind: (group, version, kind) =>
      findBuiltIn(group, version, (type) => type.kind === kind) ?? findCustom(definitions, group, version, (names) => names.kind === kind),
  };
}

interface Names {
  readonly kind: string;
  readonly plural: string;
}

function findBuiltIn(group: string, version: string, isMeant: (names: Names) => boolean): KnownKind | undefined {
  const type = allResourceTypes.find((candidate) => candidate.group === group && candidate.version === version && isMeant(candidate));
  return type === undefined ? undefined : { group, version, kind: type.kind, ...modelType(type.schema) };
}

function findCustom(
  definitions: readonly CustomResourceDefinition[],
  group: string,
  version: string,
  isMeant: (names: Names) => boolean,
): KnownKind | undefined {
  const definition = definitions.find(({ spec }) => spec.group === group && isMeant(spec.names));
  const schema: unknown = definition?.spec.versions.find(({ name, served }) => served && name === version)?.schema?.openAPIV3Schema;
  if (definition === undefined || !isJsonObject(schema)) return undefined;
  const { type, types } = declaredType(parseSchema(schema), true);
  return { group, version, kind: definition.spec.names.kind, type, types: { ...types, ...withWholeMetadata(type, types) } };
}

/** Rules of a definition see names alone; a policy sees all of the metadata. */
function withWholeMetadata(type: string, types: KnownKind['types']): KnownKind['types'] {
  const metadata = modelType('ObjectMeta');
  return { ...metadata.types, [type]: { ...types[type], metadata: metadata.type } };
}
