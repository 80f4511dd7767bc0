/**
 * One input: a request that might come from a client, from a broken one, or from somebody who means harm. Made of what is known of the API (kinds, verbs, patch types,
 * options), from chance alone, so that seed and number give it again. `run.ts` sends it.
 */
import { stringify } from 'yaml';
import type { ApiObject } from '#api/meta/resource-type.ts';
import { apiVersionOf } from '#api/meta/resource-type.ts';
import { encodeProtobufObject, isProtobufObject } from '../../apiserver/encoding/protobuf/protobuf-object.ts';
import { resourceDefinitions } from '../../apiserver/resources/index.ts';
import type { ResourceDefinition } from '../../apiserver/resources/resource-definition.ts';
import { reviewDefinitions } from '../../apiserver/review-definitions.ts';
import type { Chance } from './chance.ts';
import { samples } from './samples.ts';
import { anyText, anyValue, HOSTILE_KEYS, NAMES, nested, ofModel, spoil } from './values.ts';

export interface Input {
  readonly method: string;
  /** With its query, as it goes over the wire. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  /** Whether the answer may go on for ever: it is left when it has begun. */
  readonly isStream: boolean;
}

interface Kind {
  readonly apiVersion: string;
  readonly kind: string;
  readonly root: string;
  readonly plural: string;
  readonly schema: string;
  readonly isNamespaced: boolean;
  readonly subresources: readonly string[];
}

function kindOf({ type }: ResourceDefinition<ApiObject>): Kind {
  const { group, version, kind, plural, schema, isNamespaced, subresources } = type;
  const root = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
  return { apiVersion: apiVersionOf(type), kind, root, plural, schema, isNamespaced, subresources: subresources.map(({ name }) => name) };
}

const widgets = ['v1', 'v2'].map((version) => ({
  apiVersion: `fuzz.example/${version}`,
  kind: 'Widget',
  root: `/apis/fuzz.example/${version}`,
  plural: 'widgets',
  schema: 'ConfigMap',
  isNamespaced: true,
  subresources: ['status', 'scale'],
}));
const everyKind: readonly Kind[] = [...[...resourceDefinitions, ...reviewDefinitions].map(kindOf), ...widgets];
const sampled: readonly Kind[] = everyKind.filter(({ kind }) => kind in samples);

/** Deleting these would end what all other inputs rely on. */
const KEPT_NAMESPACES: ReadonlySet<string> = new Set(['default', 'fuzz']);

const ACCEPTS = [
  'application/json',
  'application/yaml',
  'application/vnd.kubernetes.protobuf, application/json',
  'application/json;as=Table;v=v1;g=meta.k8s.io',
  'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io',
  'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io',
  'text/html',
  '*/*',
  ';;;,,,',
] as const;

const PATCH_TYPES = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
] as const;

export function inputOf(chance: Chance): Input {
  const make = chance.weighted<(chance: Chance) => Input>([
    [40, writeInput],
    [25, patchInput],
    [15, readInput],
    [5, deleteInput],
    [8, subresourceInput],
    [2, watchInput],
    [5, strangeInput],
  ]);
  return make(chance);
}

function pickKind(chance: Chance): Kind {
  return chance.pick(chance.oneIn(3) ? everyKind : sampled);
}

function nameOf(chance: Chance): string {
  return chance.oneIn(25) ? anyText(chance) : chance.pick(NAMES);
}

/** Percent-encoded as a client does it; now and then as none does. */
function segment(text: string, chance: Chance): string {
  if (chance.oneIn(200)) return chance.pick(['%zz', '%', '%00', '%2e%2e', '..%2f', '%ff%fe']);
  return encodeURIComponent(text.toWellFormed());
}

