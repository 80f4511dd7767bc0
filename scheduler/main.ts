/** The scheduler as a process: configuration from the environment, the health server, and the scheduler until it is told to stop. */
import { hostname } from 'node:os';
import { createClient } from '#client/client.ts';
import { readClientOptions } from '#client/client-config.ts';
import { systemClock } from '#component/clock.ts';
import { readConfig } from '#component/config.ts';
import { runHealthServer } from '#component/health-server.ts';
import { createLogger } from '#component/logger.ts';
import { createRegistry, Gauge } from '#component/metrics.ts';
import { runNetworkGuard } from '#component/network-guard.ts';
import { systemRandom } from '#component/random.ts';
import { runProcess, runTogether } from '#component/shutdown.ts';
import { defaultConfiguration, parseConfiguration } from './configuration/configuration.ts';
import { createScheduler, type Scheduler } from './scheduler.ts';

const log = createLogger('scheduler', process.env.LOG_LEVEL ?? 'info');

await runProcess(log, async (signal) => {
  const config = readConfig(process.env);
  const options = readClientOptions(config, 'kube-scheduler');
  const port = config.integer('HEALTH_PORT', { fallback: 10_259, min: 1, max: 65_535 });
  const configurationText = config.file('SCHEDULER_CONFIG', '');
  config.finish();

  const configuration = configurationText.trim() === '' ? defaultConfiguration() : parseConfiguration(configurationText);
  for (const warning of configuration.warnings) log.warn(warning);
  const client = createClient(options);
  const identity = `${hostname()}_${systemRandom.uuid()}`;
  const scheduler = createScheduler({ client, clock: systemClock, random: systemRandom, log, identity, configuration });
  try {
    await runTogether(signal, [
      (stop) => runHealthServer({ address: '127.0.0.1', port, registry: createMetrics(scheduler), unready: scheduler.unready }, stop),
      (stop) => scheduler.run(stop),
      (stop) => runNetworkGuard({ clock: systemClock }, stop),
    ]);
  } finally {
    await client.close();
  }
});

function createMetrics(scheduler: Scheduler) {
  const registry = createRegistry();
  new Gauge({
    name: 'scheduler_pending_pods',
    help: 'Pods that want a node, by what they wait for.',
    labelNames: ['queue'],
    registers: [registry],
    collect() {
      for (const [queue, size] of Object.entries(scheduler.queueSizes())) this.set({ queue }, size);
    },
  });
  return registry;
}
