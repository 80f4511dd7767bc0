/**
 * A real etcd in a container for the length of a test file. The image is the one the cluster runs (`docker compose build etcd`);
 * `KEELSON_ETCD_IMAGE` names another.
 */
import { GenericContainer, Wait } from 'testcontainers';

const CLIENT_PORT = 2379;

export interface EtcdContainer {
  readonly host: string;
  readonly port: number;
  /** `http://127.0.0.1:32768` */
  readonly endpoint: string;
  stop(): Promise<void>;
}

export async function startEtcd(): Promise<EtcdContainer> {
  // The reaper is one more image to pull; whoever starts an etcd stops it.
  process.env.TESTCONTAINERS_RYUK_DISABLED = 'true';
  const container = await new GenericContainer(process.env.KEELSON_ETCD_IMAGE ?? 'keelson/etcd:dev')
    .withEntrypoint(['/usr/bin/etcd'])
    .withCommand([
      `--listen-client-urls=http://0.0.0.0:${CLIENT_PORT}`,
      `--advertise-client-urls=http://127.0.0.1:${CLIENT_PORT}`,
      '--data-dir=/tmp/etcd',
      '--unsafe-no-fsync',
    ])
    .withExposedPorts(CLIENT_PORT)
    .withWaitStrategy(Wait.forLogMessage(/ready to serve client requests/))
    .start();
  const [host, port] = [container.getHost(), container.getMappedPort(CLIENT_PORT)];
  return {
    host,
    port,
    endpoint: `http://${host}:${port}`,
    stop: async () => {
      await container.stop();
    },
  };
}
