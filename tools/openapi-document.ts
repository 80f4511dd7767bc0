/**
 * An OpenAPI document of either version as plain facts that can be compared: models by name, operations by path and method, both without prose. Used by
 * `compare-openapi.ts` for our documents and for upstream's.
 */

export type JsonRecord = Readonly<Record<string, unknown>>;

export interface ModelFacts {
  /** What holds for the model as a whole: `type`, `required`, `x-kubernetes-group-version-kind`, … */
  readonly whole: Readonly<Record<string, string>>;
  readonly fields: Readonly<Record<string, string>>;
}

/** `action`, `kind`, `parameters`, …: each as text. */
export type OperationFacts = Readonly<Record<string, string>>;

export interface DocumentFacts {
  readonly models: ReadonlyMap<string, ModelFacts>;
  /** By `GET /api/v1/pods`. */
  readonly operations: ReadonlyMap<string, OperationFacts>;
}

const METHODS = ['get', 'put', 'post', 'delete', 'patch', 'head', 'options'];

export function isRecord(value: unknown): value is JsonRecord {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function recordAt(value: unknown, ...path: readonly string[]): JsonRecord {
  const found = path.reduce<unknown>((inner, key) => (isRecord(inner) ? inner[key] : undefined), value);
  return isRecord(found) ? found : {};
}

export function factsOf(document: unknown): DocumentFacts {
  const definitions = { ...recordAt(document, 'definitions'), ...recordAt(document, 'components', 'schemas') };
  const models = new Map(Object.entries(definitions).map(([name, model]) => [name, modelFacts(model)]));
  const operations = new Map<string, OperationFacts>();
  for (const [path, item] of Object.entries(recordAt(document, 'paths'))) {
    for (const method of METHODS) {
      const operation = recordAt(item)[method];
      if (isRecord(operation)) operations.set(`${method.toUpperCase()} ${path}`, operationFacts(operation, recordAt(item), document));
    }
  }
  return { models, operations };
}

function modelFacts(model: unknown): ModelFacts {
  const { properties, description: _, ...whole } = recordAt(model);
  const fields = Object.entries(recordAt(properties)).map(([name, schema]) => [name, textOf(schemaFacts(schema))] as const);
  const entries = Object.entries(isRecord(whole) ? recordAt(schemaFacts(whole)) : {});
  const facts = entries.map(([name, value]) => [name, textOf(unordered(stableOnly(value)))] as const);
  return { whole: Object.fromEntries(facts), fields: Object.fromEntries(fields) };
}

/** Without prose and defaults, and with both dialects' ways to say one thing made one. */
function schemaFacts(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(schemaFacts);
  if (!isRecord(schema)) return schema;
  const { description: _description, default: _default, allOf, oneOf, $ref, ...rest } = schema;
  const [only] = Array.isArray(allOf) && allOf.length === 1 ? allOf : [];
  const reference = typeof $ref === 'string' ? { $ref: $ref.split('/').at(-1) } : {};
  const either = Array.isArray(oneOf) ? { type: 'string' } : {};
  const inner = Object.fromEntries(Object.entries(rest).map(([name, value]) => [name, schemaFacts(value)]));
  return { ...(isRecord(only) ? recordAt(schemaFacts(only)) : {}), ...reference, ...either, ...inner };
}

function operationFacts(operation: JsonRecord, item: JsonRecord, document: unknown): OperationFacts {
  const parameters = [item.parameters, operation.parameters].flatMap((list) => (Array.isArray(list) ? list : []));
  const resolved = parameters.map((parameter) => resolve(parameter, document));
  return {
    operationId: textOf(operation.operationId),
    tags: textOf(operation.tags),
    action: textOf(operation['x-kubernetes-action']),
    kind: textOf(operation['x-kubernetes-group-version-kind']),
    parameters: resolved
      .filter((parameter) => parameter.in !== 'body')
      .map(parameterText)
      .sort()
      .join(' '),
    body: bodyText(resolved, operation),
    consumes: wordsOf(operation.consumes ?? Object.keys(recordAt(operation, 'requestBody', 'content'))),
    produces: wordsOf(operation.produces ?? Object.keys(recordAt(operation, 'responses', '200', 'content'))),
    responses: Object.entries(recordAt(operation.responses))
      .map(([code, response]) => `${code}:${textOf(schemaFacts(responseSchema(response)))}`)
      .join(' '),
  };
}

function resolve(parameter: unknown, document: unknown): JsonRecord {
  const { $ref } = recordAt(parameter);
  return typeof $ref === 'string' ? recordAt(document, ...$ref.split('/').slice(1)) : recordAt(parameter);
}

function parameterText(parameter: JsonRecord): string {
  const type = parameter.type ?? recordAt(parameter.schema).type;
  return `${String(parameter.in)}:${String(parameter.name)}:${String(type)}${parameter.required === true ? '!' : ''}`;
}

function bodyText(parameters: readonly JsonRecord[], operation: JsonRecord): string {
  const inBody = parameters.find((parameter) => parameter.in === 'body');
  const content = Object.values(recordAt(operation, 'requestBody', 'content'))[0];
  const schema = inBody?.schema ?? recordAt(content).schema;
  const isRequired = (inBody ?? recordAt(operation.requestBody)).required === true;
  return schema === undefined ? '' : `${textOf(schemaFacts(schema))}${isRequired ? '!' : ''}`;
}

function responseSchema(response: unknown): unknown {
  const { schema, content } = recordAt(response);
  return schema ?? recordAt(Object.values(recordAt(content))[0]).schema;
}

function wordsOf(list: unknown): string {
  return Array.isArray(list) ? list.map(String).sort().join(' ') : '';
}

/** Without the kinds of versions that are not compared. */
function stableOnly(value: unknown): unknown {
  return Array.isArray(value) ? value.filter((item) => !/alpha|beta/.test(String(recordAt(item).version))) : value;
}

/** The order of a list of names or kinds says nothing. */
function unordered(value: unknown): unknown {
  return Array.isArray(value) ? value.map(textOf).sort() : value;
}

/** Canonical: keys in order. */
function textOf(value: unknown): string {
  if (value === undefined) return '';
  if (typeof value === 'string') return value;
  return JSON.stringify(value, (_key, inner: unknown) =>
    isRecord(inner) ? Object.fromEntries(Object.entries(inner).sort(([left], [right]) => (left < right ? -1 : 1))) : inner,
  );
}
