/** Makes the tokens that live in Secrets: claims as upstream's legacy ones, signed with the key of all service account tokens. Loads `jose` only when one is made. */
import { createPrivateKey } from 'node:crypto';
import { SignJWT } from 'jose';
import type { Secret, ServiceAccount } from '#api/generated/types.ts';

const ISSUER = 'kubernetes/serviceaccount';

/** `keyPem` is an elliptic-curve key of P-256, as `bootstrap` makes it. */
export function signToken({ metadata: account }: ServiceAccount, { metadata: secret }: Secret, keyPem: string): Promise<string> {
  const namespace = account.namespace ?? '';
  const claims = {
    iss: ISSUER,
    'kubernetes.io/serviceaccount/namespace': namespace,
    'kubernetes.io/serviceaccount/secret.name': secret.name,
    'kubernetes.io/serviceaccount/service-account.name': account.name,
    'kubernetes.io/serviceaccount/service-account.uid': account.uid,
    sub: `system:serviceaccount:${namespace}:${account.name}`,
  };
  return new SignJWT(claims).setProtectedHeader({ alg: 'ES256' }).sign(createPrivateKey(keyPem));
}
