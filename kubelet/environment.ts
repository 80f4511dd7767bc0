/**
 * A container's environment: `envFrom`, then `env` (which wins), with references looked up and `$(NAME)` expanded, and the same expansion for
 * command and arguments. Pure over the objects it is given; a missing one throws `ConfigError`, whose message is upstream's and becomes the
 * waiting reason `CreateContainerConfigError`.
 */
import type { ConfigMap, Container, EnvVar, Pod, Secret } from '#api/generated/types.ts';
import { type PodFacts, podFieldValue, resourceFieldValue } from './pod-fields.ts';

/** What the pod's author wrote cannot be carried out (yet). */
export class ConfigError extends Error {}

/** Finds the objects that a pod refers to; undefined when the API has none of that name. */
export interface ReferenceLookup {
  configMap(name: string): ConfigMap | undefined;
  secret(name: string): Secret | undefined;
}

export interface EnvironmentContext {
  readonly pod: Pod;
  readonly container: Container;
  readonly facts: PodFacts;
  readonly lookup: ReferenceLookup;
  /** Variables about Services; the author's own win. */
  readonly serviceVariables: ReadonlyMap<string, string>;
}

export function buildEnvironment(context: EnvironmentContext): ReadonlyMap<string, string> {
  const result = new Map<string, string>();
  for (const source of context.container.envFrom ?? []) {
    for (const [key, value] of valuesFrom(source, context)) result.set(`${source.prefix ?? ''}${key}`, value);
  }
  for (const variable of context.container.env ?? []) {
    const value = variableValue(variable, context, result);
    if (value !== undefined) result.set(variable.name, value);
  }
  for (const [name, value] of context.serviceVariables) if (!result.has(name)) result.set(name, value);
  return result;
}

function valuesFrom(
  source: NonNullable<Container['envFrom']>[number],
  { lookup, pod }: EnvironmentContext,
): readonly (readonly [string, string])[] {
  if (source.configMapRef !== undefined) {
    const { name = '', optional = false } = source.configMapRef;
    const found = lookup.configMap(name);
    if (found === undefined && !optional) throw new ConfigError(`configmap "${name}" not found`);
    return Object.entries(found?.data ?? {});
  }
  if (source.secretRef !== undefined) {
    const { name = '', optional = false } = source.secretRef;
    const found = lookup.secret(name);
    if (found === undefined && !optional) throw new ConfigError(`secret "${name}" not found`);
    return Object.entries(found?.data ?? {}).map(([key, value]) => [key, decodeBase64(value)]);
  }
  throw new ConfigError(`pod ${pod.metadata.name} has an envFrom source without a reference`);
}

/** Undefined for an optional reference to what is not there. */
function variableValue(variable: EnvVar, context: EnvironmentContext, known: ReadonlyMap<string, string>): string | undefined {
  const { valueFrom } = variable;
  if (valueFrom === undefined) return expandVariables(variable.value ?? '', withServices(known, context.serviceVariables));
  if (valueFrom.fieldRef !== undefined) return podFieldValue(context.pod, valueFrom.fieldRef, context.facts);
  if (valueFrom.resourceFieldRef !== undefined) {
    return resourceFieldValue(context.pod, valueFrom.resourceFieldRef, context.container, context.facts);
  }
  if (valueFrom.configMapKeyRef !== undefined) return configMapValue(valueFrom.configMapKeyRef, context);
  if (valueFrom.secretKeyRef !== undefined) return secretValue(valueFrom.secretKeyRef, context);
  throw new ConfigError(`environment variable ${variable.name}: this kind of source is not supported`);
}

interface KeyReference {
  readonly key: string;
  readonly name?: string;
  readonly optional?: boolean;
}

function configMapValue({ key, name = '', optional = false }: KeyReference, { lookup, pod }: EnvironmentContext): string | undefined {
  const found = lookup.configMap(name);
  const value = found?.data?.[key];
  if (value !== undefined || optional) return value;
  if (found === undefined) throw new ConfigError(`configmap "${name}" not found`);
  throw new ConfigError(`couldn't find key ${key} in ConfigMap ${pod.metadata.namespace ?? ''}/${name}`);
}

function secretValue({ key, name = '', optional = false }: KeyReference, { lookup, pod }: EnvironmentContext): string | undefined {
  const found = lookup.secret(name);
  const value = found?.data?.[key];
  if (value !== undefined) return decodeBase64(value);
  if (optional) return undefined;
  if (found === undefined) throw new ConfigError(`secret "${name}" not found`);
  throw new ConfigError(`couldn't find key ${key} in Secret ${pod.metadata.namespace ?? ''}/${name}`);
}

function withServices(known: ReadonlyMap<string, string>, services: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  return new Map([...services, ...known]);
}

function decodeBase64(text: string): string {
  return Buffer.from(text, 'base64').toString('utf8');
}

/** Replaces `$(NAME)` of variables that are known; others stay as written, and `$$(NAME)` is an escaped `$(NAME)`. */
export function expandVariables(text: string, variables: ReadonlyMap<string, string>): string {
  return text.replace(/\$(\$|\(([^()]*)\))/g, (whole, what: string, name: string | undefined) => {
    if (what === '$') return '$';
    return variables.get(name ?? '') ?? whole;
  });
}
