/** DeviceClasses: kinds of devices that administrators offer under a name. Rules. Source: upstream's pkg/apis/resource/validation. */
import type { DeviceClass } from '../../generated/types.ts';
import { invalidValue } from '../../meta/field-path.ts';
import { dns1123SubdomainProblems, qualifiedNameProblems } from '../../meta/names.ts';
import type { FieldProblem } from '../../meta/status.ts';
import { validateObjectMeta } from '../../meta/validation.ts';
import { validateConfigurations, validateSelectors } from './device-claim.ts';

export function validateDeviceClass({ metadata, spec }: DeviceClass): readonly FieldProblem[] {
  const { selectors = [], config = [], extendedResourceName } = spec;
  const isExtended =
    extendedResourceName === undefined || (extendedResourceName.includes('/') && !/(^|\.)kubernetes\.io\//.test(extendedResourceName));
  return [
    ...validateObjectMeta(metadata, { isNamespaced: false, nameRule: dns1123SubdomainProblems }),
    ...validateSelectors(selectors, 'spec.selectors'),
    ...validateConfigurations(config, 'spec.config'),
    ...(isExtended ? [] : [invalidValue('spec.extendedResourceName', extendedResourceName, 'must be a valid extended resource name')]),
    ...(extendedResourceName === undefined
      ? []
      : qualifiedNameProblems(extendedResourceName).map((problem) =>
          invalidValue('spec.extendedResourceName', extendedResourceName, problem),
        )),
  ];
}
