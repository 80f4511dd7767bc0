/**
 * Does one probe of one container: runs a command in it, fetches a page from it, asks its health service, or opens a connection to it. The kubelet shares the
 * node's network namespace, so a pod's address is reachable as from any other process of the node. A probe that says no has failed; one that could not be done
 * is an error, which says nothing about the container.
 * Source: https://kubernetes.io/docs/tasks/configure-pod-container/configure-liveness-readiness-startup-probes/
 */
import { connect } from 'node:net';
import type { Container, HTTPGetAction, Probe } from '#api/generated/types.ts';
import { expandVariables } from '../environment.ts';
import { type ContainerRuntime, RuntimeError } from '../runtime/container-runtime.ts';
import { dialReason, resolvePort } from './dial.ts';
import { httpGet, httpTargetOf } from './http-get.ts';
import type { ProbeOutcome } from './probe-state.ts';

export interface ProbeTarget {
  readonly container: Container;
  readonly containerId: string;
  readonly podIp: string;
}

/** The signal aborts when the probe's time, which is also given, is up. Never rejects. */
export type Prober = (probe: Probe, target: ProbeTarget, timeoutMs: number, signal: AbortSignal) => Promise<ProbeOutcome>;

export function createProber(runtime: ContainerRuntime): Prober {
  return async (probe, target, timeoutMs, signal) => {
    try {
      return await doProbe(probe, target, timeoutMs, signal, runtime);
    } catch (error) {
      return { result: 'error', message: error instanceof Error ? error.message : String(error) };
    }
  };
}

async function doProbe(
  { exec, httpGet: page, tcpSocket, grpc }: Probe,
  target: ProbeTarget,
  timeoutMs: number,
  signal: AbortSignal,
  runtime: ContainerRuntime,
): Promise<ProbeOutcome> {
  const { container, podIp } = target;
  if (exec !== undefined) return probeExec(runtime, exec.command ?? [], target, signal);
  if (page !== undefined) return probeHttp(page, target, signal);
  if (tcpSocket !== undefined) return probeTcp(tcpSocket.host || podIp, resolvePort(tcpSocket.port, container), signal);
  if (grpc !== undefined) {
    const { probeGrpc } = await import('./grpc-probe.ts');
    return probeGrpc({ host: podIp, port: grpc.port, service: grpc.service ?? '', timeoutMs }, signal);
  }
  throw new Error(`missing probe handler for ${container.name}`);
}

/** A command that is over its time is killed, and has failed. */
async function probeExec(
  runtime: ContainerRuntime,
  command: readonly string[],
  { container, containerId }: ProbeTarget,
  signal: AbortSignal,
): Promise<ProbeOutcome> {
  // Of the environment only what is written down is known here, as upstream has it.
  const known = new Map((container.env ?? []).flatMap(({ name, value }) => (value === undefined ? [] : [[name, value] as const])));
  const words = command.map((word) => expandVariables(word, known));
  try {
    const { exitCode, output } = await runtime.exec(containerId, words, signal);
    return { result: exitCode === 0 ? 'success' : 'failure', message: output };
  } catch (error) {
    if (!signal.aborted || (error instanceof RuntimeError && error.reason !== 'Unavailable')) throw error;
    return { result: 'failure', message: `command "${words.join(' ')}" timed out` };
  }
}

/** Any answer from 200 to 399 will do. */
async function probeHttp(action: HTTPGetAction, { container, podIp }: ProbeTarget, signal: AbortSignal): Promise<ProbeOutcome> {
  const target = httpTargetOf(action, container, podIp, 'probe');
  try {
    const { statusCode, body } = await httpGet(target, signal);
    if (statusCode >= 300 && statusCode < 400) return { result: 'warning', message: `Probe terminated redirects, Response body: ${body}` };
    const isSuccess = statusCode >= 200 && statusCode < 300;
    return isSuccess
      ? { result: 'success', message: body }
      : { result: 'failure', message: `HTTP probe failed with statuscode: ${statusCode}` };
  } catch (error) {
    return { result: 'failure', message: error instanceof Error ? error.message : String(error) };
  }
}

function probeTcp(host: string, port: number, signal: AbortSignal): Promise<ProbeOutcome> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, signal });
    const end = (outcome: ProbeOutcome) => {
      socket.destroy();
      resolve(outcome);
    };
    socket.on('connect', () => end({ result: 'success', message: '' }));
    socket.on('error', (error) => {
      const reason = dialReason(error);
      end({ result: 'failure', message: `dial tcp ${host}:${port}: ${reason === 'context deadline exceeded' ? 'i/o timeout' : reason}` });
    });
  });
}
