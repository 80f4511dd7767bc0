/** NetworkPolicies: defaults and rules. Source: upstream's pkg/apis/networking/v1/defaults.go and pkg/apis/networking/validation. */
import { protocols } from '../../core/v1/container.ts';
import type { IPBlock, NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort } from '../../generated/types.ts';
import { forbiddenField, invalidValue, notSupported, required } from '../../meta/field-path.ts';
import { dns1123SubdomainProblems, portNameProblems, portNumberProblems } from '../../meta/names.ts';
import type { FieldProblem } from '../../meta/status.ts';
import { validateLabelSelector, validateObjectMeta } from '../../meta/validation.ts';
import { withDefined } from '../../meta/with-defined.ts';
import { isStrictlyWithin, parseCidr } from './cidr.ts';

const policyTypes = ['Ingress', 'Egress'] as const;

export function applyNetworkPolicyDefaults(policy: NetworkPolicy): NetworkPolicy {
  const { spec } = policy;
  const { ingress, egress, policyTypes: types = [] } = spec;
  return {
    ...policy,
    spec: withDefined(spec, {
      podSelector: spec.podSelector ?? {},
      ingress: ingress?.map((rule) => withDefined(rule, { ports: rule.ports?.map(applyPortDefaults) })),
      egress: egress?.map((rule) => withDefined(rule, { ports: rule.ports?.map(applyPortDefaults) })),
      // A policy is about what comes in; about what goes out only if it says something of it.
      policyTypes: types.length > 0 ? types : (egress ?? []).length > 0 ? ['Ingress', 'Egress'] : ['Ingress'],
    }),
  };
}

function applyPortDefaults(port: NetworkPolicyPort): NetworkPolicyPort {
  return { ...port, protocol: port.protocol ?? 'TCP' };
}

export function validateNetworkPolicy({ metadata, spec }: NetworkPolicy): readonly FieldProblem[] {
  const { podSelector = {}, ingress = [], egress = [] } = spec;
  return [
    ...validateObjectMeta(metadata, { isNamespaced: true, nameRule: dns1123SubdomainProblems }),
    ...validateLabelSelector(podSelector, 'spec.podSelector'),
    ...ingress.flatMap(({ ports = [], from = [] }, index) => [
      ...ports.flatMap((port, at) => validatePort(port, `spec.ingress[${index}].ports[${at}]`)),
      ...from.flatMap((peer, at) => validatePeer(peer, `spec.ingress[${index}].from[${at}]`)),
    ]),
    ...egress.flatMap(({ ports = [], to = [] }, index) => [
      ...ports.flatMap((port, at) => validatePort(port, `spec.egress[${index}].ports[${at}]`)),
      ...to.flatMap((peer, at) => validatePeer(peer, `spec.egress[${index}].to[${at}]`)),
    ]),
    ...validateTypes(spec.policyTypes ?? []),
  ];
}

function validateTypes(types: readonly string[]): readonly FieldProblem[] {
  if (types.length > policyTypes.length) return [invalidValue('spec.policyTypes', types, 'may not specify more than two policyTypes')];
  return types.flatMap((type, index) =>
    policyTypes.some((known) => known === type) ? [] : [notSupported(`spec.policyTypes[${index}]`, type, policyTypes)],
  );
}

function validatePort({ protocol, port, endPort }: NetworkPolicyPort, field: string): readonly FieldProblem[] {
  const isProtocolKnown = protocol === undefined || protocols.some((known) => known === protocol);
  const problems = isProtocolKnown ? [] : [notSupported(`${field}.protocol`, protocol, protocols)];
  if (typeof port === 'number') {
    problems.push(...portNumberProblems(port).map((problem) => invalidValue(`${field}.port`, port, problem)));
    if (endPort === undefined) return problems;
    if (endPort < port) problems.push(invalidValue(`${field}.endPort`, endPort, 'must be greater than or equal to `port`'));
    return [...problems, ...portNumberProblems(endPort).map((problem) => invalidValue(`${field}.endPort`, endPort, problem))];
  }
  if (endPort !== undefined) {
    const why = port === undefined ? 'not specified' : 'non-numeric';
    problems.push(invalidValue(`${field}.endPort`, endPort, `may not be specified when \`port\` is ${why}`));
  }
  if (port === undefined) return problems;
  return [...problems, ...portNameProblems(port).map((problem) => invalidValue(`${field}.port`, port, problem))];
}

function validatePeer({ podSelector, namespaceSelector, ipBlock }: NetworkPolicyPeer, field: string): readonly FieldProblem[] {
  const problems: FieldProblem[] = [];
  if (podSelector !== undefined) problems.push(...validateLabelSelector(podSelector, `${field}.podSelector`));
  if (namespaceSelector !== undefined) problems.push(...validateLabelSelector(namespaceSelector, `${field}.namespaceSelector`));
  if (ipBlock !== undefined) problems.push(...validateBlock(ipBlock, `${field}.ipBlock`));
  const hasSelector = podSelector !== undefined || namespaceSelector !== undefined;
  if (!hasSelector && ipBlock === undefined) return [required(field, 'must specify a peer')];
  return hasSelector && ipBlock !== undefined
    ? [...problems, forbiddenField(field, 'may not specify both ipBlock and another peer')]
    : problems;
}

function validateBlock({ cidr, except = [] }: IPBlock, field: string): readonly FieldProblem[] {
  if (cidr === '') return [required(`${field}.cidr`)];
  const whole = parseCidr(cidr);
  if (whole === undefined) return [invalidValue(`${field}.cidr`, cidr, NOT_A_CIDR)];
  return except.flatMap((text, index) => {
    const part = parseCidr(text);
    if (part === undefined) return [invalidValue(`${field}.except[${index}]`, text, NOT_A_CIDR)];
    return isStrictlyWithin(part, whole) ? [] : [invalidValue(`${field}.except[${index}]`, text, 'must be a strict subset of `cidr`')];
  });
}

export const NOT_A_CIDR = 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)';
