/**
 * Generates `api/generated/` from the models and API classes of `@kubernetes/client-node`, which carries upstream's own
 * description of Kubernetes 1.36. Run by `npm run generate`. Three files come out: the types (`types.ts`), the fields with their
 * formats (`schemas.ts`), and the resources with their paths, verbs and subresources (`resources.ts`).
 * Upstream's prose is left out; only names, types and formats are carried over.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const source = fileURLToPath(new URL('../node_modules/@kubernetes/client-node/dist/gen/', import.meta.url));
const target = fileURLToPath(new URL('../api/generated/', import.meta.url));

/** API versions that are generated: what upstream calls stable. */
const STABLE_API = /^\/(api\/v1|apis\/[a-z0-9.]+\/v[12])\//;

/** Classes of what has become stable since, with the models of its last beta version: Kubernetes' conformance tests ask for it. */
const PROMOTED_APIS: ReadonlySet<string> = new Set(['StoragemigrationV1beta1Api.js']);

/** Fields that hold a quantity; the source describes them as plain strings. `Model.field` in the generated names. */
const QUANTITY_FIELDS = new Set(
  [
    'CSIStorageCapacity: capacity maximumVolumeSize',
    'CapacityRequestPolicy: default validValues',
    'CapacityRequestPolicyRange: max min step',
    'CapacityRequirements: requests',
    'ContainerStatus: allocatedResources',
    'Counter: value',
    'DeviceCapacity: value',
    'DeviceRequestAllocationResult: consumedCapacity',
    'EmptyDirVolumeSource: sizeLimit',
    'LimitRangeItem: default defaultRequest max maxLimitRequestRatio min',
    'NodeAllocatableResourceClaimStatus: resources',
    'NodeAllocatableResourceMapping: allocationMultiplier',
    'NodeStatus: allocatable capacity',
    'Overhead: podFixed',
    'PersistentVolumeClaimStatus: allocatedResources capacity',
    'PersistentVolumeSpec: capacity',
    'PodSpec: overhead',
    'PodStatus: allocatedResources',
    'ResourceFieldSelector: divisor',
    'ResourceQuotaSpec: hard',
    'ResourceQuotaStatus: hard used',
    'ResourceRequirements: limits requests',
    'VolumeResourceRequirements: limits requests',
    'V2HPAScalingRules: tolerance',
    'V2MetricTarget: averageValue value',
    'V2MetricValueStatus: averageValue value',
  ].flatMap((line) => {
    const [model = '', fields = ''] = line.split(': ');
    return fields.split(' ').map((field) => `${model}.${field}`);
  }),
);

interface Field {
  readonly name: string;
  readonly type: string;
  readonly format: string;
  readonly isRequired: boolean;
}

interface Resource {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly isNamespaced: boolean;
  readonly model: string;
  readonly verbs: Set<string>;
  readonly subresources: Map<string, { readonly kind: string; readonly verbs: Set<string> }>;
}

/** `V1Pod` → `Pod`, `CoreV1Event` → `Event`, `EventsV1Event` → `EventsEvent`; other versions keep theirs. */
function typeName(model: string): string {
  const grouped = /^([A-Z][a-z]+)V1([A-Z].*)$/.exec(model);
  if (grouped) return `${grouped[1] === 'Core' ? '' : grouped[1]}${grouped[2]}`;
  return model.replace(/^V1(?:beta1)?([A-Z])/, '$1');
}

/** The kind as the API spells it: `EventsV1Event` → `Event`. */
function kindName(model: string): string {
  return model.replace(/^([A-Z][a-z]+)?V\d+(?:beta\d+)?/, '');
}

function readFields(model: string): readonly Field[] {
  const code = readFileSync(`${source}models/${model}.js`, 'utf8');
  const declarations = readFileSync(`${source}models/${model}.d.ts`, 'utf8');
  const table = /attributeTypeMap = (\[[\s\S]*?\n\]);/.exec(code)?.[1] ?? '[]';
  const rows: readonly { name: string; baseName: string; type: string; format: string }[] = JSON.parse(table);
  return rows.map((row) => ({
    name: row.baseName,
    type: row.type,
    format: row.format,
    isRequired: declarations.includes(`'${row.name}': `),
  }));
}

