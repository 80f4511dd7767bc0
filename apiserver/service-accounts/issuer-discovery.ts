/**
 * How others can check this cluster's service account tokens: the two documents of OpenID Connect Discovery, made once. Source:
 * https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/#service-account-issuer-discovery.
 */
import type { TokenKeys } from './token-keys.ts';

export interface IssuerDocument {
  readonly path: string;
  readonly contentType: string;
  readonly body: string;
}

export const CONFIGURATION_PATH = '/.well-known/openid-configuration';
export const KEYS_PATH = '/openid/v1/jwks';

/** `jwksUri` is where relying parties find the keys: this server's `KEYS_PATH`, by a name that they know. */
export function createIssuerDocuments(
  issuer: string,
  jwksUri: string,
  { algorithm, jwk }: Pick<TokenKeys, 'algorithm' | 'jwk'>,
): readonly IssuerDocument[] {
  const configuration = {
    issuer,
    jwks_uri: jwksUri,
    response_types_supported: ['id_token'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: [algorithm],
  };
  return [
    { path: CONFIGURATION_PATH, contentType: 'application/json', body: JSON.stringify(configuration) },
    { path: KEYS_PATH, contentType: 'application/jwk-set+json', body: JSON.stringify({ keys: [jwk] }) },
  ];
}
