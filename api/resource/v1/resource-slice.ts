/** ResourceSlices: what devices a driver has, where. Rules, and what may change. Source: upstream's pkg/apis/resource/validation. */
import type { ResourceSlice, ResourceSliceSpec } from '../../generated/types.ts';
import { invalidStructure, invalidValue, required, tooLong } from '../../meta/field-path.ts';
import { dns1123SubdomainProblems } from '../../meta/names.ts';
import type { FieldProblem } from '../../meta/status.ts';
import { validateImmutable, validateNotNegative, validateObjectMeta } from '../../meta/validation.ts';
import { validateDriverName } from '../../storage/v1/csi-names.ts';
import { validateName, validateNamedList } from './device-claim.ts';

const DEVICES_MAX = 128;
const POOL_NAME_CHARACTERS_MAX = 253;
const WHERE = 'exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required';

export function validateResourceSlice({ metadata, spec }: ResourceSlice): readonly FieldProblem[] {
  const { devices = [], pool, driver } = spec;
  return [
    ...validateObjectMeta(metadata, { isNamespaced: false, nameRule: dns1123SubdomainProblems }),
    ...validateDriverName(driver, 'spec.driver'),
    ...validatePoolName(pool.name, 'spec.pool.name'),
    ...validateNotNegative(pool.generation, 'spec.pool.generation'),
    ...(pool.resourceSliceCount > 0
      ? []
      : [invalidValue('spec.pool.resourceSliceCount', pool.resourceSliceCount, 'must be greater than zero')]),
    ...validatePlace(spec),
    ...validateNamedList(devices, DEVICES_MAX, 'spec.devices', () => []),
  ];
}

/** Segments, parted by slashes. */
function validatePoolName(name: string, field: string): readonly FieldProblem[] {
  if (name === '') return [required(field)];
  if (name.length > POOL_NAME_CHARACTERS_MAX) return [tooLong(field, POOL_NAME_CHARACTERS_MAX)];
  return name.split('/').flatMap((segment) => dns1123SubdomainProblems(segment).map((problem) => invalidValue(field, segment, problem)));
}

function validatePlace({ nodeName, nodeSelector, allNodes, perDeviceNodeSelection }: ResourceSliceSpec): readonly FieldProblem[] {
  const named = nodeName === undefined ? [] : validateName(nodeName, dns1123SubdomainProblems, 'spec.nodeName');
  const set = [nodeName !== undefined, nodeSelector !== undefined, allNodes === true, perDeviceNodeSelection === true];
  const count = set.filter(Boolean).length;
  if (count === 1) return named;
  return count === 0 ? [required('spec', WHERE)] : [...named, invalidStructure('spec', `${WHERE}, but multiple fields are set`)];
}

export function validateResourceSliceUpdate({ spec }: ResourceSlice, previous: ResourceSlice): readonly FieldProblem[] {
  return [
    ...validateImmutable(spec.nodeName ?? '', previous.spec.nodeName ?? '', 'spec.nodeName'),
    ...validateImmutable(spec.driver, previous.spec.driver, 'spec.driver'),
    ...validateImmutable(spec.pool.name, previous.spec.pool.name, 'spec.pool.name'),
  ];
}
