/**
 * Bearer tokens that were agreed on beforehand, beside those of service accounts: what upstream reads from `--token-auth-file`. The in-process cluster's components
 * use them, since without a connection there is no certificate. Called by `api-server.ts`.
 */
import type { ServiceAccountTokens } from '../service-accounts/service-account-tokens.ts';
import { AUTHENTICATED_GROUP, type User } from './user.ts';

/** Tokens that are in the table belong to its users, for any audience this server answers for; all others are as before. */
export function withStaticTokens(tokens: ServiceAccountTokens, users: ReadonlyMap<string, User>): ServiceAccountTokens {
  if (users.size === 0) return tokens;
  return {
    ...tokens,
    authenticate: async (token, audiences = tokens.apiAudiences) => {
      const user = users.get(token);
      if (user === undefined) return tokens.authenticate(token, audiences);
      return { isAuthentic: true, user: { ...user, groups: [...user.groups, AUTHENTICATED_GROUP] }, audiences };
    },
  };
}
