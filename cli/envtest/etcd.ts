/**
 * What envtest runs in the place of etcd when there is none: Keelson's API server then keeps its objects in memory, and all that is left to do is to say that one is well,
 * which envtest waits for. Started by `bin/envtest/etcd`, which runs a real one where KEELSON_ETCD names it.
 */
import { createServer } from 'node:http';
import { createLogger } from '#component/logger.ts';
import { aborted, runProcess } from '#component/shutdown.ts';
import { parseFlags, renderHelp } from '../../in-process/flagged-api-server.ts';

const flags = {
  'advertise-client-urls': 'taken',
  'data-dir': 'taken: nothing is written',
  'listen-client-urls': 'where /health is answered',
  'listen-peer-urls': 'taken: there are no peers',
};

const args = process.argv.slice(2);
if (args.includes('--help')) {
  process.stdout.write(renderHelp(flags));
} else {
  await runProcess(createLogger('etcd', process.env.LOG_LEVEL ?? 'warn'), async (signal) => {
    const url = new URL(parseFlags(args, flags).get('listen-client-urls') ?? 'http://127.0.0.1:2379');
    const server = createServer((request, response) => {
      const isHealth = request.url === '/health';
      response.statusCode = isHealth ? 200 : 501;
      response.end(isHealth ? '{"health":"true"}' : 'there is no etcd here: the API server keeps its objects in memory\n');
    });
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(Number(url.port), url.hostname, resolve));
    await aborted(signal);
    server.close();
  });
}