/** The compact notation of `schemas.ts`: a scalar's format, `[]` or `{}` before an item's type, a model's name, or `any`. */
function schemaType(owner: string, field: Field): string {
  const list = /^Array<(.*)>$/.exec(field.type)?.[1];
  const map = /^\{ \[key: string\]: (.*); \}$/.exec(field.type)?.[1];
  if (list) return `[]${schemaType(owner, { ...field, type: list })}`;
  if (map) return `{}${schemaType(owner, { ...field, type: map })}`;
  if (QUANTITY_FIELDS.has(`${owner}.${field.name}`)) return 'quantity';
  if (field.type === 'string') return field.format === 'byte' ? 'bytes' : 'string';
  if (field.type === 'number') return field.format || 'double';
  if (field.type === 'boolean') return 'boolean';
  if (field.type === 'Date' || field.type === 'V1MicroTime')
    return field.format === 'date-time-micro' || field.type === 'V1MicroTime' ? 'micro-time' : 'time';
  if (field.type === 'IntOrString') return 'int-or-string';
  if (field.type === 'any') return 'any';
  return typeName(field.type);
}

function typescriptType(schema: string): string {
  if (schema.startsWith('[]')) return `readonly ${wrapUnion(typescriptType(schema.slice(2)))}[]`;
  if (schema.startsWith('{}')) return `{ readonly [key: string]: ${typescriptType(schema.slice(2))} }`;
  if (['string', 'bytes', 'time', 'micro-time', 'quantity'].includes(schema)) return 'string';
  if (['int32', 'int64', 'double'].includes(schema)) return 'number';
  if (schema === 'int-or-string') return 'number | string';
  if (schema === 'any') return 'unknown';
  return schema;
}

function wrapUnion(type: string): string {
  return type.includes(' ') ? `(${type})` : type;
}

/** What a connect subresource calls its options: `exec` of a Pod takes `PodExecOptions`. */
const CONNECT_OPTIONS: Record<string, string> = { attach: 'Attach', exec: 'Exec', portforward: 'PortForward', proxy: 'Proxy' };

const VERBS: Record<string, string> = {
  create: 'create',
  read: 'get',
  list: 'list',
  replace: 'update',
  patch: 'patch',
  deleteCollection: 'deletecollection',
  delete: 'delete',
  connect: 'connect',
};

/** Reads every API class: each method's path says the resource, its name the verb, its body or answer the kind. */
function readResources(): readonly Resource[] {
  const resources = new Map<string, Resource>();
  for (const file of readdirSync(`${source}apis`).filter((name) => /V\d+Api\.js$/.test(name) || PROMOTED_APIS.has(name))) {
    const code = readFileSync(`${source}apis/${file}`, 'utf8');
    const declarations = readFileSync(`${source}apis/${file.replace('.js', '.d.ts')}`, 'utf8');
    for (const [, method = '', body = ''] of code.matchAll(/\n {4}async (\w+)\(([\s\S]*?)\n {4}\}/g)) {
      const path = (/localVarPath = '([^']+)'/.exec(body)?.[1] ?? '').replace(/\/(v\d)beta\d\//, '/$1/');
      const verb = VERBS[/^(deleteCollection|[a-z]+)/.exec(method)?.[1] ?? ''];
      const parts = /^\/(?:api|apis\/([a-z0-9.]+))\/(v\d)\/(?:(namespaces)\/\{namespace\}\/)?([a-z]+)(?:\/\{name\}(?:\/([a-z]+))?)?$/.exec(
        path,
      );
      if (!STABLE_API.test(path) || !verb || !parts) continue;
      const [, group = '', version = '', namespaces, plural = '', subresource] = parts;
      const answer =
        new RegExp(`\\b${method}WithHttpInfo\\(response: ResponseContext\\): Promise<HttpInfo<(\\w+)>>`).exec(declarations)?.[1] ?? '';
      const id = `${group}/${version}/${plural}`;
      const existing = resources.get(id);
      const isListing = verb === 'list' || verb === 'deletecollection' || verb === 'delete';
      const model = subresource || isListing ? (existing?.model ?? '') : answer;
      const resource: Resource = {
        group,
        version,
        plural,
        isNamespaced: existing?.isNamespaced || namespaces !== undefined,
        model: existing?.model || model,
        kind: kindName(existing?.model || model),
        verbs: existing?.verbs ?? new Set(),
        subresources: existing?.subresources ?? new Map(),
      };
      resources.set(id, resource);
      if (!subresource) {
        resource.verbs.add(verb);
        if (verb === 'list' && plural !== 'componentstatuses') resource.verbs.add('watch'); // a componentstatus is computed when asked
      } else {
        const known = resource.subresources.get(subresource);
        const kind = known?.kind || (/V\d/.test(answer) && verb !== 'connect' ? kindName(answer) : '');
        resource.subresources.set(subresource, { kind, verbs: (known?.verbs ?? new Set()).add(verb) });
      }
    }
  }
  return [...resources.values()].filter((resource) => resource.model !== '' && !resource.model.endsWith('List'));
}

