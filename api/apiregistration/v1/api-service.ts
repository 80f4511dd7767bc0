/**
 * APIServices: what is left out, what is wrong with one, and how one that this server answers for itself begins. Used by the API server's definition of the kind.
 * Source: k8s.io/kube-aggregator, pkg/apis/apiregistration/{v1/defaults.go,validation/validation.go} and pkg/registry/apiservice.
 */
import type { APIService, APIServiceCondition } from '../../generated/types.ts';
import { invalidValue, notSupported, required } from '../../meta/field-path.ts';
import { dns1035LabelProblems, dns1123SubdomainProblems, pathSegmentProblems, portNumberProblems } from '../../meta/names.ts';
import type { FieldProblem } from '../../meta/status.ts';
import { validateObjectMeta } from '../../meta/validation.ts';

export const AVAILABLE = 'Available';

const SERVICE_PORT_DEFAULT = 443;
const GROUP_PRIORITY_MAX = 20_000;
const VERSION_PRIORITY_MAX = 1_000;
const CONDITION_STATUSES = ['True', 'False', 'Unknown'];

/** What is answered without another server is always there. */
export const localCondition = {
  type: AVAILABLE,
  status: 'True',
  reason: 'Local',
  message: 'Local APIServices are always available',
} as const satisfies APIServiceCondition;

/** `v1.apps`, and for the core group `v1.` */
export function apiServiceName({ group, version }: { readonly group: string; readonly version: string }): string {
  return `${version}.${group}`;
}

export function applyApiServiceDefaults(apiService: APIService): APIService {
  const { service } = apiService.spec;
  if (service === undefined) return apiService;
  return { ...apiService, spec: { ...apiService.spec, service: { ...service, port: service.port ?? SERVICE_PORT_DEFAULT } } };
}

export function validateApiService({ metadata, spec }: APIService): readonly FieldProblem[] {
  const { group = '', version = '' } = spec;
  const wanted = apiServiceName({ group, version });
  const nameRule = (name: string) => {
    const problems = pathSegmentProblems(name);
    if (problems.length > 0 || name === wanted) return problems;
    return [`must be \`spec.version+"."+spec.group\`: ${JSON.stringify(wanted)}`];
  };
  return [
    ...validateObjectMeta(metadata, { isNamespaced: false, nameRule }),
    ...(group === '' && version !== 'v1' ? [required('spec.group', 'only v1 may have an empty group and it better be legacy kube')] : []),
    ...(group === '' ? [] : dns1123SubdomainProblems(group).map((problem) => invalidValue('spec.group', group, problem))),
    ...dns1035LabelProblems(version).map((problem) => invalidValue('spec.version', version, problem)),
    ...validatePriority('spec.groupPriorityMinimum', spec.groupPriorityMinimum, GROUP_PRIORITY_MAX),
    ...validatePriority('spec.versionPriority', spec.versionPriority, VERSION_PRIORITY_MAX),
    ...validateServer(spec),
  ];
}

export function validateApiServiceUpdate({ status }: APIService, _previous: APIService, subresource: string): readonly FieldProblem[] {
  if (subresource !== 'status') return [];
  return (status?.conditions ?? []).flatMap((condition, index) =>
    CONDITION_STATUSES.includes(condition.status)
      ? []
      : [notSupported(`status.conditions[${index}].status`, condition.status, CONDITION_STATUSES)],
  );
}

function validatePriority(field: string, value: number, max: number): readonly FieldProblem[] {
  return value > 0 && value <= max ? [] : [invalidValue(field, value, `must be positive and less than ${max}`)];
}

/** Where the server is and how it is known to be the right one. */
function validateServer({ service, caBundle = '', insecureSkipTLSVerify = false }: APIService['spec']): readonly FieldProblem[] {
  const skips = (why: string) => (insecureSkipTLSVerify ? [invalidValue('spec.insecureSkipTLSVerify', true, why)] : []);
  if (service === undefined) {
    const bytes = `${Buffer.from(caBundle, 'base64').length} bytes`;
    return [
      ...(caBundle === '' ? [] : [invalidValue('spec.caBundle', bytes, 'local APIServices may not have a caBundle')]),
      ...skips('local APIServices may not have insecureSkipTLSVerify'),
    ];
  }
  const portProblems = portNumberProblems(service.port ?? SERVICE_PORT_DEFAULT);
  return [
    ...(service.namespace ? [] : [required('spec.service.namespace')]),
    ...(service.name ? [] : [required('spec.service.name')]),
    ...(portProblems.length === 0 ? [] : [invalidValue('spec.service.port', service.port, `port is not valid: ${portProblems.join(',')}`)]),
    ...(caBundle === '' ? [] : skips('may not be true if caBundle is present')),
  ];
}
