/** The engine alone, without a cluster: containers of the same image as the benchmarks' pods. The limit that pod and cluster starts are held against. */
import type Docker from 'dockerode';

export const IMAGE = 'keelson/hello:v1';
export const SLEEP = ['sleep', 'infinity'];

/** Creates and starts one container without a network. */
export async function startBareContainer(docker: Docker): Promise<Docker.Container> {
  const container = await docker.createContainer({
    Image: IMAGE,
    Entrypoint: SLEEP,
    HostConfig: { NetworkMode: 'none', IpcMode: 'shareable', Init: true },
  });
  await container.start();
  return container;
}

/** Creates and starts one container in the namespaces of another, as an app container joins its sandbox. */
export async function startJoinedContainer(docker: Docker, first: Docker.Container): Promise<Docker.Container> {
  const joined = { NetworkMode: `container:${first.id}`, IpcMode: `container:${first.id}` };
  const container = await docker.createContainer({ Image: IMAGE, Entrypoint: SLEEP, HostConfig: joined });
  await container.start();
  return container;
}

export async function removeContainers(containers: readonly Docker.Container[]): Promise<void> {
  await Promise.all(containers.map((container) => container.remove({ force: true })));
}
