/**
 * Which FlowSchema a request belongs to: the first, by precedence and then by name, of whose rules one speaks of its user and of what it asks for. Pure; asked once per
 * request, so nothing is allocated. Source: k8s.io/apiserver, pkg/util/flowcontrol/rule.go.
 */
import type { FlowcontrolSubject, FlowSchema, PolicyRulesWithSubjects } from '#api/generated/types.ts';
import type { Draft } from '#api/meta/resource-type.ts';
import type { RequestInfo, ResourceRequestInfo } from '../request/request-info.ts';
import type { User } from '../request/user.ts';

export interface FlowRequest {
  readonly user: Pick<User, 'name' | 'groups'>;
  readonly info: RequestInfo;
}

const ACCOUNT_PREFIX = 'system:serviceaccount:';

/** In the order in which they are tried. */
export function byPrecedence(schemas: readonly Draft<FlowSchema>[]): readonly Draft<FlowSchema>[] {
  const precedence = ({ spec }: Draft<FlowSchema>) => spec.matchingPrecedence ?? 0;
  const nameOf = ({ metadata }: Draft<FlowSchema>) => metadata.name ?? '';
  return schemas.toSorted((one, other) => precedence(one) - precedence(other) || (nameOf(one) < nameOf(other) ? -1 : 1));
}

export function schemaMatches({ spec }: Draft<FlowSchema>, request: FlowRequest): boolean {
  const { rules } = spec;
  if (rules === undefined) return false;
  for (const rule of rules) if (ruleMatches(rule, request)) return true;
  return false;
}

/** What tells the schema's flows apart: a user or a namespace, or nothing. */
export function distinguisherOf({ spec }: Draft<FlowSchema>, { user, info }: FlowRequest): string {
  const type = spec.distinguisherMethod?.type;
  if (type === 'ByUser') return user.name;
  return type === 'ByNamespace' && info.isResource ? info.namespace : '';
}

function ruleMatches({ subjects, resourceRules = [], nonResourceRules = [] }: PolicyRulesWithSubjects, request: FlowRequest): boolean {
  const { info, user } = request;
  if (!subjects.some((subject) => subjectMatches(subject, user))) return false;
  if (!info.isResource) {
    return nonResourceRules.some(
      (rule) => hasOrAll(rule.verbs, info.verb) && rule.nonResourceURLs.some((url) => urlMatches(url, info.path)),
    );
  }
  return resourceRules.some((rule) => resourceMatches(rule, info));
}

function subjectMatches({ kind, user, group, serviceAccount }: FlowcontrolSubject, asker: FlowRequest['user']): boolean {
  switch (kind) {
    case 'User':
      return user !== undefined && (user.name === '*' || user.name === asker.name);
    case 'Group':
      return group !== undefined && (group.name === '*' || asker.groups.includes(group.name));
    case 'ServiceAccount': {
      if (serviceAccount === undefined || !asker.name.startsWith(ACCOUNT_PREFIX)) return false;
      const namespace = `${ACCOUNT_PREFIX}${serviceAccount.namespace}:`;
      return serviceAccount.name === '*' ? asker.name.startsWith(namespace) : asker.name === `${namespace}${serviceAccount.name}`;
    }
    default:
      return false;
  }
}

type ResourceRule = NonNullable<PolicyRulesWithSubjects['resourceRules']>[number];

function resourceMatches(rule: ResourceRule, { verb, group, resource, subresource, namespace }: ResourceRequestInfo): boolean {
  if (!hasOrAll(rule.verbs, verb) || !hasOrAll(rule.apiGroups, group)) return false;
  if (!hasOrAll(rule.resources, subresource === '' ? resource : `${resource}/${subresource}`)) return false;
  return namespace === '' ? rule.clusterScope === true : hasOrAll(rule.namespaces ?? [], namespace);
}

function hasOrAll(values: readonly string[], wanted: string): boolean {
  return values[0] === '*' || values.includes(wanted);
}

/** `/healthz` is itself and what is below it, and so is `/healthz/*`. */
function urlMatches(url: string, path: string): boolean {
  if (url === '*' || url === path) return true;
  const folder = url.endsWith('*') ? url.slice(0, -1) : url;
  return path.startsWith(folder.endsWith('/') ? folder : `${folder}/`);
}
