/**
 * The key pair of service account tokens: signs what this server issues, tells whether a token was signed by it, and describes its public half to others. Nothing
 * here knows what a token says; `token-claims.ts` does. The server's one file that imports `jose`; its cryptography runs outside the event loop.
 */
import { createHash, createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { compactVerify, errors, SignJWT } from 'jose';
import { isJsonObject } from '#api/meta/json.ts';

export interface TokenKeyPems {
  /** PEM, as `bootstrap` makes them: RSA, or an elliptic curve of NIST. */
  readonly privateKey: string;
  readonly publicKey: string;
}

export interface TokenKeys {
  readonly algorithm: string;
  /** The public half, as a JSON Web Key. */
  readonly jwk: Readonly<Record<string, unknown>>;
  /** A compact JWT of these claims. */
  sign(payload: Readonly<Record<string, unknown>>): Promise<string>;
  /** The claims of a token that carries our signature; undefined for anything else, however malformed. */
  verify(token: string): Promise<Readonly<Record<string, unknown>> | undefined>;
}

/** Longer than any token of ours and than any header the server takes; what is longer is not worth decoding. */
const TOKEN_CHARACTERS_MAX = 16_384;

const CURVE_ALGORITHMS: Readonly<Record<string, string>> = { prime256v1: 'ES256', secp384r1: 'ES384', secp521r1: 'ES512' };

/** Throws for what is not a key of a kind named above. */
export function createTokenKeys(pems: TokenKeyPems): TokenKeys {
  const privateKey = createPrivateKey(pems.privateKey);
  const publicKey = createPublicKey(pems.publicKey);
  const algorithm = algorithmOf(publicKey);
  const kid = keyIdOf(publicKey);
  return {
    algorithm,
    jwk: { use: 'sig', kid, alg: algorithm, ...publicKey.export({ format: 'jwk' }) },
    sign: (payload) => new SignJWT({ ...payload }).setProtectedHeader({ alg: algorithm, kid }).sign(privateKey),
    verify: async (token) => {
      if (token.length > TOKEN_CHARACTERS_MAX) return undefined;
      try {
        const { payload } = await compactVerify(token, publicKey, { algorithms: [algorithm] });
        return parsePayload(payload);
      } catch (error) {
        if (error instanceof errors.JOSEError) return undefined;
        throw error;
      }
    },
  };
}

function algorithmOf(key: KeyObject): string {
  if (key.asymmetricKeyType === 'rsa') return 'RS256';
  const algorithm = CURVE_ALGORITHMS[key.asymmetricKeyDetails?.namedCurve ?? ''];
  if (algorithm === undefined) throw new Error(`service account tokens cannot be signed with a key of type ${key.asymmetricKeyType}`);
  return algorithm;
}

/** Upstream's: the hash of the public key, so that it follows from the key alone. */
function keyIdOf(key: KeyObject): string {
  return createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('base64url');
}

function parsePayload(bytes: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'));
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
