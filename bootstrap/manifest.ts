/**
 * Reads manifests: YAML with any number of objects in it, each checked to be one the API server can be asked to create. Used for the
 * add-ons and by `keelson start` for the hello application.
 */
import { parseAllDocuments } from 'yaml';
import { allResourceTypes } from '#api/generated/resources.ts';
import { type ApiObject, apiVersionOf, type ResourceType } from '#api/meta/resource-type.ts';

export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly [field: string]: unknown;
}

/** Gives the objects in order; throws on what is not one, naming its place. Those of a namespaced kind land in `default` unless they say otherwise. */
export function parseManifests(yaml: string): readonly Manifest[] {
  return parseAllDocuments(yaml).flatMap((document, index) => {
    if (document.errors[0] !== undefined) throw new Error(`document ${index + 1}`, { cause: document.errors[0] });
    const content: unknown = document.toJS();
    return content === null ? [] : [decodeManifest(content, `document ${index + 1}`)];
  });
}

/** The resource an object belongs to, by its apiVersion and kind. */
export function resourceTypeOf(manifest: Pick<Manifest, 'apiVersion' | 'kind'>): ResourceType<ApiObject> {
  const found = allResourceTypes.find((type) => type.kind === manifest.kind && apiVersionOf(type) === manifest.apiVersion);
  if (found === undefined) throw new Error(`there is no kind ${manifest.kind} in ${manifest.apiVersion}`);
  return found;
}

function decodeManifest(content: unknown, place: string): Manifest {
  if (!isRecord(content)) throw new Error(`${place} is not an object`);
  const { apiVersion, kind, metadata } = content;
  if (typeof apiVersion !== 'string' || typeof kind !== 'string') throw new Error(`${place} has no apiVersion or kind`);
  if (!isRecord(metadata) || typeof metadata.name !== 'string') throw new Error(`${place} has no metadata.name`);
  const isNamespaced = resourceTypeOf({ apiVersion, kind }).isNamespaced;
  const namespace = typeof metadata.namespace === 'string' ? metadata.namespace : 'default';
  return { ...content, apiVersion, kind, metadata: { ...metadata, name: metadata.name, ...(isNamespaced ? { namespace } : {}) } };
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
