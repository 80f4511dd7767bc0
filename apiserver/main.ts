/** The API server as a process: certificates, addresses and etcd's endpoints from the environment, then `createApiServer` until the process is told to stop. */
import { systemClock } from '#component/clock.ts';
import { readConfig } from '#component/config.ts';
import { createLogger } from '#component/logger.ts';
import { runNetworkGuard } from '#component/network-guard.ts';
import { findNodeAddress } from '#component/node-address.ts';
import { systemRandom } from '#component/random.ts';
import { runProcess, runTogether } from '#component/shutdown.ts';
import { createApiServer } from './api-server.ts';
import { resourceDefinitions } from './resources/index.ts';
import { KEYS_PATH } from './service-accounts/issuer-discovery.ts';
import { runCompaction } from './storage/etcd-compaction.ts';
import { createEtcdStorage } from './storage/etcd-storage.ts';

const CERTIFICATES = '/etc/keelson';

const config = readConfig(process.env);
const log = createLogger('apiserver', config.text('LOG_LEVEL', 'info'));
const endpoints = config.text('ETCD_ENDPOINTS', 'https://etcd:2379').split(',');
const etcdCa = config.file('KEELSON_ETCD_CA', `${CERTIFICATES}/etcd-ca.crt`);
const etcdCertificate = config.file('KEELSON_ETCD_CERT', `${CERTIFICATES}/etcd.crt`);
const etcdKey = config.file('KEELSON_ETCD_KEY', `${CERTIFICATES}/etcd.key`);
const ca = config.file('KEELSON_CA', `${CERTIFICATES}/ca.crt`);
const certificate = config.file('KEELSON_SERVER_CERT', `${CERTIFICATES}/server.crt`);
const key = config.file('KEELSON_SERVER_KEY', `${CERTIFICATES}/server.key`);
const kubeletCertificate = config.file('KEELSON_KUBELET_CLIENT_CERT', `${CERTIFICATES}/kubelet-client.crt`);
const kubeletKey = config.file('KEELSON_KUBELET_CLIENT_KEY', `${CERTIFICATES}/kubelet-client.key`);
const frontProxyCa = config.file('KEELSON_FRONT_PROXY_CA', `${CERTIFICATES}/front-proxy-ca.crt`);
const frontProxyCertificate = config.file('KEELSON_FRONT_PROXY_CLIENT_CERT', `${CERTIFICATES}/front-proxy-client.crt`);
const frontProxyKey = config.file('KEELSON_FRONT_PROXY_CLIENT_KEY', `${CERTIFICATES}/front-proxy-client.key`);
const serviceAccountKey = config.file('KEELSON_SERVICE_ACCOUNT_KEY', `${CERTIFICATES}/sa.key`);
const serviceAccountPublicKey = config.file('KEELSON_SERVICE_ACCOUNT_PUBLIC_KEY', `${CERTIFICATES}/sa.pub`);
const issuer = config.text('SERVICE_ACCOUNT_ISSUER', 'https://kubernetes.default.svc.cluster.local');
// By name: the certificate of the server was issued before its container had an address.
const jwksUri = config.text('SERVICE_ACCOUNT_JWKS_URI', `https://kubernetes.default.svc.cluster.local${KEYS_PATH}`);
const port = config.integer('PORT', { fallback: 6443, min: 1, max: 65_535 });
const address = config.text('LISTEN_ADDRESS', '0.0.0.0');
const advertiseAddress = config.text('ADVERTISE_ADDRESS', findNodeAddress() ?? '127.0.0.1');
const serviceCidr = config.text('SERVICE_CIDR', '10.96.0.0/16');

await runProcess(log, async (signal) => {
  config.finish();
  const deps = { clock: systemClock, random: systemRandom, log };
  const storage = createEtcdStorage({
    ...deps,
    endpoints,
    ca: Buffer.from(etcdCa),
    cert: Buffer.from(etcdCertificate),
    key: Buffer.from(etcdKey),
  });
  const server = createApiServer({
    ...deps,
    storage,
    definitions: resourceDefinitions,
    listen: { address, port },
    advertise: { address: advertiseAddress, port },
    serviceCidr,
    tls: { certificate, key, clientCa: ca },
    frontProxy: { ca: frontProxyCa, certificate: frontProxyCertificate, key: frontProxyKey },
    serviceAccounts: { issuer, jwksUri, privateKey: serviceAccountKey, publicKey: serviceAccountPublicKey },
    kubelet: { ca, certificate: kubeletCertificate, key: kubeletKey },
    collectGarbage: globalThis.gc && (() => globalThis.gc?.({ type: 'major', execution: 'sync' })),
  });
  try {
    await runTogether(signal, [
      (group) => server.run(group),
      (group) => runCompaction({ ...deps, storage }, group),
      (group) => runNetworkGuard(deps, group),
    ]);
  } finally {
    await storage.close();
  }
});
