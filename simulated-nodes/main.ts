/** Simulated nodes as a process beside a composed cluster: keeps every Node that carries the label for it, and the pods bound to them, until it is told to stop. */
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
import { createSimulatedNodes } from './simulated-nodes.ts';

const log = createLogger('simulated-nodes', process.env.LOG_LEVEL ?? 'info');

await runProcess(log, async (signal) => {
  const config = readConfig(process.env);
  const options = readClientOptions(config, 'simulated-nodes');
  const port = config.integer('HEALTH_PORT', { fallback: 10_261, min: 1, max: 65_535 });
  config.finish();

  const client = createClient(options);
  const simulated = createSimulatedNodes({ nodes: [], isAdopting: true }, { client, clock: systemClock, random: systemRandom, log });
  try {
    await runTogether(signal, [
      (stop) => runHealthServer({ address: '127.0.0.1', port, registry: createRegistry(), unready: simulated.unready }, stop),
      (stop) => simulated.run(stop),
      (stop) => runNetworkGuard({ clock: systemClock }, stop),
    ]);
  } finally {
    await client.close();
  }
});