function collectionPath(kind: Kind, chance: Chance, isEverywhere = false): string {
  if (!kind.isNamespaced || isEverywhere) return `${kind.root}/${kind.plural}`;
  const namespace = chance.oneIn(30) ? nameOf(chance) : chance.pick(['default', 'fuzz']);
  return `${kind.root}/namespaces/${segment(namespace, chance)}/${kind.plural}`;
}

function objectOf(kind: Kind, name: string, chance: Chance): unknown {
  const sample = samples[kind.kind];
  const made: object = sample !== undefined && !chance.oneIn(4) ? sample : ofModel(kind.schema, chance);
  const metadata: object = { ...(Reflect.get(made, 'metadata') ?? {}), name };
  const whole: unknown = { ...made, apiVersion: kind.apiVersion, kind: kind.kind, metadata: withMore(metadata, chance) };
  let object = whole;
  for (let spoilt = chance.pick([0, 0, 0, 1, 1, 3]); spoilt > 0; spoilt--) object = spoil(object, chance);
  return object;
}

function withMore(metadata: object, chance: Chance): object {
  if (!chance.oneIn(6)) return metadata;
  const extra = {
    labels: Object.fromEntries([[anyText(chance), anyText(chance)]]),
    annotations: Object.fromEntries([[chance.pick(HOSTILE_KEYS), anyText(chance)]]),
    finalizers: [anyText(chance)],
    ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'a', uid: anyText(chance) }],
    generateName: anyText(chance),
    resourceVersion: chance.pick(['', '0', '1', '99999999999999999999', 'x']),
    uid: anyText(chance),
    deletionTimestamp: '2026-01-01T00:00:00Z',
    managedFields: [{ manager: 'a', operation: 'Apply', apiVersion: 'v1', fieldsType: 'FieldsV1', fieldsV1: anyValue(chance) }],
  };
  const entries = Object.entries(extra).filter(() => chance.oneIn(4));
  return { ...metadata, ...Object.fromEntries(entries) };
}

interface Encoded {
  readonly contentType: string;
  readonly body: Buffer;
}

function encode(value: unknown, chance: Chance): Encoded {
  const form = chance.below(12);
  if (form === 0) return { contentType: 'application/yaml', body: Buffer.from(spoilText(stringify(value, { lineWidth: 0 }), chance)) };
  if (form < 3) return { contentType: 'application/vnd.kubernetes.protobuf', body: protobufOf(value, chance) };
  const contentType = chance.oneIn(50) ? anyText(chance).replace(/[^ -~]/g, '') : 'application/json';
  return { contentType, body: Buffer.from(spoilText(JSON.stringify(value) ?? '', chance)) };
}

/** Nearly always as it is; otherwise cut off, doubled, with a key twice, or with a piece of something else in it. */
function spoilText(text: string, chance: Chance): string {
  if (!chance.oneIn(25)) return text;
  const at = chance.below(text.length + 1);
  return chance.pick([
    text.slice(0, at),
    `${text}${text}`,
    text.slice(0, at) + text.slice(at + 1),
    `${text.slice(0, at)}\u0000${text.slice(at)}`,
    text.replace('{', '{"metadata":{"name":"twice"},'),
    `${text.slice(0, at)}${'['.repeat(500)}${text.slice(at)}`,
    '&a [*a, *a]',
    'a: &a {b: 1}\n<<: *a',
    '',
  ]);
}

function protobufOf(value: unknown, chance: Chance): Buffer {
  const bytes = Buffer.from(encodedOr(value));
  if (chance.oneIn(2)) return bytes;
  for (let spoilt = 1 + chance.below(6); spoilt > 0; spoilt--) bytes[chance.below(bytes.length)] = chance.below(256);
  return chance.oneIn(4) ? bytes.subarray(0, chance.below(bytes.length)) : bytes;
}

/** What has no protobuf form is sent as if it had. */
function encodedOr(value: unknown): Buffer {
  try {
    if (typeof value === 'object' && value !== null && isProtobufObject(value)) return encodeProtobufObject(value);
  } catch {
    // A spoilt object has members that no message can hold.
  }
  return Buffer.from(`k8s\u0000${JSON.stringify(value)}`);
}

