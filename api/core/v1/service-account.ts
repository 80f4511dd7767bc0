/** ServiceAccounts: rules, and the names under which the API server knows them. */
import type { ServiceAccount } from '../../generated/types.ts';
import { dns1123SubdomainProblems } from '../../meta/names.ts';
import type { FieldProblem } from '../../meta/status.ts';
import { validateObjectMeta } from '../../meta/validation.ts';

export function validateServiceAccount(account: ServiceAccount): readonly FieldProblem[] {
  return validateObjectMeta(account.metadata, { isNamespaced: true, nameRule: dns1123SubdomainProblems });
}

/** The user name of requests that carry this account's token. */
export function serviceAccountUser(namespace: string, name: string): string {
  return `system:serviceaccount:${namespace}:${name}`;
}

/** The groups of every account in a namespace. */
export function serviceAccountGroups(namespace: string): readonly string[] {
  return ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'];
}
