/**
 * What our schemas are called in OpenAPI documents: upstream's names, made of the package that a model is declared in. A model belongs to the group that first
 * uses it, core first, so it has one name in all documents, whichever kinds are served. Called by `models.ts`.
 */
import { allResourceTypes } from '#api/generated/resources.ts';
import { modelNames, schemas } from '#api/generated/schemas.ts';

export const META_PACKAGE = 'io.k8s.apimachinery.pkg.apis.meta.v1';

/** Kinds of the API machinery itself, which belong to no group. */
const META_MODELS = [
  'Condition',
  'DeleteOptions',
  'FieldSelectorRequirement',
  'LabelSelector',
  'LabelSelectorRequirement',
  'ListMeta',
  'ManagedFieldsEntry',
  'ObjectMeta',
  'OwnerReference',
  'Preconditions',
  'Status',
  'StatusCause',
  'StatusDetails',
] as const;

/** Kinds of subresources: no resource of their own leads to them. */
export const SUBRESOURCE_KINDS: Readonly<Record<string, { readonly group: string; readonly version: string; readonly kind: string }>> = {
  AuthenticationTokenRequest: { group: 'authentication.k8s.io', version: 'v1', kind: 'TokenRequest' },
  Eviction: { group: 'policy', version: 'v1', kind: 'Eviction' },
  Scale: { group: 'autoscaling', version: 'v1', kind: 'Scale' },
};

/** Groups whose types upstream keeps elsewhere. */
const PACKAGES: Readonly<Record<string, string>> = {
  'apiextensions.k8s.io': 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions',
  'apiregistration.k8s.io': 'io.k8s.kube-aggregator.pkg.apis.apiregistration',
};

const packages = packagesOf();

export function modelName(schemaName: string): string {
  return `${packages.get(schemaName) ?? META_PACKAGE}.${modelNames[schemaName] ?? schemaName}`;
}

function packagesOf(): ReadonlyMap<string, string> {
  const found = new Map<string, string>(META_MODELS.map((name) => [name, META_PACKAGE]));
  const roots = [
    ...allResourceTypes.filter(({ group }) => group === ''),
    { group: '', version: 'v1', schema: 'TopologySelectorTerm' },
    ...Object.entries(SUBRESOURCE_KINDS).map(([schema, place]) => ({ ...place, schema })),
    ...allResourceTypes.filter(({ group }) => group !== ''),
  ];
  for (const { group, version, schema } of roots) {
    const name = `${PACKAGES[group] ?? `io.k8s.api.${group === '' ? 'core' : (group.split('.')[0] ?? '')}`}.${version}`;
    const waiting = [schema];
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      if (found.has(next)) continue;
      found.set(next, name);
      waiting.push(
        ...Object.values(schemas[next] ?? {})
          .map(bareFormat)
          .filter(isModel),
      );
    }
  }
  return found;
}

function isModel(format: string): boolean {
  return Object.hasOwn(schemas, format);
}

function bareFormat(format: string): string {
  return format.replace(/^(\[\]|\{\})+/, '').replace('!', '');
}
