/**
 * A storage driver of the simplest kind, to exercise the kubelet's side of CSI: a volume is a directory, and publishing binds it. It runs as a program of its own in
 * a pod of each node (`csi.e2e.ts` brings it there) and inside unit tests. What it was asked is kept in `calls`; volumes are shared by all who have the directory.
 */
import { execFile } from 'node:child_process';
import { mkdir, readFile, rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Server, ServerCredentials, status } from '@grpc/grpc-js';
import { capabilities, controller, identity, type Method, node, registration } from '../../kubelet/csi/messages.ts';

export interface DriverOptions {
  readonly name: string;
  readonly nodeId: string;
  /** Where volumes are kept. */
  readonly directory: string;
  /** Where to listen, for the driver's own services and for the registration; and where the kubelet finds the first. */
  readonly socket: string;
  readonly registrationSocket: string;
  readonly endpoint: string;
  bind(source: string, target: string): Promise<void>;
  unmount(target: string): Promise<void>;
}

export interface Driver {
  readonly calls: string[];
  stop(): void;
}

type Handler = <Request, Response>(method: Method<Request, Response>, answer: (request: Request) => Promise<Response> | Response) => void;

/** More than this is refused: a disk that is full. */
const VOLUME_BYTES_MAX = 2 ** 40;

export async function startDriver(options: DriverOptions): Promise<Driver> {
  const calls: string[] = [];
  const services = serve(calls, (on) => {
    serveIdentity(on, options);
    serveController(on, options);
    serveNode(on, options);
  });
  const registrar = serve(calls, (on) => serveRegistration(on, options));
  await listen(services, options.socket);
  await listen(registrar, options.registrationSocket);
  return {
    calls,
    stop: () => {
      services.forceShutdown();
      registrar.forceShutdown();
    },
  };
}

function serve(calls: string[], define: (on: Handler) => void): Server {
  const server = new Server();
  define((method, answer) => {
    const { path, request, response } = method;
    const wire = {
      requestSerialize: request.encode,
      requestDeserialize: request.decode,
      responseSerialize: response.encode,
      responseDeserialize: response.decode,
    };
    const name = path.slice(path.lastIndexOf('/') + 1);
    server.addService(
      { [name]: { path, requestStream: false, responseStream: false, ...wire } },
      {
        [name]: async (call: { request: Parameters<typeof answer>[0] }, reply: (error: object | null, value?: unknown) => void) => {
          calls.push(name);
          try {
            reply(null, await answer(call.request));
          } catch (error) {
            const code = error instanceof DriverError ? error.code : status.INTERNAL;
            reply({ code, details: error instanceof Error ? error.message : String(error) });
          }
        },
      },
    );
  });
  return server;
}

