/**
 * Containers: what the API fills in and what it refuses, for containers, init containers and the ones added to a running pod. Called by
 * `pod-spec.ts` with the path of each container; volumes that mounts may name are passed in.
 */
import type { Container, ContainerPort, EnvVar, LifecycleHandler, VolumeMount } from '../../generated/types.ts';
import { duplicate, forbiddenField, invalidValue, notFoundValue, notSupported, required } from '../../meta/field-path.ts';
import { dns1123LabelProblems, environmentNameProblems, portNameProblems, portNumberProblems } from '../../meta/names.ts';
import type { FieldProblem } from '../../meta/status.ts';
import { validateNotNegative, validateOneOf } from '../../meta/validation.ts';
import { withDefined } from '../../meta/with-defined.ts';
import { defaultPullPolicy } from './image-name.ts';
import { applyHandlerDefaults, applyProbeDefaults, validateHandler, validateProbe } from './probe.ts';
import { applyResourceListDefaults, validateResourceRequirements } from './resource-list.ts';
import { validateRestartRules } from './restart-rules.ts';

/** Where a container may leave its last words for the status. */
const TERMINATION_MESSAGE_PATH = '/dev/termination-log';

export const protocols = ['SCTP', 'TCP', 'UDP'] as const;
const pullPolicies = ['Always', 'IfNotPresent', 'Never'] as const;
const messagePolicies = ['FallbackToLogsOnError', 'File'] as const;

export function applyContainerDefaults<C extends Container>(container: C): C {
  const defaults: Partial<Container> = {
    imagePullPolicy: container.imagePullPolicy || defaultPullPolicy(container.image ?? ''),
    terminationMessagePath: container.terminationMessagePath || TERMINATION_MESSAGE_PATH,
    terminationMessagePolicy: container.terminationMessagePolicy || 'File',
    resources: withDefined(container.resources ?? {}, {
      limits: container.resources?.limits && applyResourceListDefaults(container.resources.limits),
      requests: container.resources?.requests && applyResourceListDefaults(container.resources.requests),
    }),
  };
  const nested = withDefined<Partial<Container>>(defaults, {
    ports: container.ports?.map((port) => ({ ...port, protocol: port.protocol || 'TCP' })),
    env: container.env?.map(applyEnvDefaults),
    livenessProbe: container.livenessProbe && applyProbeDefaults(container.livenessProbe),
    readinessProbe: container.readinessProbe && applyProbeDefaults(container.readinessProbe),
    startupProbe: container.startupProbe && applyProbeDefaults(container.startupProbe),
    lifecycle:
      container.lifecycle &&
      withDefined(container.lifecycle, {
        postStart: container.lifecycle.postStart && applyHandlerDefaults(container.lifecycle.postStart),
        preStop: container.lifecycle.preStop && applyHandlerDefaults(container.lifecycle.preStop),
      }),
  });
  return { ...container, ...nested };
}

function applyEnvDefaults(variable: EnvVar): EnvVar {
  const { valueFrom } = variable;
  if (valueFrom === undefined) return variable;
  const fieldRef = valueFrom.fieldRef && { ...valueFrom.fieldRef, apiVersion: valueFrom.fieldRef.apiVersion || 'v1' };
  const resourceFieldRef = valueFrom.resourceFieldRef && {
    ...valueFrom.resourceFieldRef,
    divisor: valueFrom.resourceFieldRef.divisor || '0',
  };
  return { ...variable, valueFrom: withDefined(valueFrom, { fieldRef, resourceFieldRef }) };
}

export interface ContainerRules {
  readonly volumeNames: ReadonlySet<string>;
  readonly isHostNetwork: boolean;
  readonly isInit: boolean;
}

export function validateContainers(containers: readonly Container[], rules: ContainerRules, field: string): readonly FieldProblem[] {
  const names = containers.map(({ name }) => name);
  return containers.flatMap((container, index) => {
    const path = `${field}[${index}]`;
    const isTwin = container.name !== '' && names.indexOf(container.name) < index;
    return [...validateContainer(container, rules, path), ...(isTwin ? [duplicate(`${path}.name`, container.name)] : [])];
  });
}

