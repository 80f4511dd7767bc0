/**
 * Volumes whose files the kubelet writes from ConfigMaps and Secrets, by themselves or projected: four sources that are alike but for how they
 * are written down. Used by the tests of volumes, which are tables over them.
 */
import type { Json } from '../../cluster.ts';
import type { TestScope } from '../framework/conformance-test.ts';

export interface VolumeOptions {
  readonly defaultMode?: number;
  readonly items?: readonly Json[];
  readonly optional?: boolean;
}

export interface Source {
  /** As tests of it are named. */
  readonly title: 'ConfigMap' | 'Secrets' | 'Projected configMap' | 'Projected secret';
  readonly kind: 'ConfigMap' | 'Secret';
  readonly resource: string;
  /** As the object keeps a value. */
  encode(value: string): string;
  /** What a pod's volume of it is, but for its name. */
  volume(name: string, options?: VolumeOptions): Json;
}

const configMap = { kind: 'ConfigMap', resource: 'v1/configmaps', encode: (value: string) => value } as const;
const secret = { kind: 'Secret', resource: 'v1/secrets', encode: (value: string) => Buffer.from(value).toString('base64') } as const;

/** The mode is the projection's, all else the projected source's. */
const projected =
  (kind: 'configMap' | 'secret') =>
  (name: string, { defaultMode, ...options }: VolumeOptions = {}): Json => ({
    projected: { sources: [{ [kind]: { name, ...options } }], ...(defaultMode === undefined ? {} : { defaultMode }) },
  });

export const sources: Readonly<Record<'configMap' | 'secret' | 'projectedConfigMap' | 'projectedSecret', Source>> = {
  configMap: { ...configMap, title: 'ConfigMap', volume: (name, options = {}) => ({ configMap: { name, ...options } }) },
  secret: { ...secret, title: 'Secrets', volume: (secretName, options = {}) => ({ secret: { secretName, ...options } }) },
  projectedConfigMap: { ...configMap, title: 'Projected configMap', volume: projected('configMap') },
  projectedSecret: { ...secret, title: 'Projected secret', volume: projected('secret') },
};

export type Values = Readonly<Record<string, string>>;

export function anObject({ kind, encode }: Source, name: string, values: Values): Json {
  const data = Object.fromEntries(Object.entries(values).map(([key, value]) => [key, encode(value)]));
  return { apiVersion: 'v1', kind, metadata: { name }, data };
}

export function createObject(t: TestScope, source: Source, name: string, values: Values, namespace = t.namespace): Promise<Json> {
  return t.resource(source.resource, namespace).create(anObject(source, name, values));
}
