/** The metrics API as a process: configuration from the environment, its aggregated server, its registration with the API server, and the health server. */
import { createClient } from '#client/client.ts';
import { readClientOptions } from '#client/client-config.ts';
import { systemClock } from '#component/clock.ts';
import { readConfig } from '#component/config.ts';
import { runHealthServer } from '#component/health-server.ts';
import { createLogger } from '#component/logger.ts';
import { createRegistry } from '#component/metrics.ts';
import { runNetworkGuard } from '#component/network-guard.ts';
import { findNodeAddress } from '#component/node-address.ts';
import { aborted, runProcess, runTogether } from '#component/shutdown.ts';
import { createKubelets } from './kubelets.ts';
import { createMetricsApi } from './metrics-api.ts';
import { registerMetricsApi } from './registration.ts';
import { runMetricsServer } from './server.ts';

const log = createLogger('metrics', process.env.LOG_LEVEL ?? 'info');

await runProcess(log, async (signal) => {
  const config = readConfig(process.env);
  const options = readClientOptions(config, 'keelson-metrics');
  const port = config.integer('METRICS_PORT', { fallback: 4_443, min: 1, max: 65_535 });
  const healthPort = config.integer('HEALTH_PORT', { fallback: 10_260, min: 1, max: 65_535 });
  const address = config.text('METRICS_ADDRESS', '') || findNodeAddress();
  const serving = {
    certificate: config.file('SERVING_CERT', '/etc/keelson/server.crt'),
    key: config.file('SERVING_KEY', '/etc/keelson/server.key'),
    frontProxyCa: config.file('KEELSON_FRONT_PROXY_CA', '/etc/keelson/front-proxy-ca.crt'),
    frontProxyNames: config.text('KEELSON_FRONT_PROXY_NAMES', 'front-proxy-client').split(','),
  };
  const { ca, certificate, key } = options;
  config.finish();
  if (address === undefined || certificate === undefined || key === undefined)
    throw new Error('this process has no address or no certificate');

  const clock = systemClock;
  const client = createClient(options);
  const kubelets = createKubelets({ ca, certificate, key }, { clock });
  const api = createMetricsApi({ client, clock, log, askKubelet: kubelets.ask });
  let isRegistered = false;
  try {
    await runTogether(signal, [
      (stop) => runMetricsServer({ address, port, ...serving }, { api, log }, stop),
      async (stop) => {
        await registerMetricsApi({ address, port, ca }, { client, clock, log }, stop);
        isRegistered = true;
        await aborted(stop);
      },
      (stop) => {
        const unready = () => (isRegistered ? [] : ['registration']);
        return runHealthServer({ address: '127.0.0.1', port: healthPort, registry: createRegistry(), unready }, stop);
      },
      (stop) => runNetworkGuard({ clock }, stop),
    ]);
  } finally {
    kubelets.close();
    await client.close();
  }
});