function validateContainer(container: Container, rules: ContainerRules, field: string): readonly FieldProblem[] {
  const { image = '', imagePullPolicy } = container;
  return [
    ...(container.name === ''
      ? [required(`${field}.name`)]
      : dns1123LabelProblems(container.name).map((problem) => invalidValue(`${field}.name`, container.name, problem))),
    ...validateImage(image, `${field}.image`),
    ...validateOneOf(imagePullPolicy, pullPolicies, `${field}.imagePullPolicy`),
    ...validateOneOf(container.terminationMessagePolicy, messagePolicies, `${field}.terminationMessagePolicy`),
    ...validatePorts(container.ports ?? [], rules, `${field}.ports`),
    ...(container.env ?? []).flatMap((variable, index) => validateEnv(variable, `${field}.env[${index}]`)),
    ...(container.envFrom ?? []).flatMap((source, index) => validateEnvFrom(source, `${field}.envFrom[${index}]`)),
    ...validateMounts(container.volumeMounts ?? [], rules.volumeNames, `${field}.volumeMounts`),
    ...validateResourceRequirements(container.resources ?? {}, `${field}.resources`),
    ...validateLifecycle(container, rules, field),
    ...validateRestartRules(container, field),
    ...validateSecurity(container, `${field}.securityContext`),
  ];
}

function validateImage(image: string, field: string): readonly FieldProblem[] {
  if (image === '') return [required(field)];
  return image.trim() === image ? [] : [invalidValue(field, image, 'must not have leading or trailing whitespace')];
}

function validatePorts(ports: readonly ContainerPort[], rules: ContainerRules, field: string): readonly FieldProblem[] {
  const names = ports.map(({ name }) => name ?? '');
  return ports.flatMap((port, index) => {
    const path = `${field}[${index}]`;
    const { name = '', containerPort, hostPort = 0 } = port;
    const problems = name === '' ? [] : portNameProblems(name).map((problem) => invalidValue(`${path}.name`, name, problem));
    if (name !== '' && names.indexOf(name) < index) problems.push(duplicate(`${path}.name`, name));
    if (containerPort === 0) problems.push(required(`${path}.containerPort`));
    else problems.push(...portNumberProblems(containerPort).map((text) => invalidValue(`${path}.containerPort`, containerPort, text)));
    if (hostPort !== 0) problems.push(...portNumberProblems(hostPort).map((text) => invalidValue(`${path}.hostPort`, hostPort, text)));
    if (rules.isHostNetwork && hostPort !== 0 && hostPort !== containerPort) {
      problems.push(invalidValue(`${path}.containerPort`, containerPort, 'must match `hostPort` when `hostNetwork` is true'));
    }
    return [...problems, ...validateOneOf(port.protocol, protocols, `${path}.protocol`)];
  });
}

const envSources = ['configMapKeyRef', 'fieldRef', 'fileKeyRef', 'resourceFieldRef', 'secretKeyRef'] as const;

/** What the downward API can put into the environment. */
const envFields = [
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
  'spec.nodeName',
  'spec.serviceAccountName',
  'status.hostIP',
  'status.hostIPs',
  'status.podIP',
  'status.podIPs',
] as const;

function validateEnv(variable: EnvVar, field: string): readonly FieldProblem[] {
  const problems =
    variable.name === ''
      ? [required(`${field}.name`)]
      : environmentNameProblems(variable.name).map((problem) => invalidValue(`${field}.name`, variable.name, problem));
  const { valueFrom } = variable;
  if (valueFrom === undefined) return problems;
  const sources = envSources.filter((source) => valueFrom[source] !== undefined);
  if (sources.length === 0) {
    const detail = `must specify one of: \`fieldRef\`, \`resourceFieldRef\`, \`configMapKeyRef\`, \`secretKeyRef\` or \`fileKeyRef\``;
    problems.push(invalidValue(`${field}.valueFrom`, '', detail));
  } else if (sources.length > 1) {
    problems.push(invalidValue(`${field}.valueFrom`, '', 'may not have more than one field specified at a time'));
  }
  if (variable.value) problems.push(invalidValue(`${field}.valueFrom`, '', 'may not be specified when `value` is not empty'));
  return [...problems, ...validateEnvSource(valueFrom, `${field}.valueFrom`)];
}

function validateEnvSource(source: NonNullable<EnvVar['valueFrom']>, field: string): readonly FieldProblem[] {
  const problems: FieldProblem[] = [];
  for (const name of ['configMapKeyRef', 'secretKeyRef'] as const) {
    const reference = source[name];
    if (reference === undefined) continue;
    if (!reference.name) problems.push(required(`${field}.${name}.name`));
    if (reference.key === '') problems.push(required(`${field}.${name}.key`));
  }
  const path = source.fieldRef?.fieldPath;
  if (path === '') problems.push(required(`${field}.fieldRef.fieldPath`));
  else if (path !== undefined && !isEnvField(path)) problems.push(notSupported(`${field}.fieldRef.fieldPath`, path, envFields));
  if (source.resourceFieldRef?.resource === '') problems.push(required(`${field}.resourceFieldRef.resource`));
  return problems;
}

