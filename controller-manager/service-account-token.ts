/**
 * Fills Secrets of type `kubernetes.io/service-account-token` that somebody made for a service account: a token that does not expire, the cluster's authority, the namespace.
 * A Secret whose account is gone goes too, and an account no longer names a Secret that went. The key is the Secret's. Upstream:
 * pkg/controller/serviceaccount/tokens_controller.go.
 */
import { isDeepStrictEqual } from 'node:util';
import { secrets as secretsType, serviceaccounts } from '#api/generated/resources.ts';
import type { Secret, ServiceAccount } from '#api/generated/types.ts';
import { formatKey, keyOf, type ObjectKey } from '#api/meta/object-key.ts';
import { isReason } from '#api/meta/status.ts';
import { type Action, remove, update } from '#client/apply-actions.ts';
import { type ControllerDefinition, onRelatedChange, type Trigger } from '#client/controller.ts';
import type { SharedCaches } from './shared-caches.ts';

const TOKEN_TYPE = 'kubernetes.io/service-account-token';
const NAME_ANNOTATION = 'kubernetes.io/service-account.name';
const UID_ANNOTATION = 'kubernetes.io/service-account.uid';
/** As upstream's --concurrent-serviceaccount-token-syncs. */
const WORKERS = 5;

export interface TokenConfig {
  /** PEM of the cluster's authority, for whoever uses the token. */
  readonly rootCa: string;
  /** PEM of what signs service account tokens. */
  readonly serviceAccountKey: string;
}

export type ServiceAccountTokenSnapshot =
  | {
      readonly secret: Secret;
      /** Undefined when there is none of this name and uid. */
      readonly account: ServiceAccount | undefined;
      readonly rootCa: string;
      /** For a Secret that has no token yet. */
      readonly token: string | undefined;
    }
  | { readonly gone: ObjectKey; readonly account: ServiceAccount };

export function serviceAccountTokenController(
  caches: SharedCaches,
  config: TokenConfig,
): ControllerDefinition<ServiceAccountTokenSnapshot> {
  const owners = new Map<string, string>();
  return {
    name: 'service-account-token',
    informers: [caches.secrets, caches.serviceAccounts],
    triggers: [
      onTokenSecret(caches, owners),
      onRelatedChange(caches.serviceAccounts, ({ metadata }) =>
        caches.secrets.store
          .list(metadata.namespace)
          .filter((secret) => isToken(secret) && accountNameOf(secret) === metadata.name)
          .map(keyOf),
      ),
    ],
    snapshot: (key) => snapshotToken(key, caches, config, owners),
    reconcile: reconcileToken,
    workers: WORKERS,
  };
}

/** Whose a Secret was is known only while it is being forgotten. */
function onTokenSecret({ secrets }: SharedCaches, owners: Map<string, string>): Trigger {
  return (enqueue) =>
    secrets.onChange(({ type, object }) => {
      if (!isToken(object)) return;
      if (type === 'deleted') owners.set(formatKey(keyOf(object)), accountNameOf(object));
      enqueue(keyOf(object));
    });
}

async function snapshotToken(
  key: ObjectKey,
  caches: SharedCaches,
  { rootCa, serviceAccountKey }: TokenConfig,
  owners: Map<string, string>,
): Promise<ServiceAccountTokenSnapshot | undefined> {
  const secret = caches.secrets.store.find(key);
  if (secret === undefined) {
    const account = caches.serviceAccounts.store.find({ ...key, name: owners.get(formatKey(key)) ?? '' });
    owners.delete(formatKey(key));
    return account === undefined ? undefined : { gone: key, account };
  }
  if (!isToken(secret)) return undefined;
  const account = await findAccount(secret, caches);
  if (account === undefined || secret.data?.token !== undefined) return { secret, account, rootCa, token: undefined };
  const { signToken } = await import('./service-account-token/sign-token.ts');
  return { secret, account, rootCa, token: await signToken(account, secret, serviceAccountKey) };
}

/** A Secret is not removed because our copy of the accounts is behind. */
async function findAccount(secret: Secret, { serviceAccounts, client }: SharedCaches): Promise<ServiceAccount | undefined> {
  const key = { namespace: secret.metadata.namespace ?? '', name: accountNameOf(secret) };
  const cached = serviceAccounts.store.find(key);
  if (cached !== undefined && isAccountOf(secret, cached)) return cached;
  try {
    const live = await client.resource(serviceaccounts).get(key);
    return isAccountOf(secret, live) ? live : undefined;
  } catch (error) {
    if (isReason(error, 'NotFound')) return undefined;
    throw error;
  }
}

export function reconcileToken(snapshot: ServiceAccountTokenSnapshot): readonly Action[] {
  if ('gone' in snapshot) return forget(snapshot.account, snapshot.gone.name);
  const { secret, account, rootCa, token } = snapshot;
  if (account === undefined) return [remove(secretsType, secret)];
  const { name, uid, namespace = '' } = account.metadata;
  const annotations = { ...secret.metadata.annotations, [NAME_ANNOTATION]: name, [UID_ANNOTATION]: uid };
  const data = {
    ...secret.data,
    ...(token === undefined ? {} : { token: encode(token) }),
    'ca.crt': encode(rootCa),
    namespace: encode(namespace),
  };
  if (isDeepStrictEqual(secret.data, data) && isDeepStrictEqual(secret.metadata.annotations, annotations)) return [];
  return [update(secretsType, { ...secret, metadata: { ...secret.metadata, annotations }, data })];
}

function forget(account: ServiceAccount, secretName: string): readonly Action[] {
  const named = account.secrets ?? [];
  const secrets = named.filter(({ name }) => name !== secretName);
  return secrets.length === named.length ? [] : [update(serviceaccounts, { ...account, secrets })];
}

function isToken({ type }: Secret): boolean {
  return type === TOKEN_TYPE;
}

function accountNameOf({ metadata }: Secret): string {
  return metadata.annotations?.[NAME_ANNOTATION] ?? '';
}

function isAccountOf({ metadata }: Secret, account: ServiceAccount): boolean {
  const uid = metadata.annotations?.[UID_ANNOTATION] ?? '';
  return uid === '' || uid === account.metadata.uid;
}

function encode(text: string): string {
  return Buffer.from(text).toString('base64');
}
