/**
 * Volumes of a pod: what the API fills in and what it refuses. The sources that kubelets here can mount are checked closely; others are
 * stored as they are, and the kubelet says that it cannot mount them.
 */
import type { DownwardAPIVolumeFile, KeyToPath, Volume, VolumeProjection } from '../../generated/types.ts';
import { duplicate, forbiddenField, invalidValue, required } from '../../meta/field-path.ts';
import { dns1123LabelProblems } from '../../meta/names.ts';
import type { FieldProblem } from '../../meta/status.ts';
import { withDefined } from '../../meta/with-defined.ts';
import { defaultPullPolicy } from './image-name.ts';

/** `rw-r--r--`, for files whose volume says nothing else. */
const FILE_MODE_DEFAULT = 0o644;
const FILE_MODE_MAX = 0o777;

/** How long a projected token lasts unless its author says otherwise. */
const TOKEN_SECONDS_DEFAULT = 3600;

export function applyVolumeDefaults(volume: Volume): Volume {
  if (sourcesOf(volume).length === 0) return { ...volume, emptyDir: {} };
  const { configMap, secret, downwardAPI, projected, hostPath, image } = volume;
  return withDefined(volume, {
    configMap: configMap && { ...configMap, defaultMode: configMap.defaultMode ?? FILE_MODE_DEFAULT },
    secret: secret && { ...secret, defaultMode: secret.defaultMode ?? FILE_MODE_DEFAULT },
    downwardAPI:
      downwardAPI &&
      withDefined(downwardAPI, {
        defaultMode: downwardAPI.defaultMode ?? FILE_MODE_DEFAULT,
        items: downwardAPI.items?.map(applyDownwardDefaults),
      }),
    projected:
      projected &&
      withDefined(projected, {
        defaultMode: projected.defaultMode ?? FILE_MODE_DEFAULT,
        sources: projected.sources?.map(applyProjectionDefaults),
      }),
    hostPath: hostPath && { ...hostPath, type: hostPath.type ?? '' },
    image: image && { ...image, pullPolicy: image.pullPolicy || defaultPullPolicy(image.reference ?? '') },
  });
}

function applyDownwardDefaults(file: DownwardAPIVolumeFile): DownwardAPIVolumeFile {
  const { fieldRef, resourceFieldRef } = file;
  return withDefined(file, {
    fieldRef: fieldRef && { ...fieldRef, apiVersion: fieldRef.apiVersion || 'v1' },
    resourceFieldRef: resourceFieldRef && { ...resourceFieldRef, divisor: resourceFieldRef.divisor || '0' },
  });
}

function applyProjectionDefaults(projection: VolumeProjection): VolumeProjection {
  const { downwardAPI, serviceAccountToken: token } = projection;
  return withDefined(projection, {
    downwardAPI: downwardAPI && withDefined(downwardAPI, { items: downwardAPI.items?.map(applyDownwardDefaults) }),
    serviceAccountToken: token && { ...token, expirationSeconds: token.expirationSeconds ?? TOKEN_SECONDS_DEFAULT },
  });
}

function sourcesOf(volume: Volume): readonly string[] {
  return Object.entries(volume)
    .filter(([name, source]) => name !== 'name' && source !== undefined)
    .map(([name]) => name);
}

export function validateVolumes(volumes: readonly Volume[], field: string): readonly FieldProblem[] {
  const names = volumes.map(({ name }) => name);
  return volumes.flatMap((volume, index) => {
    const path = `${field}[${index}]`;
    const problems =
      volume.name === ''
        ? [required(`${path}.name`)]
        : dns1123LabelProblems(volume.name).map((problem) => invalidValue(`${path}.name`, volume.name, problem));
    if (volume.name !== '' && names.indexOf(volume.name) < index) problems.push(duplicate(`${path}.name`, volume.name));
    const surplus = sourcesOf(volume).slice(1);
    problems.push(...surplus.map((source) => forbiddenField(`${path}.${source}`, 'may not specify more than 1 volume type')));
    return [...problems, ...validateSource(volume, path)];
  });
}

function validateSource(volume: Volume, field: string): readonly FieldProblem[] {
  const { hostPath, secret, configMap, persistentVolumeClaim, projected, downwardAPI } = volume;
  const problems: FieldProblem[] = [];
  if (hostPath !== undefined) problems.push(...validateHostPath(hostPath.path, `${field}.hostPath.path`));
  if (secret !== undefined) {
    if (!secret.secretName) problems.push(required(`${field}.secret.secretName`));
    problems.push(...validateFiles(secret, `${field}.secret`));
  }
  if (configMap !== undefined) {
    if (!configMap.name) problems.push(required(`${field}.configMap.name`));
    problems.push(...validateFiles(configMap, `${field}.configMap`));
  }
  if (persistentVolumeClaim?.claimName === '') problems.push(required(`${field}.persistentVolumeClaim.claimName`));
  if (downwardAPI !== undefined) problems.push(...validateMode(downwardAPI.defaultMode, `${field}.downwardAPI.defaultMode`));
  if (projected !== undefined) problems.push(...validateMode(projected.defaultMode, `${field}.projected.defaultMode`));
  return problems;
}

function validateHostPath(path: string, field: string): readonly FieldProblem[] {
  if (path === '') return [required(field)];
  return path.split('/').includes('..') ? [invalidValue(field, path, "must not contain '..'")] : [];
}

interface FileSource {
  readonly defaultMode?: number;
  readonly items?: readonly KeyToPath[];
}

function validateFiles({ defaultMode, items = [] }: FileSource, field: string): readonly FieldProblem[] {
  return [
    ...validateMode(defaultMode, `${field}.defaultMode`),
    ...items.flatMap(({ key, path, mode }, index) => {
      const at = `${field}.items[${index}]`;
      const problems = key === '' ? [required(`${at}.key`)] : [];
      return [...problems, ...validateRelativePath(path, `${at}.path`), ...validateMode(mode, `${at}.mode`)];
    }),
  ];
}

function validateRelativePath(path: string, field: string): readonly FieldProblem[] {
  if (path === '') return [required(field)];
  if (path.startsWith('/')) return [invalidValue(field, path, 'must be a relative path')];
  if (path.split('/').includes('..')) return [invalidValue(field, path, "must not contain '..'")];
  return path.startsWith('..') ? [invalidValue(field, path, "must not start with '..'")] : [];
}

function validateMode(mode: number | undefined, field: string): readonly FieldProblem[] {
  if (mode === undefined || (mode >= 0 && mode <= FILE_MODE_MAX)) return [];
  return [invalidValue(field, mode, 'must be a number between 0 and 0777 (octal), both inclusive')];
}