/** All models a set of models needs, itself included. */
function reachableModels(roots: readonly string[]): readonly string[] {
  const seen = new Set<string>();
  const queue = [...roots];
  for (let model = queue.pop(); model !== undefined; model = queue.pop()) {
    if (seen.has(model)) continue;
    seen.add(model);
    for (const field of readFields(model)) {
      const inner = field.type.match(/[A-Za-z]*V\d[A-Za-z0-9]*/g) ?? [];
      queue.push(...inner.filter((name) => name !== 'V1MicroTime'));
    }
  }
  return [...seen].sort((left, right) => (typeName(left) < typeName(right) ? -1 : 1));
}

const HEADER = '// Generated by `npm run generate` from @kubernetes/client-node (Kubernetes 1.36). Do not edit.\n\n';

/** Kinds' own metadata is complete (the server filled it in); a template's is what its author wrote. */
function metadataType(model: string, kinds: ReadonlySet<string>): string {
  return kinds.has(model) ? 'ObjectMeta' : 'Partial<ObjectMeta>';
}

function renderTypes(models: readonly string[], kinds: ReadonlySet<string>): string {
  const always = new Set(['apiVersion', 'kind', 'metadata', 'spec']);
  const metaAlways = new Set(['name', 'uid', 'resourceVersion', 'creationTimestamp']);
  const blocks = models.map((model) => {
    const name = typeName(model);
    const lines = readFields(model).map((field) => {
      const isRequired =
        field.isRequired || (kinds.has(model) && always.has(field.name)) || (model === 'V1ObjectMeta' && metaAlways.has(field.name));
      const type = field.type === 'V1ObjectMeta' ? metadataType(model, kinds) : typescriptType(schemaType(name, field));
      const key = /^[A-Za-z_]\w*$/.test(field.name) ? field.name : `'${field.name}'`;
      return `  readonly ${key}${isRequired ? '' : '?'}: ${type};`;
    });
    return `export interface ${name} {\n${lines.join('\n')}\n}\n`;
  });
  return HEADER + blocks.join('\n');
}

function renderSchemas(models: readonly string[]): string {
  const rows = models.map((model) => {
    const name = typeName(model);
    const fields = readFields(model).map((field) => {
      const key = /^[A-Za-z_]\w*$/.test(field.name) ? field.name : `'${field.name}'`;
      return `    ${key}: '${schemaType(name, field)}${field.isRequired ? '!' : ''}',`;
    });
    return `  ${name}: {\n${fields.join('\n')}\n  },`;
  });
  const note =
    '/** Fields of every model: `[]` list of, `{}` map of, a scalar format, a model, or `any`; a trailing `!` marks a required field. */\n';
  const renamed = models
    .filter((model) => typeName(model) !== kindName(model))
    .map((model) => `  ${typeName(model)}: '${kindName(model)}',`);
  const names =
    '/** What models are called in the API where our name says more, because two groups or versions share it. */\n' +
    `export const modelNames: Readonly<Record<string, string>> = {\n${renamed.join('\n')}\n};\n`;
  return `${HEADER}${note}export const schemas: Readonly<Record<string, Readonly<Record<string, string>>>> = {\n${rows.join('\n')}\n};\n\n${names}`;
}

