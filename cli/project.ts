/** Where things are: the project's folder and, within it, the one that belongs to the cluster and is in no repository. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const projectRoot = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '');

/** Made by the certificates' volume mount or by set-up, whoever comes first. */
export const stateDirectory = join(projectRoot, '.keelson');

export const hostFiles = {
  kubeconfig: join(stateDirectory, 'kubeconfig'),
  ca: join(stateDirectory, 'ca.crt'),
  certificate: join(stateDirectory, 'admin.crt'),
  key: join(stateDirectory, 'admin.key'),
} as const;

/** The name of the compose project, of its network, and the value of the label on every container that a kubelet makes. */
export const CLUSTER_NAME = 'keelson';

export const CLUSTER_LABEL = `keelson.dev/cluster=${CLUSTER_NAME}`;

/** The image of every component, and of every pod's sandbox. */
export const CLUSTER_IMAGE = 'keelson/keelson:dev';

export const NODE_NAMES = ['control-plane', 'worker-1', 'worker-2'] as const;

/** Where docker-compose.yml publishes the API server. */
export const API_SERVER = 'https://127.0.0.1:6443';
