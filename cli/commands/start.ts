/** `keelson start`, which `npm start` runs: set-up, up, the hello application, and how to reach all of it. */
import { systemClock } from '#component/clock.ts';
import { findClusterClient } from '../cluster-client.ts';
import { deployHello, type HelloAddresses, waitForHello } from '../hello.ts';
import { formatDuration, type Progress } from '../progress.ts';
import { API_SERVER, hostFiles } from '../project.ts';
import { runSetup } from './setup.ts';
import { runUp } from './up.ts';

export async function runStart(progress: Progress): Promise<void> {
  const startMs = systemClock.monotonic();
  await runSetup(progress, { forTests: false });
  await runUp(progress);
  const hello = await startHello(progress);
  progress.text();
  progress.heading(`The cluster is up after ${formatDuration(systemClock.monotonic() - startMs)}.`);
  progress.text(renderSummary(hello));
}

async function startHello(progress: Progress): Promise<HelloAddresses> {
  const client = findClusterClient();
  if (client === undefined) throw new Error(`there is no ${hostFiles.kubeconfig}`);
  try {
    let addresses: HelloAddresses | undefined;
    await progress.step('hello', async () => {
      await deployHello(client);
      addresses = await waitForHello(client);
      return addresses.greeting === '' ? 'deployed' : 'answers through each node';
    });
    if (addresses === undefined) throw new Error('hello was not deployed');
    return addresses;
  } finally {
    await client.close();
  }
}

/** Lines that can be copied into a shell. */
function renderSummary({ clusterIp, nodePort, urls, greeting }: HelloAddresses): string {
  const curl = `curl --cacert ${hostFiles.ca} \\\n  --cert ${hostFiles.certificate} \\\n  --key ${hostFiles.key} \\\n  ${API_SERVER}/api/v1/nodes`;
  // Docker Desktop keeps the nodes' network to itself; the API server is published, and leads to every Service.
  const proxied = '  kubectl proxy &\n  curl http://127.0.0.1:8001/api/v1/namespaces/default/services/hello/proxy/';
  return [
    `  export KUBECONFIG=${hostFiles.kubeconfig}`,
    '',
    curl.replaceAll(/^/gm, '  '),
    '',
    `  hello, from within the cluster: http://${clusterIp}/`,
    ...(urls.length === 0 ? ['  hello, from this machine:', proxied] : urls.map((url) => `  curl ${url}`)),
    ...(greeting === '' ? [] : [`    ${greeting}`]),
    ...(urls.length === 0 ? [`  (node port ${nodePort})`] : []),
    '',
    '  keelson status · keelson doctor · keelson down   (npx keelson …)',
  ].join('\n');
}
