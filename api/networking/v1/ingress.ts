/** Ingresses and IngressClasses: defaults, rules, and what may change. Source: upstream's pkg/apis/networking/validation. */
import { isIP } from 'node:net';
import type {
  HTTPIngressPath,
  Ingress,
  IngressBackend,
  IngressClass,
  IngressClassParametersReference,
  IngressRule,
  IngressServiceBackend,
  IngressTLS,
  TypedLocalObjectReference,
} from '../../generated/types.ts';
import { forbiddenField, invalidValue, notSupported, required, tooLong } from '../../meta/field-path.ts';
import {
  dns1035LabelProblems,
  dns1123LabelProblems,
  dns1123SubdomainProblems,
  pathSegmentProblems,
  portNameProblems,
  portNumberProblems,
  wildcardSubdomainProblems,
} from '../../meta/names.ts';
import type { FieldProblem } from '../../meta/status.ts';
import { validateDomainPrefixedPath, validateImmutable, validateObjectMeta } from '../../meta/validation.ts';

const CONTROLLER_CHARACTERS_MAX = 250;

/** From before there was a field for it. */
const CLASS_ANNOTATION = 'kubernetes.io/ingress.class';

const pathTypes = ['Exact', 'ImplementationSpecific', 'Prefix'] as const;
const forbiddenInPaths = ['//', '/./', '/../', '%2f', '%2F'] as const;
const forbiddenPathEnds = ['/..', '/.'] as const;

export function validateIngress({ metadata, spec }: Ingress): readonly FieldProblem[] {
  const { rules = [], defaultBackend, tls = [], ingressClassName } = spec;
  const problems = [...validateObjectMeta(metadata, { isNamespaced: true, nameRule: dns1123SubdomainProblems })];
  if (rules.length === 0 && defaultBackend === undefined) {
    problems.push(invalidValue('spec', rules, 'either `defaultBackend` or `rules` must be specified'));
  }
  if (defaultBackend !== undefined) problems.push(...validateBackend(defaultBackend, 'spec.defaultBackend'));
  problems.push(...rules.flatMap((rule, index) => validateRule(rule, `spec.rules[${index}]`)));
  problems.push(...tls.flatMap((entry, index) => validateTls(entry, `spec.tls[${index}]`)));
  if (ingressClassName !== undefined) {
    const classProblems = dns1123SubdomainProblems(ingressClassName);
    problems.push(...classProblems.map((problem) => invalidValue('spec.ingressClassName', ingressClassName, problem)));
  }
  return problems;
}

function validateTls({ hosts = [], secretName = '' }: IngressTLS, field: string): readonly FieldProblem[] {
  const problems = hosts.flatMap((host, index) => validateHost(host, `${field}.hosts[${index}]`));
  if (secretName === '') return problems;
  return [...problems, ...dns1123SubdomainProblems(secretName).map((text) => invalidValue(`${field}.secretName`, secretName, text))];
}

function validateHost(host: string, field: string): readonly FieldProblem[] {
  const rule = host.includes('*') ? wildcardSubdomainProblems : dns1123SubdomainProblems;
  return rule(host).map((problem) => invalidValue(field, host, problem));
}

function validateRule({ host = '', http }: IngressRule, field: string): readonly FieldProblem[] {
  const problems: FieldProblem[] = [];
  if (isIP(host) !== 0) problems.push(invalidValue(`${field}.host`, host, 'must be a DNS name, not an IP address'));
  if (host !== '') problems.push(...validateHost(host, `${field}.host`));
  if (http === undefined) return problems;
  if (http.paths.length === 0) problems.push(required(`${field}.http.paths`));
  return [...problems, ...http.paths.flatMap((path, index) => validatePath(path, `${field}.http.paths[${index}]`))];
}

function validatePath({ path = '', pathType, backend }: HTTPIngressPath, field: string): readonly FieldProblem[] {
  if (pathType === '') return [required(`${field}.pathType`, 'pathType must be specified')];
  const problems: FieldProblem[] = [];
  const isStrict = pathType === 'Exact' || pathType === 'Prefix';
  if (!pathTypes.some((known) => known === pathType)) problems.push(notSupported(`${field}.pathType`, pathType, pathTypes));
  else if (!path.startsWith('/') && (isStrict || path !== '')) {
    problems.push(invalidValue(`${field}.path`, path, 'must be an absolute path'));
  }
  if (isStrict) {
    const inside = forbiddenInPaths.filter((part) => path.includes(part));
    problems.push(...inside.map((part) => invalidValue(`${field}.path`, path, `must not contain '${part}'`)));
    const ends = forbiddenPathEnds.filter((end) => path.endsWith(end));
    problems.push(...ends.map((end) => invalidValue(`${field}.path`, path, `cannot end with '${end}'`)));
  }
  return [...problems, ...validateBackend(backend, `${field}.backend`)];
}

