/** The kube-proxy process: reads its configuration, then runs the proxy and its health server in the node's network namespace. */
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
import { createKubeProxy, createProxyInformers } from './kube-proxy.ts';
import { createNft } from './nft.ts';

const config = readConfig(process.env);
const nodeName = config.text('NODE_NAME');
const options = readClientOptions(config, `kube-proxy/${nodeName}`);
const podCidr = config.text('POD_CIDR', '10.244.0.0/16');
const serviceCidr = config.text('SERVICE_CIDR', '10.96.0.0/16');
const healthPort = config.integer('HEALTH_PORT', { fallback: 10_256, min: 0, max: 65_535 });
const log = createLogger('kube-proxy', config.text('LOG_LEVEL', 'info'));

await runProcess(log, async (signal) => {
  config.finish();
  const registry = createRegistry();
  const client = createClient(options);
  const proxy = createKubeProxy({
    informers: createProxyInformers(nodeName, { client, clock: systemClock, random: systemRandom, log }),
    nodeName,
    podCidr,
    serviceCidr,
    nft: createNft(),
    registry,
    clock: systemClock,
    random: systemRandom,
    log,
  });
  const health = { address: '127.0.0.1', port: healthPort, registry, unready: proxy.unready };
  await runTogether(signal, [proxy.run, (stop) => runHealthServer(health, stop), (stop) => runNetworkGuard({ clock: systemClock }, stop)]);
  await client.close();
});
