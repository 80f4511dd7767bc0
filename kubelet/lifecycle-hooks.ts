/**
 * Runs a container's `postStart` or `preStop` hook once: a command in it, a request to it, or a pause. What a hook wrote may hold secrets, so the message of a
 * failure is for the container's status, never for an event. Called by the actions that start and stop containers.
 * Source: upstream's pkg/kubelet/lifecycle/handlers.go.
 */
import type { Container, HTTPGetAction, LifecycleHandler, Pod } from '#api/generated/types.ts';
import type { Clock } from '#component/clock.ts';
import { httpGet, httpTargetOf, isPlainHttpAnswer } from './probes/http-get.ts';
import type { ContainerRuntime } from './runtime/container-runtime.ts';

export type HookOutcome = { readonly isSuccess: true } | { readonly isSuccess: false; readonly message: string };

export interface HookTarget {
  readonly pod: Pod;
  readonly container: Container;
  readonly containerId: string;
  readonly podIp: string;
  /** An event about the pod. */
  report(reason: string, message: string): void;
}

interface HookDeps {
  readonly runtime: Pick<ContainerRuntime, 'exec'>;
  readonly clock: Clock;
}

/** Ends when the signal aborts, as a failure. Never rejects. */
export async function runHook(hook: LifecycleHandler, target: HookTarget, signal: AbortSignal, deps: HookDeps): Promise<HookOutcome> {
  const { exec, httpGet: page, sleep } = hook;
  if (exec !== undefined) return runCommand(exec.command ?? [], target, signal, deps);
  if (page !== undefined) return fetchPage(page, target, signal);
  if (sleep !== undefined) return pause(sleep.seconds, target, signal, deps);
  return { isSuccess: false, message: `Cannot run handler: invalid handler: ${Object.keys(hook).join(', ')}` };
}

async function runCommand(
  command: readonly string[],
  target: HookTarget,
  signal: AbortSignal,
  { runtime }: HookDeps,
): Promise<HookOutcome> {
  try {
    const { exitCode, output } = await runtime.exec(target.containerId, command, signal);
    if (exitCode === 0) return { isSuccess: true };
    const why = `command '${command.join(' ')}' exited with ${exitCode}: ${output}, message: ${JSON.stringify(output)}`;
    return failure(`Exec lifecycle hook ([${command.join(' ')}])`, target, why);
  } catch (error) {
    return failure(`Exec lifecycle hook ([${command.join(' ')}])`, target, messageOf(error));
  }
}

/** Whatever the container answers will do; that it answers is what counts. */
async function fetchPage(action: HTTPGetAction, target: HookTarget, signal: AbortSignal): Promise<HookOutcome> {
  try {
    const request = httpTargetOf(action, target.container, target.podIp, 'lifecycle');
    try {
      await httpGet(request, signal);
    } catch (error) {
      if (!isPlainHttpAnswer(error)) throw error;
      const { authorization: _, ...headers } = request.headers;
      const plain = new URL(request.url);
      plain.protocol = 'http:';
      // A scheme's own port is in no URL, and that of HTTPS is what was asked for.
      plain.port ||= request.url.port || '443';
      await httpGet({ url: plain, headers }, signal);
      target.report('LifecycleHTTPFallback', 'request to HTTPS lifecycle hook got HTTP response, retry with HTTP succeeded');
    }
    return { isSuccess: true };
  } catch (error) {
    return failure(`HTTP lifecycle hook (${action.path ?? ''})`, target, messageOf(error));
  }
}

async function pause(seconds: number, target: HookTarget, signal: AbortSignal, { clock }: HookDeps): Promise<HookOutcome> {
  try {
    await clock.sleep(seconds * 1000, signal);
    return { isSuccess: true };
  } catch {
    return failure(`Sleep lifecycle hook (${seconds}s)`, target, 'container terminated before sleep hook finished');
  }
}

function failure(what: string, { pod, container }: HookTarget, why: string): HookOutcome {
  const { name } = pod.metadata;
  return {
    isSuccess: false,
    message: `${what} for Container ${JSON.stringify(container.name)} in Pod ${JSON.stringify(name)} failed - error: ${why}`,
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
