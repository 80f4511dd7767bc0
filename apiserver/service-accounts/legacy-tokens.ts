/**
 * Tokens that live in Secrets of type `kubernetes.io/service-account-token`, made by the controller manager: they never expire, and are good as long as the very Secret holds
 * them and the account is the same. They name no audience, so they are for this server. Source: upstream's pkg/serviceaccount/legacy.go, whose words these are.
 */
import { serviceAccountGroups, serviceAccountUser } from '#api/core/v1/service-account.ts';
import { secrets, serviceaccounts } from '#api/generated/resources.ts';
import type { User } from '../request/user.ts';
import type { LiveObjects } from './live-objects.ts';
import type { ObjectReference } from './token-claims.ts';

const LEGACY_ISSUER = 'kubernetes/serviceaccount';
const CLAIM = 'kubernetes.io/serviceaccount';
/** Set when nobody seemed to use a token any more; whoever still does may take it away. */
const INVALID_SINCE_LABEL = 'kubernetes.io/legacy-token-invalid-since';

export interface LegacyClaims {
  readonly namespace: string;
  readonly serviceAccount: ObjectReference;
  readonly secretName: string;
}

/** Undefined for tokens of other kinds, and for those that do not say who they are of. */
export function parseLegacyClaims(payload: Readonly<Record<string, unknown>>): LegacyClaims | undefined {
  if (payload.iss !== LEGACY_ISSUER) return undefined;
  const read = (name: string): string => {
    const value = payload[`${CLAIM}/${name}`];
    return typeof value === 'string' ? value : '';
  };
  const claims = {
    namespace: read('namespace'),
    serviceAccount: { name: read('service-account.name'), uid: read('service-account.uid') },
    secretName: read('secret.name'),
  };
  const { namespace, serviceAccount, secretName } = claims;
  if (namespace === '' || serviceAccount.name === '' || serviceAccount.uid === '' || secretName === '') return undefined;
  return payload.sub === serviceAccountUser(namespace, serviceAccount.name) ? claims : undefined;
}

export function legacyUserOf({ namespace, serviceAccount }: LegacyClaims): User {
  return { name: serviceAccountUser(namespace, serviceAccount.name), uid: serviceAccount.uid, groups: serviceAccountGroups(namespace) };
}

/** Undefined while the Secret holds this token and the account is there. */
export async function findLegacyProblem(token: string, claims: LegacyClaims, objects: LiveObjects): Promise<string | undefined> {
  const { namespace, serviceAccount, secretName } = claims;
  const secret = await objects.read(secrets, namespace, secretName);
  if (secret === undefined || secret.metadata.deletionTimestamp !== undefined) return 'Token has been invalidated';
  if (Buffer.from(secret.data?.token ?? '', 'base64').toString() !== token) return "Token does not match server's copy";
  const account = await objects.read(serviceaccounts, namespace, serviceAccount.name, serviceAccount.uid);
  if (account === undefined) return `serviceaccounts "${serviceAccount.name}" not found`;
  if (account.metadata.deletionTimestamp !== undefined) return `ServiceAccount ${namespace}/${serviceAccount.name} has been deleted`;
  if (account.metadata.uid !== serviceAccount.uid) {
    return `ServiceAccount UID (${account.metadata.uid}) does not match claim (${serviceAccount.uid})`;
  }
  return secret.metadata.labels?.[INVALID_SINCE_LABEL] === undefined ? undefined : invalidSince(claims);
}

function invalidSince({ namespace, serviceAccount, secretName }: LegacyClaims): string {
  return (
    `the token in secret ${namespace}/${secretName} for service account ${namespace}/${serviceAccount.name} has been marked invalid. Use tokens from the ` +
    `TokenRequest API or manually created secret-based tokens, or remove the '${INVALID_SINCE_LABEL}' label from the secret to temporarily allow use of this token`
  );
}
