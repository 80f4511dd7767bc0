/** The texts of a Secret that a driver is to get; none where no Secret is named. */
import { secrets } from '#api/generated/resources.ts';
import type { SecretReference } from '#api/generated/types.ts';
import type { Client } from '#client/client.ts';
import type { Texts } from './messages.ts';

export async function readSecret(reference: SecretReference | undefined, client: Client): Promise<Texts> {
  if (reference?.name === undefined || reference.name === '') return {};
  const { data = {} } = await client.resource(secrets).get({ namespace: reference.namespace ?? '', name: reference.name });
  return Object.fromEntries(Object.entries(data).map(([key, value]) => [key, Buffer.from(value, 'base64').toString('utf8')]));
}