function writeQuery(chance: Chance): string {
  if (!chance.oneIn(4)) return '';
  return query(chance, {
    dryRun: ['All', '', 'Some'],
    fieldManager: ['me', '', 'x'.repeat(200)],
    fieldValidation: ['Strict', 'Warn', 'Ignore', 'Never'],
    force: ['true', '1', 'x'],
    pretty: ['true'],
  });
}

function query(chance: Chance, options: Readonly<Record<string, readonly string[]>>): string {
  const parameters = Object.entries(options).filter(() => chance.oneIn(2));
  const pairs = parameters.map(([name, values]) => {
    const value = chance.oneIn(12) ? anyText(chance) : chance.pick(values);
    return `${name}=${encodeURIComponent(value.toWellFormed())}`;
  });
  if (chance.oneIn(60)) pairs.push(chance.pick(['%zz=1', '__proto__=1', 'a', '=', '&&', 'limit=1&limit=2']));
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`;
}

function writeInput(chance: Chance): Input {
  const kind = pickKind(chance);
  const name = nameOf(chance);
  const isNew = chance.oneIn(2);
  const { contentType, body } = encode(objectOf(kind, name, chance), chance);
  const collection = collectionPath(kind, chance);
  const path = isNew ? collection : `${collection}/${segment(name, chance)}`;
  return {
    method: isNew ? 'POST' : 'PUT',
    path: path + writeQuery(chance),
    headers: headersOf(chance, contentType),
    body,
    isStream: false,
  };
}

function patchInput(chance: Chance): Input {
  const kind = pickKind(chance);
  const name = nameOf(chance);
  const contentType = chance.pick(PATCH_TYPES);
  const path = `${collectionPath(kind, chance)}/${segment(name, chance)}`;
  const body = Buffer.from(spoilText(JSON.stringify(patchOf(contentType, kind, name, chance)) ?? '', chance));
  const isApply = contentType === 'application/apply-patch+yaml';
  const options = isApply ? `?fieldManager=${chance.pick(['a', 'b'])}${chance.oneIn(2) ? '&force=true' : ''}` : writeQuery(chance);
  return { method: 'PATCH', path: path + options, headers: headersOf(chance, contentType), body, isStream: false };
}

function patchOf(contentType: string, kind: Kind, name: string, chance: Chance): unknown {
  if (chance.oneIn(40)) return anyValue(chance);
  if (contentType === 'application/json-patch+json') return Array.from({ length: chance.below(4) }, () => operationOf(chance));
  const object = objectOf(kind, name, chance);
  if (contentType !== 'application/strategic-merge-patch+json' || typeof object !== 'object' || !chance.oneIn(3)) return object;
  const directives = {
    $patch: chance.pick(['delete', 'replace', 'merge', 'fly']),
    $retainKeys: anyValue(chance),
    '$setElementOrder/containers': anyValue(chance),
    '$deleteFromPrimitiveList/finalizers': anyValue(chance),
  };
  return { ...object, ...Object.fromEntries(Object.entries(directives).filter(() => chance.oneIn(2))) };
}

function operationOf(chance: Chance): unknown {
  const paths = [
    '/metadata/labels/a',
    '/metadata/annotations',
    '/spec',
    '/spec/replicas',
    '/data/a',
    '/metadata/name',
    '',
    '/',
    '/a/b/c',
    '/spec/containers/-',
    '/spec/containers/0/image',
    '/__proto__/polluted',
    '/constructor/prototype/polluted',
    '/metadata/__proto__/polluted',
    '/spec/containers/99999999',
    '/metadata/labels/~2',
  ] as const;
  return {
    op: chance.pick(['add', 'remove', 'replace', 'move', 'copy', 'test', 'fly']),
    path: chance.oneIn(20) ? anyValue(chance) : chance.pick(paths),
    from: chance.pick(paths),
    value: anyValue(chance),
  };
}

const SELECTORS = [
  'app=web',
  'app in (a,b)',
  '!app',
  'app,b!=c',
  'app=',
  'a/b=c',
  '(((',
  'app in (',
  '=,=,=',
  'x'.repeat(300),
  'app>5',
  ' , ,',
] as const;

function listQuery(chance: Chance): string {
  if (chance.oneIn(3)) return '';
  return query(chance, {
    labelSelector: SELECTORS,
    fieldSelector: [
      'metadata.name=a',
      'spec.nodeName=x',
      'status.phase!=Running',
      'nothing=1',
      'metadata.name',
      '==',
      'metadata.namespace=default',
    ],
    limit: ['1', '2', '500', '-1', 'x', '99999999999999999999'],
    continue: [
      'x',
      'eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MSwic3RhcnQiOiJhIn0',
      'e30',
      '!!!',
      'eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6LTEsInN0YXJ0IjoiLi4vLi4vIn0',
    ],
    resourceVersion: ['0', '1', '5', chance.oneIn(500) ? '99999999' : '2', '-1', 'x'],
    resourceVersionMatch: ['Exact', 'NotOlderThan', 'Never'],
    timeoutSeconds: ['1', '0', '-1', 'x'],
    pretty: ['true', 'false'],
    includeObject: ['None', 'Metadata', 'Object', 'All'],
  });
}

function readInput(chance: Chance): Input {
  const kind = pickKind(chance);
  const collection = collectionPath(kind, chance, chance.oneIn(4));
  const path = chance.oneIn(2) ? `${collection}/${segment(nameOf(chance), chance)}` : collection;
  return {
    method: chance.oneIn(30) ? 'HEAD' : 'GET',
    path: path + listQuery(chance),
    headers: headersOf(chance),
    body: Buffer.alloc(0),
    isStream: false,
  };
}

function deleteInput(chance: Chance): Input {
  const kind = pickKind(chance);
  const name = nameOf(chance);
  const collection = collectionPath(kind, chance);
  const isAll = chance.oneIn(6) && kind.plural !== 'namespaces';
  const isKept = kind.plural === 'namespaces' && KEPT_NAMESPACES.has(name);
  const path = isAll ? collection : `${collection}/${segment(isKept ? 'a' : name, chance)}`;
  const options = { kind: 'DeleteOptions', apiVersion: 'v1', ...ofModel('DeleteOptions', chance) };
  const { contentType, body } = chance.oneIn(2) ? encode(options, chance) : { contentType: 'application/json', body: Buffer.alloc(0) };
  return {
    method: 'DELETE',
    path: path + (isAll ? listQuery(chance) : writeQuery(chance)),
    headers: headersOf(chance, contentType),
    body,
    isStream: false,
  };
}

/** A connection to a kubelet is another suite's affair. */
const NOT_HERE: ReadonlySet<string> = new Set(['exec', 'attach', 'portforward', 'log', 'proxy']);

function subresourceInput(chance: Chance): Input {
  const kinds = everyKind.filter(({ subresources }) => subresources.length > 0);
  const kind = chance.pick(kinds);
  const subresource = chance.oneIn(30) ? anyText(chance) : chance.pick(kind.subresources);
  const name = nameOf(chance);
  const isHere = !NOT_HERE.has(subresource);
  const path = `${collectionPath(kind, chance)}/${segment(name, chance)}/${segment(isHere ? subresource : 'status', chance)}`;
  const method = chance.pick(['GET', 'PUT', 'POST', 'PATCH', 'DELETE']);
  const made = chance.oneIn(2)
    ? objectOf(kind, name, chance)
    : { metadata: { name }, spec: { replicas: chance.pick([0, 3, -1, 1e12]) }, target: { name: 'a' } };
  const { contentType, body } =
    method === 'PATCH' ? { contentType: chance.pick(PATCH_TYPES), body: Buffer.from(JSON.stringify(made)) } : encode(made, chance);
  const isRead = method === 'GET';
  return {
    method,
    path: path + writeQuery(chance),
    headers: headersOf(chance, contentType),
    body: isRead ? Buffer.alloc(0) : body,
    isStream: false,
  };
}

function watchInput(chance: Chance): Input {
  const kind = pickKind(chance);
  const options = query(chance, {
    resourceVersion: ['0', '1', '', 'x', '-5'],
    allowWatchBookmarks: ['true', 'x'],
    sendInitialEvents: ['true', 'false'],
    resourceVersionMatch: ['NotOlderThan', 'Exact'],
    labelSelector: SELECTORS,
    timeoutSeconds: ['1', '-1', 'x', '0'],
  });
  const path = `${collectionPath(kind, chance, chance.oneIn(2))}${options === '' ? '?' : `${options}&`}watch=${chance.pick(['1', 'true'])}`;
  return { method: 'GET', path, headers: headersOf(chance), body: Buffer.alloc(0), isStream: true };
}

/** What no client sends. */
function strangeInput(chance: Chance): Input {
  const roots = [
    '/',
    '/api',
    '/apis',
    '/api/v1',
    '/apis/apps',
    '/apis/apps/v1',
    '/apis/nowhere/v1',
    '/version',
    '/healthz',
    '/readyz',
    '/livez/ping',
    '/openapi/v3',
    '/openapi/v3/api/v1',
    '/openapi/v3/../x',
    '/.well-known/openid-configuration',
    '/logs',
    '//api//v1//pods',
    '/api/v1/namespaces/default/pods/a/b/c/d',
    '/api/v1/watch/pods',
    '/api/v1/__proto__',
    '/apis/__proto__/v1/constructor',
    `/${'a/'.repeat(200)}`,
  ] as const;
  const path = chance.oneIn(2)
    ? chance.pick(roots)
    : `/${Array.from({ length: chance.below(6) }, () => segment(anyText(chance), chance)).join('/')}`;
  const method = chance.pick(['GET', 'GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'HEAD', 'TRACE']);
  const body =
    method === 'GET' || method === 'HEAD'
      ? ''
      : JSON.stringify(chance.oneIn(3) ? nested(chance.pick([10, 1_000, 10_000]), chance) : anyValue(chance));
  return {
    method,
    path,
    headers: headersOf(chance, 'application/json'),
    body: Buffer.from(body ?? ''),
    isStream: path.includes('/watch/'),
  };
}

function headersOf(chance: Chance, contentType?: string): Record<string, string> {
  const headers: Record<string, string> = { accept: chance.oneIn(3) ? chance.pick(ACCEPTS) : 'application/json' };
  if (contentType !== undefined) headers['content-type'] = contentType;
  if (!chance.oneIn(20)) return headers;
  const more: Readonly<Record<string, readonly string[]>> = {
    'user-agent': ['', 'kubectl/v1.32', 'x'.repeat(2_000), '\u00e9'],
    'impersonate-user': ['a', '', 'system:serviceaccount:default:default'],
    'impersonate-group': ['system:masters', ''],
    'impersonate-extra-%zz': ['a'],
    'impersonate-uid': ['a'],
    authorization: ['Bearer x', 'Bearer a.b.c', 'Basic YTpi', 'Bearer'],
    'accept-encoding': ['gzip', 'br', '*', 'gzip;q=0', ';;;'],
    'if-none-match': ['"x"', '*', 'W/"x"'],
    connection: ['keep-alive', 'close'],
    upgrade: ['websocket', 'h2c'],
    expect: ['100-continue'],
    __proto__: ['a'],
  };
  const name = chance.pick(Object.keys(more));
  const values = more[name] ?? ['a'];
  return { ...headers, [name]: chance.pick(values) };
}
