/** `kube-controller-manager`: reads the environment, competes for leadership, works until told to stop. */
import { hostname } from 'node:os';
import { createClient } from '#client/client.ts';
import { readClientOptions } from '#client/client-config.ts';
import { systemClock } from '#component/clock.ts';
import { readConfig } from '#component/config.ts';
import { runHealthServer } from '#component/health-server.ts';
import { createLogger } from '#component/logger.ts';
import { createRegistry } from '#component/metrics.ts';
import { runNetworkGuard } from '#component/network-guard.ts';
import { systemRandom } from '#component/random.ts';
import { runProcess, runTogether } from '#component/shutdown.ts';
import { createControllerManager } from './controller-manager.ts';

const config = readConfig(process.env);
const options = readClientOptions(config, 'kube-controller-manager');
const clusterCidr = config.text('CLUSTER_CIDR', '10.244.0.0/16');
const signingAuthority = {
  certificatePem: config.file('CLUSTER_SIGNING_CERT', '/etc/keelson/ca.crt'),
  keyPem: config.file('CLUSTER_SIGNING_KEY', '/etc/keelson/ca.key'),
};
const serviceAccountKey = config.file('KEELSON_SERVICE_ACCOUNT_KEY', '/etc/keelson/sa.key');
const address = config.text('HEALTH_ADDRESS', '127.0.0.1');
const port = config.integer('HEALTH_PORT', { fallback: 10_257, min: 0, max: 65_535 });
const log = createLogger('controller-manager', config.text('LOG_LEVEL', 'info'));
config.finish();

const client = createClient(options);
const deps = { client, clock: systemClock, random: systemRandom, log };
const identity = `${hostname()}_${systemRandom.uuid()}`;
const manager = createControllerManager({ identity, clusterCidr, rootCa: options.ca, signingAuthority, serviceAccountKey }, deps);
await runProcess(log, (signal) =>
  runTogether(signal, [
    (inner) => runHealthServer({ address, port, registry: createRegistry(), unready: manager.unready }, inner),
    (inner) => manager.run(inner),
    (inner) => runNetworkGuard({ clock: systemClock }, inner),
  ]).finally(() => client.close()),
);
