/**
 * The cluster DNS process. Runs as a pod in the node's own network (see `dns.yaml`), so it reaches the API server by the address of its Service:
 * there is no DNS before it.
 */
import { networkInterfaces } from 'node:os';
import { createClient } from '#client/client.ts';
import { readClientOptions } from '#client/client-config.ts';
import { systemClock } from '#component/clock.ts';
import { readConfig } from '#component/config.ts';
import { runHealthServer } from '#component/health-server.ts';
import { createLogger } from '#component/logger.ts';
import { createRegistry } from '#component/metrics.ts';
import { systemRandom } from '#component/random.ts';
import { runProcess, runTogether } from '#component/shutdown.ts';
import { createClusterView, createDnsInformers } from './cluster-view.ts';
import { createForwarder, parseNameServers, upstreamsExceptSelf } from './forward.ts';
import { createResolver } from './resolver.ts';
import { runDnsServer } from './server.ts';

const config = readConfig(process.env);
const options = readClientOptions(config, 'cluster-dns', 'https://10.96.0.1:443');
const zoneName = config.text('CLUSTER_DOMAIN', 'cluster.local');
const clusterDns = config.text('CLUSTER_DNS', '10.96.0.10');
const address = config.text('DNS_ADDRESS', '0.0.0.0') || '0.0.0.0';
const port = config.integer('DNS_PORT', { fallback: 53, min: 0, max: 65_535 });
const healthPort = config.integer('HEALTH_PORT', { fallback: 8_080, min: 0, max: 65_535 });
const resolvConf = config.file('RESOLV_CONF', '/etc/resolv.conf');
const log = createLogger('dns', config.text('LOG_LEVEL', 'info'));

/** On the wildcard address every address of the machine is us, loopback included. */
function ownAddresses(): readonly string[] {
  if (address !== '0.0.0.0') return [clusterDns, address];
  return [
    clusterDns,
    ...Object.values(networkInterfaces()).flatMap((all) => (all ?? []).map((each) => each.address)),
    '127.0.0.11',
    '127.0.0.53',
  ];
}

await runProcess(log, async (signal) => {
  config.finish();
  const clock = systemClock;
  const random = systemRandom;
  const registry = createRegistry();
  const client = createClient(options);
  const informers = createDnsInformers({ client, clock, random, log });
  const all = [informers.services, informers.slices, informers.namespaces];
  const unready = () => all.filter((informer) => !informer.hasSynced()).map(({ type }) => type.plural);
  const upstreams = upstreamsExceptSelf(parseNameServers(resolvConf), ownAddresses());
  log.info({ upstreams: upstreams.map((upstream) => upstream.address) }, 'names outside the cluster are asked for there');
  const resolver = createResolver({
    zone: { name: zoneName, cluster: createClusterView(informers) },
    forwarder: createForwarder({ upstreams, clock, random }),
    isReady: () => all.every((informer) => informer.hasSynced()),
    registry,
    log,
  });
  await runTogether(signal, [
    ...all.map((informer) => informer.run),
    (stop) => runDnsServer({ address, port }, { resolver, clock, log }, stop),
    (stop) => runHealthServer({ address: '0.0.0.0', port: healthPort, registry, unready }, stop),
  ]);
  await client.close();
});