/** The constant's name: the plural, with the group's or version's name where two resources share it. */
function constantName(resource: Resource, all: readonly Resource[]): string {
  const camel = resource.plural;
  const twins = all.filter((other) => other.plural === resource.plural);
  if (twins.length === 1 || resource.group === '') return camel;
  if (twins.every((other) => other.group === resource.group)) return `${camel}${resource.version.toUpperCase()}`;
  return `${resource.group.split('.')[0]}${camel[0]?.toUpperCase()}${camel.slice(1)}`;
}

function renderResources(resources: readonly Resource[]): string {
  const sorted = [...resources].sort((a, b) => (`${a.group}/${a.version}/${a.plural}` < `${b.group}/${b.version}/${b.plural}` ? -1 : 1));
  const types = [...new Set(sorted.map((resource) => typeName(resource.model)))].sort();
  const blocks = sorted.map((resource) => {
    const subresources = [...resource.subresources]
      .sort()
      .map(
        ([name, { kind, verbs }]) => `    { name: '${name}', kind: '${kind || defaultKind(resource, name)}', verbs: [${quoted(verbs)}] },`,
      );
    const inner = subresources.length === 0 ? '[]' : `[\n${subresources.join('\n')}\n  ]`;
    return (
      `export const ${constantName(resource, sorted)}: ResourceType<${typeName(resource.model)}> = resourceType({\n` +
      `  group: '${resource.group}',\n  version: '${resource.version}',\n  kind: '${resource.kind}',\n  plural: '${resource.plural}',\n` +
      `  schema: '${typeName(resource.model)}',\n  isNamespaced: ${resource.isNamespaced},\n  verbs: [${quoted(resource.verbs)}],\n  subresources: ${inner},\n});\n`
    );
  });
  const list = `export const allResourceTypes: readonly ResourceType<ApiObject>[] = [\n${sorted.map((resource) => `  ${constantName(resource, sorted)},`).join('\n')}\n];\n`;
  const imports = `import { type ApiObject, type ResourceType, resourceType } from '../meta/resource-type.ts';\nimport type { ${types.join(', ')} } from './types.ts';\n\n`;
  return `${HEADER + imports + blocks.join('\n')}\n${list}`;
}

function defaultKind(resource: Resource, subresource: string): string {
  const connect = CONNECT_OPTIONS[subresource];
  return connect === undefined ? resource.kind : `${resource.kind}${connect}Options`;
}

function quoted(words: Iterable<string>): string {
  return [...words]
    .sort()
    .map((word) => `'${word}'`)
    .join(', ');
}

const resources = readResources();
const kinds = new Set(
  resources.map((resource) => resource.model).filter((model) => readFields(model).some((field) => field.name === 'metadata')),
);
const extra = [
  'V1Status',
  'V1DeleteOptions',
  'V1APIResourceList',
  'V1APIGroupList',
  'V1Scale',
  'V1Eviction',
  'AuthenticationV1TokenRequest',
  'V1Binding',
];
const models = reachableModels([...resources.map((resource) => resource.model), ...extra]);
for (const model of ['V1Scale', 'V1Eviction', 'V1Binding']) kinds.add(model);
writeFileSync(`${target}types.ts`, renderTypes(models, kinds));
writeFileSync(`${target}schemas.ts`, renderSchemas(models));
writeFileSync(`${target}resources.ts`, renderResources(resources));
process.stdout.write(`${models.length} models, ${resources.length} resources\n`);
