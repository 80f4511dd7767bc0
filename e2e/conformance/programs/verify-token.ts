/**
 * Verifies a service account's token as anybody can who finds the issuer's keys: `node verify-token.ts TOKEN_FILE AUDIENCE`. Asks the issuer that the
 * token names for its configuration, that for its keys, and checks signature, issuer, audience and time. NODE_EXTRA_CA_CERTS names whom to trust.
 */
import { createPublicKey, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';

const API_TOKEN = '/var/run/secrets/kubernetes.io/serviceaccount/token';
const [tokenFile = '', audience = ''] = process.argv.slice(2);
const [header = '', payload = '', signature = ''] = readFileSync(tokenFile, 'utf8').trim().split('.');
const parse = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString());
const claims = parse(payload);

async function get(url: string) {
  const response = await fetch(url, { headers: { authorization: `Bearer ${readFileSync(API_TOKEN, 'utf8')}` } });
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${await response.text()}`);
  return JSON.parse(await response.text());
}

function expect(what: string, isSo: boolean): void {
  if (!isSo) throw new Error(`${what}: ${JSON.stringify(claims)}`);
}

const configuration = await get(`${claims.iss}/.well-known/openid-configuration`);
expect('the configuration is that of the issuer', configuration.issuer === claims.iss);
const { keys } = await get(configuration.jwks_uri);
const { kid, alg } = parse(header);
const jwk = keys.find((key: { kid: string }) => key.kid === kid);
expect(`the issuer has the key ${kid}`, jwk !== undefined);
expect('the issuer says how it signs', configuration.id_token_signing_alg_values_supported.includes(alg));
const key = createPublicKey({ key: jwk, format: 'jwk' });
const isSigned = verify(
  'sha256',
  Buffer.from(`${header}.${payload}`),
  { key, dsaEncoding: 'ieee-p1363' },
  Buffer.from(signature, 'base64url'),
);
expect('the signature is right', isSigned);
expect('the token is for us', claims.aud.includes(audience));
expect('it is time', claims.exp * 1_000 > Date.now() && claims.nbf * 1_000 <= Date.now() + 60_000);
console.log(`verified ${claims.sub}`);