function validateBackend({ resource, service }: IngressBackend, field: string): readonly FieldProblem[] {
  if (resource !== undefined && service !== undefined) {
    return [invalidValue(field, '', 'cannot set both resource and service backends')];
  }
  if (resource !== undefined) return validateReference(resource, `${field}.resource`);
  if (service !== undefined) return validateServiceBackend(service, field);
  return [invalidValue(field, '', 'resource or service backend is required')];
}

function validateServiceBackend({ name, port = {} }: IngressServiceBackend, field: string): readonly FieldProblem[] {
  const nameProblems =
    name === ''
      ? [required(`${field}.service.name`)]
      : dns1035LabelProblems(name).map((problem) => invalidValue(`${field}.service.name`, name, problem));
  return [...nameProblems, ...validateBackendPort(port, field)];
}

function validateBackendPort(
  { name = '', number = 0 }: NonNullable<IngressServiceBackend['port']>,
  field: string,
): readonly FieldProblem[] {
  if (name !== '' && number !== 0) return [invalidValue(field, '', 'cannot set both port name & port number')];
  if (name !== '') return portNameProblems(name).map((problem) => invalidValue(`${field}.service.port.name`, name, problem));
  if (number === 0) return [required(field, 'port name or number is required')];
  return portNumberProblems(number).map((problem) => invalidValue(`${field}.service.port.number`, number, problem));
}

function validateReference({ apiGroup, kind, name }: TypedLocalObjectReference, field: string): readonly FieldProblem[] {
  const problems = (apiGroup === undefined ? [] : dns1123SubdomainProblems(apiGroup)).map((problem) =>
    invalidValue(`${field}.apiGroup`, apiGroup, problem),
  );
  for (const [part, value] of [
    ['kind', kind],
    ['name', name],
  ] as const) {
    if (value === '') problems.push(required(`${field}.${part}`, `${part} is required`));
    else problems.push(...pathSegmentProblems(value).map((problem) => invalidValue(`${field}.${part}`, value, problem)));
  }
  return problems;
}

/** A new Ingress says its class in one way; old ones may have both. */
export function validateIngressCreate({ metadata, spec }: Ingress): readonly FieldProblem[] {
  const annotation = metadata.annotations?.[CLASS_ANNOTATION];
  if (annotation === undefined || spec.ingressClassName === undefined) return [];
  return [invalidValue(`annotations.${CLASS_ANNOTATION}`, annotation, 'can not be set when the class field is also set')];
}

export function applyIngressClassDefaults(ingressClass: IngressClass): IngressClass {
  const { parameters } = ingressClass.spec;
  if (parameters === undefined) return ingressClass;
  return { ...ingressClass, spec: { ...ingressClass.spec, parameters: { ...parameters, scope: parameters.scope ?? 'Cluster' } } };
}

export function validateIngressClass({ metadata, spec }: IngressClass): readonly FieldProblem[] {
  const { controller = '', parameters } = spec;
  return [
    ...validateObjectMeta(metadata, { isNamespaced: false, nameRule: dns1123SubdomainProblems }),
    ...(controller.length > CONTROLLER_CHARACTERS_MAX ? [tooLong('spec.controller', CONTROLLER_CHARACTERS_MAX)] : []),
    ...validateDomainPrefixedPath(controller, 'spec.controller'),
    ...(parameters === undefined ? [] : validateParameters(parameters, 'spec.parameters')),
  ];
}

function validateParameters(parameters: IngressClassParametersReference, field: string): readonly FieldProblem[] {
  const { scope = '', namespace } = parameters;
  const problems = [...validateReference(parameters, field)];
  if (scope !== 'Cluster' && scope !== 'Namespace') return [...problems, notSupported(`${field}.scope`, scope, ['Cluster', 'Namespace'])];
  if (scope === 'Cluster') {
    return namespace === undefined
      ? problems
      : [...problems, forbiddenField(`${field}.namespace`, "`parameters.scope` is set to 'Cluster'")];
  }
  if (namespace === undefined) return [...problems, required(`${field}.namespace`, "`parameters.scope` is set to 'Namespace'")];
  return [...problems, ...dns1123LabelProblems(namespace).map((problem) => invalidValue(`${field}.namespace`, namespace, problem))];
}

export function validateIngressClassUpdate(ingressClass: IngressClass, previous: IngressClass): readonly FieldProblem[] {
  return validateImmutable(ingressClass.spec.controller, previous.spec.controller, 'spec.controller');
}
