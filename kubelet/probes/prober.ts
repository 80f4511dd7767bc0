/**
 * Does one probe of one container: runs a command in it, fetches a page from it, or opens a connection to it. The kubelet shares the node's
 * network namespace, so a pod's address is reachable as from any other process of the node. A probe that cannot be done has failed; a kind
 * this kubelet does not know says so in its outcome, which reaches the pod's events.
 * Source: https://kubernetes.io/docs/tasks/configure-pod-container/configure-liveness-readiness-startup-probes/
 */
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect } from 'node:net';
import type { Container, HTTPGetAction, Probe } from '#api/generated/types.ts';
import type { ContainerRuntime } from '../runtime/container-runtime.ts';
import type { ProbeOutcome } from './probe-state.ts';

/** Upstream reads no more of a page; the rest of it is of no use in an event. */
const PAGE_BYTES_MAX = 10 * 1024;

export interface ProbeTarget {
  readonly container: Container;
  readonly containerId: string;
  readonly podIp: string;
}

/** The signal aborts when the probe's time is up; a command is given that time as its own limit. */
export type Prober = (probe: Probe, target: ProbeTarget, timeoutMs: number, signal: AbortSignal) => Promise<ProbeOutcome>;

export function createProber(runtime: ContainerRuntime): Prober {
  return async (probe, target, timeoutMs, signal) => {
    try {
      if (probe.exec !== undefined) return await probeExec(runtime, probe.exec.command ?? [], target, timeoutMs);
      if (probe.httpGet !== undefined) return await probeHttp(probe.httpGet, target, signal);
      if (probe.tcpSocket !== undefined) {
        const { host, port } = probe.tcpSocket;
        return await probeTcp(host ?? target.podIp, resolvePort(port, target.container), signal);
      }
      return { isSuccess: false, message: `probe type ${Object.keys(probe).join(', ')} is not supported by this kubelet` };
    } catch (error) {
      return { isSuccess: false, message: error instanceof Error ? error.message : String(error) };
    }
  };
}

async function probeExec(
  runtime: ContainerRuntime,
  command: readonly string[],
  { containerId }: ProbeTarget,
  timeoutMs: number,
): Promise<ProbeOutcome> {
  const { exitCode, output } = await runtime.exec(containerId, command, timeoutMs);
  return { isSuccess: exitCode === 0, message: output };
}

/** Any answer from 200 to 399 will do; certificates are not checked, as the documentation says. */
function probeHttp(action: HTTPGetAction, target: ProbeTarget, signal: AbortSignal): Promise<ProbeOutcome> {
  const host = action.host || target.podIp;
  const port = resolvePort(action.port, target.container);
  const isTls = action.scheme === 'HTTPS';
  const path = action.path?.startsWith('/') ? action.path : `/${action.path ?? ''}`;
  const headers: Record<string, string> = { 'user-agent': 'kube-probe/1.36', accept: '*/*', connection: 'close' };
  for (const { name, value } of action.httpHeaders ?? []) headers[name.toLowerCase()] = value;
  const url = `${isTls ? 'https' : 'http'}://${host}:${port}${path}`;
  const options = { host, port, path, headers, signal, rejectUnauthorized: false };
  return new Promise((resolve) => {
    const fail = (error: Error) => resolve({ isSuccess: false, message: `Get "${url}": ${reasonOf(error)}` });
    const request = (isTls ? httpsRequest : httpRequest)(options, (response) => {
      const code = response.statusCode ?? 0;
      let bytes = 0;
      response.on('error', fail);
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > PAGE_BYTES_MAX) response.destroy();
      });
      response.on('close', () => {
        const isSuccess = code >= 200 && code < 400;
        resolve({ isSuccess, message: isSuccess ? '' : `HTTP probe failed with statuscode: ${code}` });
      });
    });
    request.on('error', fail);
    request.end();
  });
}

function probeTcp(host: string, port: number, signal: AbortSignal): Promise<ProbeOutcome> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, signal });
    const end = (outcome: ProbeOutcome) => {
      socket.destroy();
      resolve(outcome);
    };
    socket.on('connect', () => end({ isSuccess: true, message: '' }));
    socket.on('error', (error) => end({ isSuccess: false, message: `dial tcp ${host}:${port}: ${reasonOf(error)}` }));
  });
}

/** In Go's words, which people search for. */
function reasonOf(error: Error): string {
  const code = 'code' in error ? error.code : undefined;
  if (code === 'ECONNREFUSED') return 'connect: connection refused';
  if (code === 'EHOSTUNREACH') return 'connect: no route to host';
  if (code === 'ABORT_ERR' || error.name === 'AbortError' || error.name === 'TimeoutError') return 'context deadline exceeded';
  return error.message;
}

/** A name stands for the container's port of that name. */
export function resolvePort(port: number | string, container: Container): number {
  if (typeof port === 'number') return port;
  const named = container.ports?.find(({ name }) => name === port)?.containerPort ?? Number(port);
  if (!Number.isInteger(named) || named <= 0 || named > 65_535) throw new Error(`couldn't find port: ${port}`);
  return named;
}
