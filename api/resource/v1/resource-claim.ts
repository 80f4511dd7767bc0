/**
 * ResourceClaims and their templates: devices that somebody wants, and what was allocated. The wish stays as it was made; who allocates and reserves writes the
 * status. Source: upstream's pkg/apis/resource/validation.
 */
import type { ResourceClaimTemplate, ResourceResourceClaim } from '../../generated/types.ts';
import { duplicate, forbiddenField, invalidValue, tooMany } from '../../meta/field-path.ts';
import { jsonEquals } from '../../meta/json.ts';
import { dns1123SubdomainProblems } from '../../meta/names.ts';
import type { FieldProblem } from '../../meta/status.ts';
import { validateAnnotations, validateImmutable, validateLabels, validateObjectMeta } from '../../meta/validation.ts';
import { applyDeviceClaimDefaults, validateDeviceClaim } from './device-claim.ts';

/** As many pods may share a claim. */
const RESERVED_FOR_MAX = 256;

const rules = { isNamespaced: true, nameRule: dns1123SubdomainProblems };

export function applyResourceClaimDefaults(claim: ResourceResourceClaim): ResourceResourceClaim {
  const { devices } = claim.spec;
  return devices === undefined ? claim : { ...claim, spec: { ...claim.spec, devices: applyDeviceClaimDefaults(devices) } };
}

export function validateResourceClaim({ metadata, spec, status }: ResourceResourceClaim): readonly FieldProblem[] {
  return [
    ...validateObjectMeta(metadata, rules),
    ...validateDeviceClaim(spec.devices ?? {}, 'spec.devices'),
    ...validateReservations(status?.reservedFor ?? [], status?.allocation !== undefined),
  ];
}

function validateReservations(reservedFor: readonly { readonly uid: string }[], isAllocated: boolean): readonly FieldProblem[] {
  const field = 'status.reservedFor';
  if (reservedFor.length > RESERVED_FOR_MAX) return [tooMany(field, reservedFor.length, RESERVED_FOR_MAX)];
  if (reservedFor.length > 0 && !isAllocated) {
    return [forbiddenField(field, 'may not be specified when `allocated` is not set')];
  }
  const uids = reservedFor.map(({ uid }) => uid);
  return uids.flatMap((uid, index) => (uids.indexOf(uid) < index ? [duplicate(`${field}[${index}].uid`, uid)] : []));
}

/** An allocation is taken back before another is made. */
export function validateResourceClaimUpdate(
  claim: ResourceResourceClaim,
  previous: ResourceResourceClaim,
  subresource: string,
): readonly FieldProblem[] {
  if (subresource !== 'status') return validateImmutable(claim.spec, previous.spec, 'spec');
  const [now, before] = [claim.status?.allocation, previous.status?.allocation];
  if (now === undefined || before === undefined || jsonEquals(now, before)) return [];
  return [invalidValue('status.allocation', now, 'field is immutable')];
}

export function applyClaimTemplateDefaults(template: ResourceClaimTemplate): ResourceClaimTemplate {
  const { devices } = template.spec.spec;
  if (devices === undefined) return template;
  return { ...template, spec: { ...template.spec, spec: { ...template.spec.spec, devices: applyDeviceClaimDefaults(devices) } } };
}

export function validateClaimTemplate({ metadata, spec }: ResourceClaimTemplate): readonly FieldProblem[] {
  return [
    ...validateObjectMeta(metadata, rules),
    ...validateLabels(spec.metadata?.labels ?? {}, 'spec.metadata.labels'),
    ...validateAnnotations(spec.metadata?.annotations ?? {}, 'spec.metadata.annotations'),
    ...validateDeviceClaim(spec.spec.devices ?? {}, 'spec.spec.devices'),
  ];
}

export function validateClaimTemplateUpdate(template: ResourceClaimTemplate, previous: ResourceClaimTemplate): readonly FieldProblem[] {
  return validateImmutable(template.spec, previous.spec, 'spec');
}
