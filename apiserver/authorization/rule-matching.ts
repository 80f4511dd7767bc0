/**
 * What one rule of a role allows, and whether rules that somebody holds cover others. Pure; semantics are upstream's
 * (pkg/apis/rbac/v1/evaluation_helpers.go and component-helpers' auth/rbac/validation).
 */
import type { PolicyRule } from '#api/generated/types.ts';

/** What a request is to authorization; the server's request info has this shape. */
export type AccessRequest =
  | {
      readonly isResource: true;
      readonly verb: string;
      readonly group: string;
      readonly resource: string;
      readonly subresource: string;
      /** Empty for cluster-wide resources and for requests across all namespaces. */
      readonly namespace: string;
      /** Empty for collections. */
      readonly name: string;
    }
  | { readonly isResource: false; readonly verb: string; readonly path: string };

const ALL = '*';

export function ruleAllows(rule: PolicyRule, request: AccessRequest): boolean {
  if (!hasOrAll(rule.verbs, request.verb)) return false;
  if (!request.isResource) return (rule.nonResourceURLs ?? []).some((url) => urlMatches(url, request.path));
  return (
    hasOrAll(rule.apiGroups, request.group) &&
    resourceMatches(rule.resources ?? [], request.resource, request.subresource) &&
    (!rule.resourceNames?.length || rule.resourceNames.includes(request.name))
  );
}

/** The parts of `wanted` that nothing in `held` allows, each with one group, one resource, one name at most, and the verbs that are missing. */
export function uncoveredRules(held: readonly PolicyRule[], wanted: readonly PolicyRule[]): readonly PolicyRule[] {
  const missing = wanted.flatMap(splitRule).filter((part) => !held.some((rule) => covers(rule, part)));
  const byTarget = Map.groupBy(missing, ({ verbs: _, ...target }) => JSON.stringify(target));
  return [...byTarget.values()].flatMap((parts) => {
    const [first] = parts;
    return first ? [{ ...first, verbs: [...new Set(parts.flatMap((part) => part.verbs))] }] : [];
  });
}

/** `{APIGroups:[""], Resources:["pods"], Verbs:["get" "list"]}`: how upstream's messages show a rule. */
export function formatRule(rule: PolicyRule): string {
  const parts = [
    ['APIGroups', rule.apiGroups],
    ['Resources', rule.resources],
    ['NonResourceURLs', rule.nonResourceURLs],
    ['ResourceNames', rule.resourceNames],
    ['Verbs', rule.verbs],
  ] as const;
  const shown = parts.filter(([, values]) => values?.length).map(([name, values]) => `${name}:${formatTexts(values ?? [])}`);
  return `{${shown.join(', ')}}`;
}

/** `["a" "b"]`, as Go prints quoted texts. */
export function formatTexts(texts: readonly string[]): string {
  return `[${texts.map((text) => JSON.stringify(text)).join(' ')}]`;
}

function hasOrAll(allowed: readonly string[] | undefined, wanted: string): boolean {
  return allowed?.some((value) => value === ALL || value === wanted) ?? false;
}

function resourceMatches(allowed: readonly string[], resource: string, subresource: string): boolean {
  const wanted = subresource === '' ? resource : `${resource}/${subresource}`;
  return hasOrAll(allowed, wanted) || (subresource !== '' && allowed.includes(`*/${subresource}`));
}

function urlMatches(allowed: string, path: string): boolean {
  return allowed === path || (allowed.endsWith(ALL) && path.startsWith(allowed.replace(/\*+$/, '')));
}

/** One verb, and one group, resource and name, or one URL each. */
function splitRule(rule: PolicyRule): readonly PolicyRule[] {
  const { verbs, apiGroups = [], resources = [], nonResourceURLs = [] } = rule;
  const names: readonly (string | undefined)[] = rule.resourceNames?.length ? rule.resourceNames : [undefined];
  return verbs.flatMap((verb) => [
    ...nonResourceURLs.map((url) => ({ nonResourceURLs: [url], verbs: [verb] })),
    ...apiGroups.flatMap((group) =>
      resources.flatMap((resource) =>
        names.map((name) => ({
          apiGroups: [group],
          resources: [resource],
          ...(name === undefined ? {} : { resourceNames: [name] }),
          verbs: [verb],
        })),
      ),
    ),
  ]);
}

/** Whether `held` allows all of `part`, which is one of `splitRule`'s. A wildcard in `part` is covered by a wildcard only. */
function covers(held: PolicyRule, part: PolicyRule): boolean {
  const [verb = ''] = part.verbs;
  const [url] = part.nonResourceURLs ?? [];
  if (!hasOrAll(held.verbs, verb)) return false;
  if (url !== undefined) return (held.nonResourceURLs ?? []).some((allowed) => urlMatches(allowed, url));
  const [group = ''] = part.apiGroups ?? [];
  const [resource = '', subresource = ''] = part.resources?.[0]?.split('/') ?? [];
  const [name] = part.resourceNames ?? [];
  return (
    hasOrAll(held.apiGroups, group) &&
    resourceMatches(held.resources ?? [], resource, subresource) &&
    (!held.resourceNames?.length || (name !== undefined && held.resourceNames.includes(name)))
  );
}
