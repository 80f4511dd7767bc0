/**
 * A node, its pods and an outside client as real network namespaces, for the integration test: the node routes between them and is where
 * rules are loaded. Every name carries a random part, and `close` removes all of it. Needs root, `ip` and `nft`.
 */
import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { StaleFlow } from '../stale-flows.ts';

const run = promisify(execFile);

/** A host of the lab hangs on the node by a cable of its own, as pods do with a point-to-point CNI plugin. */
export interface Host {
  readonly namespace: string;
  readonly address: string;
}

export interface NetworkLab {
  readonly node: Host;
  /** A client outside the cluster, and where the node's default route leads. */
  readonly world: Host;
  addPod(address: string): Promise<Host>;
  /** Answers every TCP connection and UDP datagram with its own address and the client's. */
  serve(host: Host, port: number): Promise<void>;
  /** What `count` connections, one after the other, were answered: `10.244.1.4 to 10.244.1.9`, or the error's code. */
  connect(from: Host, to: string, count?: number): Promise<readonly string[]>;
  /** The same with datagrams from one source port; `timeout` for no answer. */
  send(from: Host, to: string, sourcePort: number): Promise<string>;
  /** Loads a ruleset with the proxy's own `nft.ts`, inside the node. */
  load(text: string): Promise<void>;
  forgetFlows(flows: readonly StaleFlow[]): Promise<void>;
  close(): Promise<void>;
}

/** Undefined when the lab can be built here, else the reason why not. */
export function whyNoLab(): string | undefined {
  if (process.getuid?.() !== 0) return 'network namespaces need root';
  return spawnSync('nft', ['--version']).error === undefined ? undefined : 'nft is not installed';
}

const SERVE = `
  const [address, port] = process.argv.slice(1);
  const { createServer } = await import('node:net');
  const udp = (await import('node:dgram')).createSocket('udp4');
  udp.on('message', (_, from) => udp.send(address + ' to ' + from.address, from.port, from.address));
  await new Promise((resolve) => udp.bind(Number(port), address, resolve));
  createServer((socket) => socket.on('error', () => {}).end(address + ' to ' + socket.remoteAddress))
    .listen(Number(port), address, () => console.log('ready'));
`;

const CONNECT = `
  const [host, port, count] = process.argv.slice(1);
  const { connect } = await import('node:net');
  const answers = [];
  for (let index = 0; index < Number(count); index += 1) {
    answers.push(await new Promise((resolve) => {
      let text = '';
      const socket = connect({ host, port: Number(port), timeout: 700 });
      socket.on('data', (data) => { text += data; }).on('end', () => resolve(text));
      socket.on('timeout', () => { resolve('timeout'); socket.destroy(); }).on('error', (error) => resolve(error.code));
    }));
  }
  console.log(JSON.stringify(answers));
`;

const SEND = `
  const [host, port, sourcePort] = process.argv.slice(1);
  const socket = (await import('node:dgram')).createSocket('udp4');
  const done = (text) => { console.log(JSON.stringify([text])); socket.close(); clearTimeout(timer); };
  const timer = setTimeout(done, 700, 'timeout');
  socket.on('message', (data) => done(String(data))).on('error', (error) => done(error.code));
  socket.bind(Number(sourcePort), () => socket.send('?', Number(port), host));
`;

const NFT = `
  const [module, action, input] = process.argv.slice(1);
  const nft = (await import(module)).createNft();
  const signal = new AbortController().signal;
  if (action === 'load') await nft.load(input, signal);
  else for (const flow of JSON.parse(input)) await nft.forgetFlow(flow, signal);
`;

export async function createNetworkLab(): Promise<NetworkLab> {
  const id = randomBytes(3).toString('hex');
  const namespaces: string[] = [];
  const servers: ChildProcess[] = [];

  async function addNamespace(): Promise<string> {
    const name = `keelson-${id}-${namespaces.length}`;
    await run('ip', ['netns', 'add', name]);
    namespaces.push(name);
    await ip(name, 'link', 'set', 'lo', 'up');
    return name;
  }

  const node: Host = { namespace: await addNamespace(), address: '172.20.0.2' };
  await run('ip', ['netns', 'exec', node.namespace, 'sysctl', '-qw', 'net.ipv4.ip_forward=1']);

  async function addHost(address: string, gateway: string): Promise<Host> {
    const host = { namespace: await addNamespace(), address };
    const cable = `veth${namespaces.length}`;
    await run('ip', ['link', 'add', cable, 'netns', node.namespace, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', host.namespace]);
    await ip(node.namespace, 'link', 'set', cable, 'up');
    await ip(node.namespace, 'address', 'add', `${gateway}/32`, 'dev', cable);
    await ip(node.namespace, 'route', 'add', `${address}/32`, 'dev', cable, 'src', gateway);
    await ip(host.namespace, 'address', 'add', `${address}/32`, 'dev', 'eth0');
    await ip(host.namespace, 'link', 'set', 'eth0', 'up');
    await ip(host.namespace, 'route', 'add', gateway, 'dev', 'eth0');
    await ip(host.namespace, 'route', 'add', 'default', 'via', gateway);
    return host;
  }

  const world = await addHost('198.51.100.9', node.address);
  // The kernel looks for a route to the Service's address before any rule sees the packet; every real node has a default route.
  await ip(node.namespace, 'route', 'add', 'default', 'via', world.address);

  return {
    node,
    world,
    addPod: (address) => addHost(address, '10.244.1.1'),
    serve: async ({ namespace, address }, port) => {
      const args = ['netns', 'exec', namespace, process.execPath, '--input-type=module', '-e', SERVE, address, String(port)];
      const child = spawn('ip', args, { stdio: ['ignore', 'pipe', 'inherit'] });
      servers.push(child);
      await new Promise((resolve, reject) => child.stdout.once('data', resolve).once('error', reject));
    },
    connect: (from, to, count = 1) => runScript(from, CONNECT, ...splitTarget(to), String(count)),
    send: async (from, to, sourcePort) => (await runScript(from, SEND, ...splitTarget(to), String(sourcePort)))[0] ?? '',
    load: async (text) => void (await runScript(node, NFT, join(import.meta.dirname, '../nft.ts'), 'load', text)),
    forgetFlows: async (flows) =>
      void (await runScript(node, NFT, join(import.meta.dirname, '../nft.ts'), 'forget', JSON.stringify(flows))),
    close: async () => {
      for (const server of servers) server.kill('SIGKILL');
      for (const namespace of namespaces) await run('ip', ['netns', 'del', namespace]);
    },
  };
}

async function ip(namespace: string, ...args: readonly string[]): Promise<void> {
  await run('ip', ['-n', namespace, ...args]);
}

function splitTarget(to: string): [string, string] {
  const [address = '', port = ''] = to.split(':');
  return [address, port];
}

async function runScript({ namespace }: Host, script: string, ...args: readonly string[]): Promise<readonly string[]> {
  const command = ['netns', 'exec', namespace, process.execPath, '--input-type=module', '-e', script, ...args];
  const { stdout } = await run('ip', command);
  const answers: unknown = stdout === '' ? [] : JSON.parse(stdout);
  return Array.isArray(answers) ? answers.map(String) : [];
}
