/** What envtest runs in the place of kube-apiserver: Keelson's API server, by upstream's flags. Started by `bin/envtest/kube-apiserver`. */
import { createLogger } from '#component/logger.ts';
import { runProcess } from '#component/shutdown.ts';
import { apiServerFlags, parseFlags, renderHelp, runFlaggedApiServer } from '../../in-process/flagged-api-server.ts';

const args = process.argv.slice(2);
if (args.includes('--help')) {
  process.stdout.write(renderHelp(apiServerFlags));
} else {
  const log = createLogger('kube-apiserver', process.env.LOG_LEVEL ?? 'warn');
  const isOnEtcd = (process.env.KEELSON_ETCD ?? '') !== '';
  await runProcess(log, async (signal) => runFlaggedApiServer({ flags: parseFlags(args, apiServerFlags), isOnEtcd, log }, signal));
}
