/**
 * The kubelet's streams, from a request to the end of its connection: `exec`, `attach`, `portForward`. Everything that can be refused is refused before the connection
 * is taken, so that the client gets a proper answer; from then on errors travel in the stream. Called by `server.ts`.
 * Source: upstream's pkg/kubelet/server/server.go (getExec, getAttach, getPortForward).
 */
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Pod } from '#api/generated/types.ts';
import { ApiError } from '#api/meta/status.ts';
import type { Clock } from '#component/clock.ts';
import type { Logger } from '#component/logger.ts';
import { acceptWebSocket, streamOfWebSocket } from '#component/web-socket.ts';
import type { OpenPodDialer } from '../network/pod-dialer.ts';
import type { PodStates } from '../pod-states.ts';
import type { ContainerRuntime, ProcessSession, SessionOptions } from '../runtime/container-runtime.ts';
import { type ChannelProtocol, channelProtocols } from './channel-protocol.ts';
import type { CommandOptions, CommandStreams } from './command-streams.ts';
import { PORT_FORWARD_PROTOCOL, servePortForward, servePortForwardChannels, TUNNEL_PROTOCOL } from './port-forward.ts';
import { serveCommand } from './serve-command.ts';
import { acceptSpdyStreams, type SpdyCommandProtocol, spdyCommandProtocols } from './spdy-streams.ts';
import { type Agreement, agreeOnProtocol, findRunning, parseCommand, parseCommandOptions, parsePorts } from './stream-request.ts';
import { createWebSocketStreams } from './web-socket-streams.ts';

export interface StreamDeps {
  readonly pods: { findPod(namespace: string, name: string): Pod | undefined };
  readonly states: Pick<PodStates, 'containersOf' | 'sandboxesOf'>;
  readonly runtime: Pick<ContainerRuntime, 'startCommand' | 'attach'>;
  readonly openDialer: OpenPodDialer;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface StreamRequest {
  readonly raw: IncomingMessage;
  readonly namespace: string;
  readonly podName: string;
  readonly query: URLSearchParams;
  /** The connection, once nothing can be refused any more. Throws BadRequest when the client wants an answer instead. */
  takeConnection(): Socket;
  /** Aborted when the kubelet stops. */
  readonly signal: AbortSignal;
}

/** A WebSocket for `portForward` without a version is upstream's oldest. */
const portForwardChannels = channelProtocols.filter(({ name }) => name === '' || name.startsWith('v4.'));
const tunnel = { name: TUNNEL_PROTOCOL };
const portForwardSpdy = { name: PORT_FORWARD_PROTOCOL };

/** Resolves when the connection has ended. Throws ApiError before it was taken. */
export async function handleExec(request: StreamRequest, containerName: string, deps: StreamDeps): Promise<void> {
  const options = parseCommandOptions(request.query);
  const command = parseCommand(request.query);
  const { id } = findRunning(deps.states.containersOf(findPod(request, deps).metadata.uid), containerName);
  await handleCommand(request, options, (session) => deps.runtime.startCommand(id, command, session), deps);
}

/** As `handleExec`; the terminal is the container's, whatever the client says, and so is what the end of the input means. */
export async function handleAttach(request: StreamRequest, containerName: string, deps: StreamDeps): Promise<void> {
  const options = parseCommandOptions(request.query);
  const { id, hasTerminal, closesStdinOnce } = findRunning(deps.states.containersOf(findPod(request, deps).metadata.uid), containerName);
  const own = { hasTerminal, keepsStdinOpen: !closesStdinOnce };
  await handleCommand(request, options, (session) => deps.runtime.attach(id, { ...session, ...own }), deps);
}

export async function handlePortForward(request: StreamRequest, deps: StreamDeps): Promise<void> {
  const { namespace, podName } = request;
  const pod = findPod(request, deps);
  const sandbox = deps.states.sandboxesOf(pod.metadata.uid).findLast(({ state }) => state.phase === 'running');
  if (sandbox?.state.phase !== 'running') {
    throw new ApiError('InternalError', `unable to upgrade connection: pod not found ("${podName}_${namespace}")`);
  }
  const agreed = agreeOnProtocol(request.raw.headers, { webSocket: [tunnel, ...portForwardChannels], spdy: [portForwardSpdy] });
  const ports = agreed.carrier === 'webSocket' && 'isBase64' in agreed.protocol ? parsePorts(request.query) : [];
  const socket = request.takeConnection();
  const dialer = deps.openDialer(sandbox.state.pid);
  const forwarding = { dial: dialer.dial, pod: `${podName}, uid ${pod.metadata.uid}`, clock: deps.clock, log: deps.log };
  await untilEnded(request, socket, deps, async () => {
    try {
      if (agreed.carrier === 'spdy') return await servePortForward(acceptSpdy(socket, agreed.protocol.name), forwarding);
      const webSocket = await acceptWebSocket(request.raw, socket, agreed.protocol.name);
      if ('isBase64' in agreed.protocol) return await servePortForwardChannels(webSocket, agreed.protocol, ports, forwarding);
      await servePortForward(streamOfWebSocket(webSocket), forwarding);
    } finally {
      dialer.close();
    }
  });
}

function findPod({ namespace, podName }: StreamRequest, { pods }: StreamDeps): Pod {
  const pod = pods.findPod(namespace, podName);
  if (pod === undefined) throw new ApiError('NotFound', 'pod does not exist');
  return pod;
}

async function handleCommand(
  request: StreamRequest,
  options: CommandOptions,
  start: (options: SessionOptions) => Promise<ProcessSession>,
  deps: StreamDeps,
): Promise<void> {
  const agreed = agreeOnProtocol(request.raw.headers, { webSocket: channelProtocols, spdy: spdyCommandProtocols });
  const socket = request.takeConnection();
  await untilEnded(request, socket, deps, async () => {
    const streams = await acceptStreams(request, socket, agreed, options, deps);
    await serveCommand(streams, start, options, deps);
  });
}

async function acceptStreams(
  { raw, signal }: StreamRequest,
  socket: Socket,
  agreed: Agreement<ChannelProtocol, SpdyCommandProtocol>,
  options: CommandOptions,
  { clock }: StreamDeps,
): Promise<CommandStreams> {
  if (agreed.carrier === 'spdy')
    return acceptSpdyStreams(acceptSpdy(socket, agreed.protocol.name), agreed.protocol, options, { clock, signal });
  const webSocket = await acceptWebSocket(raw, socket, agreed.protocol.name);
  return createWebSocketStreams(webSocket, agreed.protocol, options, signal);
}

function acceptSpdy(socket: Socket, protocol: string): Socket {
  const lines = ['HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade', 'Upgrade: SPDY/3.1', `X-Stream-Protocol-Version: ${protocol}`];
  socket.write(`${lines.join('\r\n')}\r\n\r\n`);
  return socket;
}

/** There is nobody left to tell of a failure: it is logged, and the connection does not outlive it. */
async function untilEnded({ raw, signal }: StreamRequest, socket: Socket, { log }: StreamDeps, serve: () => Promise<void>): Promise<void> {
  const stop = () => socket.destroy();
  signal.addEventListener('abort', stop, { once: true });
  try {
    await serve();
  } catch (error) {
    log.info({ err: error, path: raw.url?.split('?')[0] }, 'a stream broke');
  } finally {
    signal.removeEventListener('abort', stop);
    socket.destroySoon();
  }
}
