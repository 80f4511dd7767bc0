/**
 * CustomResourceDefinitions for tests: each in an API group of its own, so that tests run beside each other, waited for until the server
 * serves it, and deleted with all its objects after the test.
 */
import type { Json } from '../../cluster.ts';
import type { TestScope } from './conformance-test.ts';
import { eventually } from './expect.ts';
import type { Resource } from './resource.ts';

/** Takes any object: for tests that look at something else. */
export const ANY_SCHEMA: Json = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };

export interface DefinitionOptions {
  /** Distinguishes the groups of one test's definitions. */
  readonly group?: string;
  readonly scope?: 'Namespaced' | 'Cluster';
  /** By default one version, v1, stored, that takes any object. Missing fields are filled in: served, the first one stored. */
  readonly versions?: readonly Json[];
  readonly kind?: string;
  /** More of `spec`. */
  readonly spec?: Json;
  readonly labels?: Readonly<Record<string, string>>;
}

/** The definition as an object, not yet created. */
export function aDefinition(t: TestScope, options: DefinitionOptions = {}): Json {
  const group = `${options.group ?? 'group'}-${t.suffix}.example.com`;
  const kind = options.kind ?? 'Thing';
  const plural = `${kind.toLowerCase()}s`;
  const versions = options.versions ?? [{ name: 'v1' }];
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}`, labels: options.labels ?? {} },
    spec: {
      group,
      scope: options.scope ?? 'Namespaced',
      names: { plural, singular: kind.toLowerCase(), kind, listKind: `${kind}List` },
      versions: versions.map((version, index) => ({
        served: true,
        storage: index === 0,
        schema: { openAPIV3Schema: ANY_SCHEMA },
        ...version,
      })),
      ...options.spec,
    },
  };
}

export interface Defined {
  /** As the server stored it. */
  readonly definition: Json;
  readonly group: string;
  readonly kind: string;
  readonly plural: string;
  /** Its objects in the test's namespace (or the cluster's, as its scope says), in a version; the first one by default. */
  objects(version?: string): Resource;
  /** `group/version` */
  apiVersion(version?: string): string;
}

export const DEFINITIONS = 'apiextensions.k8s.io/v1/customresourcedefinitions';

/** Creates it and waits until it is established and answers in every served version. */
export async function define(t: TestScope, definition: Json): Promise<Defined> {
  const definitions = t.resource(DEFINITIONS, '');
  await definitions.create(definition);
  t.cleanUp(() => definitions.delete(definition.metadata.name));
  const established = await untilEstablished(t, definition.metadata.name);
  const { group, names, versions, scope } = definition.spec;
  const namespace = scope === 'Namespaced' ? t.namespace : '';
  const objects = (version: string = versions[0].name): Resource => t.resource(`${group}/${version}/${names.plural}`, namespace);
  for (const version of versions.filter(({ served }: Json) => served)) await untilServed(objects(version.name));
  return {
    definition: established,
    group,
    kind: names.kind,
    plural: names.plural,
    objects,
    apiVersion: (version = versions[0].name) => `${group}/${version}`,
  };
}

export function untilEstablished(t: TestScope, name: string): Promise<Json> {
  return t.resource(DEFINITIONS, '').until(name, `${name} is established`, (found) => isEstablished(found) && found);
}

function isEstablished(definition: Json): boolean {
  return (definition?.status?.conditions ?? []).some(({ type, status }: Json) => type === 'Established' && status === 'True');
}

/** What serves it may hear of it a moment later than the one who established it. */
export async function untilServed(objects: Resource): Promise<void> {
  await eventually(`${objects.path} is served`, async () => (await objects.list()) !== undefined);
}
