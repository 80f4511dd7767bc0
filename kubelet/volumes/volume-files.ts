/**
 * The files of a volume that is made of API objects (configMap, secret, downwardAPI, serviceAccountToken and projections of them): names,
 * contents and modes, from the objects it is given. Pure. A missing object or key throws `ConfigError` in upstream's words, unless optional.
 */
import type { ConfigMap, DownwardAPIVolumeFile, KeyToPath, Pod, Secret, Volume, VolumeProjection } from '#api/generated/types.ts';
import { ConfigError, type ReferenceLookup } from '../environment.ts';
import { type PodFacts, podFieldValue, resourceFieldValue } from '../pod-fields.ts';

export interface VolumeFile {
  /** Relative, without `..`. */
  readonly path: string;
  readonly content: Uint8Array;
  readonly mode: number;
  /** Whose file it is; root's if absent. */
  readonly ownerId?: number;
}

export interface VolumeFilesContext {
  readonly pod: Pod;
  readonly facts: PodFacts;
  readonly lookup: ReferenceLookup;
  /** Tokens by `tokenKey` of the projection that asks. */
  readonly tokens: ReadonlyMap<string, string>;
}

const DEFAULT_MODE = 0o644;
const TOKEN_MODE = 0o600;

/** Undefined for a volume that is made of something else. */
export function renderVolumeFiles(volume: Volume, context: VolumeFilesContext): readonly VolumeFile[] | undefined {
  const { configMap, secret, downwardAPI, projected } = volume;
  if (configMap !== undefined) return checked(filesOf({ configMap }, configMap.defaultMode, context));
  if (secret !== undefined) {
    const { secretName: name = '', ...rest } = secret;
    return checked(filesOf({ secret: { ...rest, name } }, secret.defaultMode, context));
  }
  if (downwardAPI !== undefined) return checked(filesOf({ downwardAPI }, downwardAPI.defaultMode, context));
  if (projected === undefined) return undefined;
  return checked((projected.sources ?? []).flatMap((source) => filesOf(source, projected.defaultMode, context)));
}

/** The same request for a token gives the same token. */
export function tokenKey({ audience = '', expirationSeconds = 3600 }: NonNullable<VolumeProjection['serviceAccountToken']>): string {
  return `${audience}/${expirationSeconds}`;
}

function filesOf(source: VolumeProjection, defaultMode = DEFAULT_MODE, context: VolumeFilesContext): readonly VolumeFile[] {
  if (source.configMap !== undefined) {
    const { name = '', items, optional = false } = source.configMap;
    const found = context.lookup.configMap(name);
    if (found === undefined && !optional) throw new ConfigError(`configmap "${name}" not found`);
    return pickItems(configMapContents(found), items, defaultMode, optional);
  }
  if (source.secret !== undefined) {
    const { name = '', items, optional = false } = source.secret;
    const found = context.lookup.secret(name);
    if (found === undefined && !optional) throw new ConfigError(`secret "${name}" not found`);
    return pickItems(secretContents(found), items, defaultMode, optional);
  }
  if (source.downwardAPI !== undefined) {
    return (source.downwardAPI.items ?? []).map((item) => ({
      path: item.path,
      content: Buffer.from(downwardValue(item, context)),
      mode: item.mode ?? defaultMode,
    }));
  }
  if (source.serviceAccountToken !== undefined) {
    const token = context.tokens.get(tokenKey(source.serviceAccountToken)) ?? '';
    return [{ path: source.serviceAccountToken.path, content: Buffer.from(token), ...tokenAccess(context.pod, defaultMode) }];
  }
  throw new ConfigError(`projected volume source ${Object.keys(source).join(', ')} is not supported by this kubelet`);
}

/**
 * A token is for the pod's programs alone: where they all run as one user it is that user's, and with an fsGroup the group's; only where neither is known
 * may everybody read it.
 */
function tokenAccess({ spec }: Pod, defaultMode: number): { readonly mode: number; readonly ownerId?: number } {
  const users = new Set(
    [...(spec.initContainers ?? []), ...spec.containers].map(
      ({ securityContext }) => securityContext?.runAsUser ?? spec.securityContext?.runAsUser,
    ),
  );
  const [ownerId] = users.size === 1 ? users : [];
  if (ownerId !== undefined) return { mode: TOKEN_MODE, ownerId };
  return { mode: spec.securityContext?.fsGroup === undefined ? defaultMode : TOKEN_MODE };
}

function downwardValue({ fieldRef, resourceFieldRef }: DownwardAPIVolumeFile, { pod, facts }: VolumeFilesContext): string {
  if (fieldRef !== undefined) return podFieldValue(pod, fieldRef, facts);
  return resourceFieldRef === undefined ? '' : resourceFieldValue(pod, resourceFieldRef, undefined, facts);
}

function configMapContents(configMap: ConfigMap | undefined): ReadonlyMap<string, Uint8Array> {
  const texts = Object.entries(configMap?.data ?? {}).map(([key, text]) => [key, Buffer.from(text)] as const);
  const binaries = Object.entries(configMap?.binaryData ?? {}).map(([key, text]) => [key, Buffer.from(text, 'base64')] as const);
  return new Map([...texts, ...binaries]);
}

function secretContents(secret: Secret | undefined): ReadonlyMap<string, Uint8Array> {
  return new Map(Object.entries(secret?.data ?? {}).map(([key, text]) => [key, Buffer.from(text, 'base64')]));
}

/** All keys under their own names, or the named ones under the paths they are given. */
function pickItems(
  contents: ReadonlyMap<string, Uint8Array>,
  items: readonly KeyToPath[] | undefined,
  defaultMode: number,
  optional: boolean,
): readonly VolumeFile[] {
  const wanted: readonly KeyToPath[] = items ?? [...contents.keys()].map((key) => ({ key, path: key }));
  return wanted.flatMap(({ key, path, mode }) => {
    const content = contents.get(key);
    if (content !== undefined) return [{ path, content, mode: mode ?? defaultMode }];
    if (optional) return [];
    throw new ConfigError(`references non-existent config key: ${key}`);
  });
}

/** The API refuses such paths; a file outside the volume would be a way out of the pod, so they are refused here too. */
function checked(files: readonly VolumeFile[]): readonly VolumeFile[] {
  for (const { path } of files) {
    const isInside = path !== '' && !path.startsWith('/') && !path.split('/').includes('..') && !path.startsWith('..');
    if (!isInside) throw new ConfigError(`invalid path: must be relative and inside the volume: ${path}`);
  }
  return files;
}
