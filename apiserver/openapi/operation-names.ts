/**
 * What an operation is called in the API's description: names that generated clients make their methods of, so they are upstream's to the letter
 * (`readCoreV1NamespacedPodStatus`). Called by `paths.ts`.
 */

export interface OperationPlace {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly isNamespaced: boolean;
  /** Empty for the resource itself. */
  readonly subresource: string;
  readonly place: 'collection' | 'all-namespaces' | 'object';
}

const words: Readonly<Record<string, string>> = { get: 'read', update: 'replace', deletecollection: 'delete' };

/** `method` matters for `connect`, which each method does in its own name. */
export function operationName(verb: string, method: string, where: OperationPlace, isWithPath = false): string {
  const { kind, isNamespaced, subresource, place } = where;
  const isCollection = verb === 'deletecollection' ? 'Collection' : '';
  const connecting = verb === 'connect' ? capitalized(method) : '';
  const isEverywhere = place === 'all-namespaces' || !isNamespaced;
  const scope = isEverywhere ? '' : 'Namespaced';
  const tail = place === 'all-namespaces' ? 'ForAllNamespaces' : '';
  const watched = verb === 'watch' && place !== 'object' ? 'List' : '';
  const path = isWithPath ? 'WithPath' : '';
  return `${words[verb] ?? verb}${groupVersionName(where)}${connecting}${isCollection}${scope}${kind}${capitalized(subresource)}${watched}${tail}${path}`;
}

/** `AppsV1`, `RbacAuthorizationV1`; the core group is `CoreV1`. */
export function groupVersionName({ group, version }: Pick<OperationPlace, 'group' | 'version'>): string {
  return `${groupName(group)}${capitalized(version)}`;
}

export function groupName(group: string): string {
  const parts = group === '' ? ['core'] : group.replace(/\.k8s\.io$/, '').split('.');
  return parts.map(capitalized).join('');
}

/** What operations are sorted by: `rbacAuthorization_v1`. */
export function tagOf({ group, version }: Pick<OperationPlace, 'group' | 'version'>): string {
  const name = groupName(group);
  return `${name[0]?.toLowerCase() ?? ''}${name.slice(1)}_${version}`;
}

export function capitalized(word: string): string {
  return `${word[0]?.toUpperCase() ?? ''}${word.slice(1)}`;
}
