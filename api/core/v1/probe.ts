/** Probes and lifecycle handlers: what the API fills in and what it refuses. Called by `container.ts`. */
import type { HTTPGetAction, LifecycleHandler, Probe } from '../../generated/types.ts';
import { forbiddenField, invalidValue, required } from '../../meta/field-path.ts';
import { portNameProblems, portNumberProblems } from '../../meta/names.ts';
import type { FieldProblem } from '../../meta/status.ts';
import { validateNotNegative, validateOneOf } from '../../meta/validation.ts';
import { withDefined } from '../../meta/with-defined.ts';

export function applyProbeDefaults(probe: Probe): Probe {
  return {
    ...applyHandlerDefaults(probe),
    timeoutSeconds: probe.timeoutSeconds || 1,
    periodSeconds: probe.periodSeconds || 10,
    successThreshold: probe.successThreshold || 1,
    failureThreshold: probe.failureThreshold || 3,
  };
}

interface Handler {
  readonly httpGet?: HTTPGetAction;
}

/** Of a probe or of a lifecycle hook. */
export function applyHandlerDefaults<H extends Handler>(handler: H): H {
  const { httpGet } = handler;
  if (httpGet === undefined) return handler;
  return { ...handler, httpGet: withDefined(httpGet, { path: httpGet.path || '/', scheme: httpGet.scheme || 'HTTP' }) };
}

/** `succeedsAtOnce`: liveness and startup probes know no more than one success. */
export function validateProbe(probe: Probe, field: string, rules: { readonly succeedsAtOnce: boolean }): readonly FieldProblem[] {
  const counts = ['initialDelaySeconds', 'timeoutSeconds', 'periodSeconds', 'successThreshold', 'failureThreshold'] as const;
  const problems = [...validateHandler(probe, field)];
  problems.push(...counts.flatMap((name) => validateNotNegative(probe[name] ?? 0, `${field}.${name}`)));
  if (rules.succeedsAtOnce && probe.successThreshold !== undefined && probe.successThreshold !== 1) {
    problems.push(invalidValue(`${field}.successThreshold`, probe.successThreshold, 'must be 1'));
  }
  if (probe.terminationGracePeriodSeconds !== undefined && probe.terminationGracePeriodSeconds <= 0) {
    problems.push(invalidValue(`${field}.terminationGracePeriodSeconds`, probe.terminationGracePeriodSeconds, 'must be greater than 0'));
  }
  return problems;
}

const actions = ['exec', 'httpGet', 'tcpSocket', 'grpc', 'sleep'] as const;
type AnyHandler = Pick<Probe, 'exec' | 'httpGet' | 'tcpSocket' | 'grpc'> & Pick<LifecycleHandler, 'sleep'>;

/** Exactly one action, and that one complete. */
export function validateHandler(handler: AnyHandler, field: string): readonly FieldProblem[] {
  const present = actions.filter((action) => handler[action] !== undefined);
  if (present.length === 0) return [required(field, 'must specify a handler type')];
  const surplus = present.slice(1).map((action) => forbiddenField(`${field}.${action}`, 'may not specify more than 1 handler type'));
  return [...surplus, ...validateAction(handler, field)];
}

function validateAction(handler: AnyHandler, field: string): readonly FieldProblem[] {
  const { exec, httpGet, tcpSocket, grpc } = handler;
  const problems: FieldProblem[] = [];
  if (exec !== undefined && (exec.command ?? []).length === 0) problems.push(required(`${field}.exec.command`));
  if (httpGet !== undefined) {
    if (!httpGet.path) problems.push(required(`${field}.httpGet.path`));
    problems.push(...validatePort(httpGet.port, `${field}.httpGet.port`));
    problems.push(...validateOneOf(httpGet.scheme, ['HTTP', 'HTTPS'], `${field}.httpGet.scheme`));
  }
  if (tcpSocket !== undefined) problems.push(...validatePort(tcpSocket.port, `${field}.tcpSocket.port`));
  if (grpc !== undefined) problems.push(...validatePort(grpc.port, `${field}.grpc.port`));
  return problems;
}

/** A number, or the name of one of the container's ports. */
export function validatePort(port: number | string, field: string): readonly FieldProblem[] {
  const problems = typeof port === 'number' ? portNumberProblems(port) : portNameProblems(port);
  return problems.map((problem) => invalidValue(field, port, problem));
}