function isEnvField(path: string): boolean {
  return envFields.some((known) => known === path) || /^metadata\.(labels|annotations)\['[^']+'\]$/.test(path);
}

function validateEnvFrom(source: NonNullable<Container['envFrom']>[number], field: string): readonly FieldProblem[] {
  const { configMapRef, secretRef } = source;
  if (configMapRef === undefined && secretRef === undefined) {
    return [invalidValue(field, '', 'must specify one of: `configMapRef` or `secretRef`')];
  }
  if (configMapRef !== undefined && secretRef !== undefined) {
    return [invalidValue(field, '', 'may not have more than one field specified at a time')];
  }
  const name = configMapRef === undefined ? 'secretRef' : 'configMapRef';
  return (configMapRef ?? secretRef)?.name ? [] : [required(`${field}.${name}.name`)];
}

function validateMounts(mounts: readonly VolumeMount[], volumeNames: ReadonlySet<string>, field: string): readonly FieldProblem[] {
  const paths = mounts.map(({ mountPath }) => mountPath);
  return mounts.flatMap((mount, index) => {
    const path = `${field}[${index}]`;
    const problems: FieldProblem[] = [];
    if (mount.name === '') problems.push(required(`${path}.name`));
    if (!volumeNames.has(mount.name)) problems.push(notFoundValue(`${path}.name`, mount.name));
    if (mount.mountPath === '') problems.push(required(`${path}.mountPath`));
    if (paths.indexOf(mount.mountPath) < index) problems.push(invalidValue(`${path}.mountPath`, mount.mountPath, 'must be unique'));
    return [...problems, ...validateSubPath(mount.subPath ?? '', `${path}.subPath`)];
  });
}

function validateSubPath(subPath: string, field: string): readonly FieldProblem[] {
  if (subPath.startsWith('/')) return [invalidValue(field, subPath, 'must be a relative path')];
  return subPath.split('/').includes('..') ? [invalidValue(field, subPath, "must not contain '..'")] : [];
}

function validateLifecycle(container: Container, rules: ContainerRules, field: string): readonly FieldProblem[] {
  const { lifecycle, livenessProbe, readinessProbe, startupProbe } = container;
  const isSidecar = container.restartPolicy === 'Always';
  if (rules.isInit && !isSidecar) return forbiddenInInit(container, field);
  const handlers: readonly (readonly [string, LifecycleHandler | undefined])[] = [
    ['postStart', lifecycle?.postStart],
    ['preStop', lifecycle?.preStop],
  ];
  return [
    ...handlers.flatMap(([name, handler]) => (handler === undefined ? [] : validateHandler(handler, `${field}.lifecycle.${name}`))),
    ...(livenessProbe === undefined ? [] : validateProbe(livenessProbe, `${field}.livenessProbe`, { succeedsAtOnce: true })),
    ...(readinessProbe === undefined ? [] : validateProbe(readinessProbe, `${field}.readinessProbe`, { succeedsAtOnce: false })),
    ...(startupProbe === undefined ? [] : validateProbe(startupProbe, `${field}.startupProbe`, { succeedsAtOnce: true })),
  ];
}

function forbiddenInInit(container: Container, field: string): readonly FieldProblem[] {
  const names = ['lifecycle', 'livenessProbe', 'readinessProbe', 'startupProbe'] as const;
  return names
    .filter((name) => container[name] !== undefined)
    .map((name) => forbiddenField(`${field}.${name}`, 'may not be set for init containers without restartPolicy=Always'));
}

function validateSecurity(container: Container, field: string): readonly FieldProblem[] {
  const { securityContext } = container;
  if (securityContext === undefined) return [];
  const problems = [
    ...validateNotNegative(securityContext.runAsUser ?? 0, `${field}.runAsUser`),
    ...validateNotNegative(securityContext.runAsGroup ?? 0, `${field}.runAsGroup`),
  ];
  if (securityContext.privileged === true && securityContext.allowPrivilegeEscalation === false) {
    problems.push(invalidValue(field, securityContext, 'cannot set `allowPrivilegeEscalation` to false and `privileged` to true'));
  }
  return problems;
}

/** Containers that start before the others and then keep running beside them. */
export function isSidecar(container: Container): boolean {
  return container.restartPolicy === 'Always';
}

/** The number a port's name stands for in a container; a number stands for itself. */
export function findContainerPort(container: Container, port: number | string): number | undefined {
  if (typeof port === 'number') return port;
  return container.ports?.find(({ name }) => name === port)?.containerPort;
}
