/** ServiceCIDRs and IPAddresses: from where Services have their addresses, and who has which. Rules, and what may change. */
import type { IPAddress, ServiceCIDR } from '../../generated/types.ts';
import { invalidValue, required } from '../../meta/field-path.ts';
import { dns1123SubdomainProblems, type NameRule, pathSegmentProblems } from '../../meta/names.ts';
import type { FieldProblem } from '../../meta/status.ts';
import { validateImmutable, validateObjectMeta } from '../../meta/validation.ts';
import { canonicalAddress, canonicalCidr, parseCidr } from './cidr.ts';
import { NOT_A_CIDR } from './network-policy.ts';

export function validateServiceCidr({ metadata, spec }: ServiceCIDR): readonly FieldProblem[] {
  return [
    ...validateObjectMeta(metadata, { isNamespaced: false, nameRule: dns1123SubdomainProblems }),
    ...validateRanges(spec.cidrs ?? []),
  ];
}

function validateRanges(cidrs: readonly string[]): readonly FieldProblem[] {
  if (cidrs.length === 0) return [required('spec.cidrs', 'at least one CIDR required')];
  if (cidrs.length > 2) return [invalidValue('spec.cidrs', cidrs, 'may only hold up to 2 values')];
  const ranges = cidrs.map(parseCidr);
  const [first, second] = ranges;
  const areTwins = first !== undefined && first.family === second?.family;
  const twinProblem = 'may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/96';
  return [
    ...(areTwins ? [invalidValue('spec.cidrs', cidrs, twinProblem)] : []),
    ...cidrs.flatMap((text, index) => {
      const range = ranges[index];
      if (range === undefined) return [invalidValue(`spec.cidrs[${index}]`, text, NOT_A_CIDR)];
      const canonical = canonicalCidr(range);
      return canonical === text ? [] : [invalidValue(`spec.cidrs[${index}]`, text, `must be in canonical form ("${canonical}")`)];
    }),
  ];
}

/** Services have addresses out of it. A second family may be added, and taken away again. */
export function validateServiceCidrUpdate(serviceCidr: ServiceCIDR, previous: ServiceCIDR): readonly FieldProblem[] {
  const [now = [], before = []] = [serviceCidr.spec.cidrs, previous.spec.cidrs];
  const shared = Math.min(now.length, before.length, 1);
  if (now.length !== before.length) return validateImmutable(now.slice(0, shared), before.slice(0, shared), 'spec.cidrs');
  return validateImmutable(now, before, 'spec.cidrs');
}

/** An IPAddress is called by its address, written in the one way that there is. */
const addressNameProblems: NameRule = (name) => {
  const canonical = canonicalAddress(name);
  if (canonical === undefined) return [`ParseAddr(${JSON.stringify(name)}): unable to parse IP`];
  return canonical === name ? [] : ['must be a canonical format IP address'];
};

export function validateIpAddress({ metadata, spec }: IPAddress): readonly FieldProblem[] {
  const { parentRef } = spec;
  const segments = ['group', 'resource', 'name', 'namespace'] as const;
  return [
    ...validateObjectMeta(metadata, { isNamespaced: false, nameRule: addressNameProblems }),
    ...(['resource', 'name'] as const).filter((part) => !parentRef[part]).map((part) => required(`spec.parentRef.${part}`)),
    ...segments.flatMap((part) =>
      pathSegmentProblems(parentRef[part] ?? '').map((problem) => invalidValue(`spec.parentRef.${part}`, parentRef[part], problem)),
    ),
  ];
}

export function validateIpAddressUpdate(address: IPAddress, previous: IPAddress): readonly FieldProblem[] {
  return validateImmutable(address.spec.parentRef, previous.spec.parentRef, 'spec.parentRef');
}
