/** The server and the credentials that a kubeconfig's current context names: certificates, as data or as files, or a token. */
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parse } from 'yaml';
import type { Target } from './connection.ts';

/** Throws for a file that names no server. */
export function readTarget(path: string): Target {
  const config: unknown = parse(readFileSync(path, 'utf8'));
  const context = entryOf(config, 'contexts', 'context', textOf(config, 'current-context'));
  const cluster = entryOf(config, 'clusters', 'cluster', textOf(context, 'cluster'));
  const user = entryOf(config, 'users', 'user', textOf(context, 'user'));
  const server = textOf(cluster, 'server');
  if (server === '') throw new Error(`${path}: its current context names no server`);
  const pem = (holder: unknown, field: string) => pemOf(holder, field, dirname(path));
  const [certificate, key, token] = [pem(user, 'client-certificate'), pem(user, 'client-key'), textOf(user, 'token')];
  return {
    server,
    ca: pem(cluster, 'certificate-authority'),
    ...(certificate !== '' && key !== '' ? { certificate, key } : {}),
    ...(token === '' ? {} : { token }),
  };
}

function entryOf(config: unknown, list: string, member: string, name: string): unknown {
  const entries = memberOf(config, list);
  const found = Array.isArray(entries) ? entries.find((entry) => textOf(entry, 'name') === name) : undefined;
  return memberOf(found, member);
}

function pemOf(holder: unknown, field: string, folder: string): string {
  const data = textOf(holder, `${field}-data`);
  if (data !== '') return Buffer.from(data, 'base64').toString();
  const file = textOf(holder, field);
  return file === '' ? '' : readFileSync(resolve(folder, file), 'utf8');
}

function textOf(holder: unknown, field: string): string {
  const value = memberOf(holder, field);
  return typeof value === 'string' ? value : '';
}

function memberOf(holder: unknown, field: string): unknown {
  return typeof holder === 'object' && holder !== null ? Reflect.get(holder, field) : undefined;
}