class DriverError extends Error {
  readonly code: number;
  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

async function listen(server: Server, socket: string): Promise<void> {
  await rm(socket, { force: true });
  await promisify<string, ServerCredentials, number>(server.bindAsync.bind(server))(`unix://${socket}`, ServerCredentials.createInsecure());
}

function serveRegistration(on: Handler, { name, endpoint }: DriverOptions): void {
  on(registration.getInfo, () => ({ type: 'CSIPlugin', name, endpoint, supportedVersions: ['1.0.0'] }));
  on(registration.notifyRegistrationStatus, () => ({}));
}

function serveIdentity(on: Handler, { name }: DriverOptions): void {
  on(identity.getPluginInfo, () => ({ name, vendorVersion: '1' }));
  on(identity.getPluginCapabilities, () => ({ capabilities: [{ service: { type: capabilities.plugin.controllerService } }] }));
}

function serveController(on: Handler, { directory }: DriverOptions): void {
  const { createDelete, expand } = capabilities.controller;
  const sizeFile = (volumeId: string) => join(directory, `${volumeId}.size`);
  on(controller.getCapabilities, () => ({ capabilities: [createDelete, expand].map((type) => ({ rpc: { type } })) }));
  on(controller.createVolume, async ({ name, capacityRange, parameters }) => {
    const capacityBytes = capacityRange.requiredBytes;
    if (capacityBytes > VOLUME_BYTES_MAX) throw new DriverError(status.RESOURCE_EXHAUSTED, 'the disk is full');
    await mkdir(join(directory, name), { recursive: true, mode: 0o755 });
    await writeFile(sizeFile(name), String(capacityBytes));
    return { volume: { volumeId: name, capacityBytes, volumeContext: parameters } };
  });
  on(controller.deleteVolume, async ({ volumeId }) => {
    await rm(join(directory, volumeId), { recursive: true, force: true });
    await rm(sizeFile(volumeId), { force: true });
    return {};
  });
  on(controller.expandVolume, async ({ volumeId, capacityRange }) => {
    await writeFile(sizeFile(volumeId), String(capacityRange.requiredBytes));
    return { capacityBytes: capacityRange.requiredBytes, nodeExpansionRequired: true };
  });
}

function serveNode(on: Handler, { nodeId, directory, bind, unmount }: DriverOptions): void {
  const { stage, stats, expand } = capabilities.node;
  on(node.getInfo, () => ({ nodeId, maxVolumesPerNode: 100 }));
  on(node.getCapabilities, () => ({ capabilities: [stage, stats, expand].map((type) => ({ rpc: { type } })) }));
  on(node.stageVolume, async ({ volumeId, stagingTargetPath }) => {
    await writeFile(join(stagingTargetPath, 'staged'), volumeId);
    return {};
  });
  on(node.unstageVolume, async ({ stagingTargetPath }) => {
    await rm(join(stagingTargetPath, 'staged'), { force: true });
    return {};
  });
  on(node.publishVolume, async ({ volumeId, stagingTargetPath, targetPath, volumeContext }) => {
    const isEphemeral = stagingTargetPath === '';
    const source = join(directory, volumeId);
    if (!isEphemeral) await readFile(join(stagingTargetPath, 'staged'));
    await mkdir(source, { recursive: true });
    if (isEphemeral) await writeFile(join(source, 'context.json'), JSON.stringify(volumeContext));
    await mkdir(targetPath, { recursive: true });
    await bind(source, targetPath);
    return {};
  });
  on(node.unpublishVolume, async ({ volumeId, targetPath }) => {
    await unmount(targetPath);
    await rm(targetPath, { recursive: true, force: true });
    if (volumeId.startsWith('csi-')) await rm(join(directory, volumeId), { recursive: true, force: true });
    return {};
  });
  on(node.getVolumeStats, async ({ volumePath }) => {
    const { bsize, blocks, bavail } = await statfs(volumePath);
    return { usage: [{ unit: 1, total: blocks * bsize, available: bavail * bsize, used: (blocks - bavail) * bsize }] };
  });
  on(node.expandVolume, ({ capacityRange }) => ({ capacityBytes: capacityRange.requiredBytes }));
}

/** In its pod: `driver.ts NAME NODE`, with the kubelet's directory where it is everywhere, and the volumes at /volumes. */
if (import.meta.main) {
  const [name = '', nodeId = ''] = process.argv.slice(2);
  const plugin = `/var/lib/kubelet/plugins/${name}`;
  const run = promisify(execFile);
  await mkdir(plugin, { recursive: true });
  await startDriver({
    name,
    nodeId,
    directory: '/volumes',
    socket: `${plugin}/csi.sock`,
    registrationSocket: `/var/lib/kubelet/plugins_registry/${name}-reg.sock`,
    endpoint: `${plugin}/csi.sock`,
    bind: async (source, target) => void (await run('mount', ['--bind', source, target])),
    unmount: async (target) => void (await run('umount', [target]).catch(() => {})),
  });
  process.on('SIGTERM', () => process.exit(0));
}
