/** Secrets: `stringData` becomes `data`, each type has the keys it promises, and an immutable one stays as it is. */
import type { Secret } from '../../generated/types.ts';
import { invalidValue, required, tooLong } from '../../meta/field-path.ts';
import { dns1123SubdomainProblems } from '../../meta/names.ts';
import type { FieldProblem } from '../../meta/status.ts';
import { validateImmutable, validateObjectMeta } from '../../meta/validation.ts';
import { without } from '../../meta/with-defined.ts';
import { DATA_BYTES_MAX, dataBytes, validateDataKeys, validateImmutableData } from './config-map.ts';

export function applySecretDefaults(secret: Secret): Secret {
  const { stringData } = secret;
  const typed = { ...without(secret, 'stringData'), type: secret.type || 'Opaque' };
  if (stringData === undefined) return typed;
  // Plain text is for writing only: it is stored encoded and never comes back.
  const encoded = Object.entries(stringData).map(([key, text]) => [key, Buffer.from(text).toString('base64')] as const);
  return { ...typed, data: { ...secret.data, ...Object.fromEntries(encoded) } };
}

/** The keys that readers of a type rely on; of the alternatives of one entry any will do. */
const promisedKeys: ReadonlyMap<string, readonly string[]> = new Map([
  ['kubernetes.io/dockercfg', ['.dockercfg']],
  ['kubernetes.io/dockerconfigjson', ['.dockerconfigjson']],
  ['kubernetes.io/ssh-auth', ['ssh-privatekey']],
  ['kubernetes.io/tls', ['tls.crt', 'tls.key']],
]);

export function validateSecret(secret: Secret): readonly FieldProblem[] {
  const { data = {}, type = '' } = secret;
  const problems = [
    ...validateObjectMeta(secret.metadata, { isNamespaced: true, nameRule: dns1123SubdomainProblems }),
    ...validateDataKeys(data, 'data'),
  ];
  if (dataBytes(data, 'base64') > DATA_BYTES_MAX) problems.push(tooLong('data', DATA_BYTES_MAX));
  const missing = (promisedKeys.get(type) ?? []).filter((key) => !Object.hasOwn(data, key));
  problems.push(...missing.map((key) => required(`data[${key}]`)));
  if (type === 'kubernetes.io/basic-auth' && !Object.hasOwn(data, 'username') && !Object.hasOwn(data, 'password')) {
    problems.push(required('data[username]'), required('data[password]'));
  }
  if (type === 'kubernetes.io/service-account-token' && !secret.metadata.annotations?.['kubernetes.io/service-account.name']) {
    problems.push(required('metadata.annotations[kubernetes.io/service-account.name]'));
  }
  return [...problems, ...validateDockerConfig(data, type)];
}

function validateDockerConfig(data: Readonly<Record<string, string>>, type: string): readonly FieldProblem[] {
  const [key] =
    type.startsWith('kubernetes.io/dockercfg') || type.startsWith('kubernetes.io/dockerconfig') ? (promisedKeys.get(type) ?? []) : [];
  const text = key === undefined ? undefined : data[key];
  if (key === undefined || text === undefined) return [];
  try {
    JSON.parse(Buffer.from(text, 'base64').toString());
    return [];
  } catch {
    return [invalidValue(`data[${key}]`, '<secret contents redacted>', 'invalid character: the value must be JSON')];
  }
}

export function validateSecretUpdate(secret: Secret, previous: Secret): readonly FieldProblem[] {
  return [...validateImmutable(secret.type, previous.type, 'type'), ...validateImmutableData(secret, previous, ['data'])];
}
