/** ServiceAccounts: rules, and the names under which the API server knows them. */
import type { ServiceAccount } from '../../generated/types.ts';
import { dns1123LabelProblems, dns1123SubdomainProblems } from '../../meta/names.ts';
import type { FieldProblem } from '../../meta/status.ts';
import { validateObjectMeta } from '../../meta/validation.ts';

export function validateServiceAccount(account: ServiceAccount): readonly FieldProblem[] {
  return validateObjectMeta(account.metadata, { isNamespaced: true, nameRule: dns1123SubdomainProblems });
}

/** The user name of requests that carry this account's token. */
export function serviceAccountUser(namespace: string, name: string): string {
  return `system:serviceaccount:${namespace}:${name}`;
}

/** The account of such a name; undefined for the name of somebody else. */
export function parseServiceAccountUser(user: string): { readonly namespace: string; readonly name: string } | undefined {
  const [system, kind, namespace = '', name = '', ...rest] = user.split(':');
  if (system !== 'system' || kind !== 'serviceaccount' || rest.length > 0) return undefined;
  if (dns1123LabelProblems(namespace).length > 0 || dns1123SubdomainProblems(name).length > 0) return undefined;
  return { namespace, name };
}

/** The groups of every account in a namespace. */
export function serviceAccountGroups(namespace: string): readonly string[] {
  return ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'];
}
