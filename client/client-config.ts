/** What every component's `main.ts` reads to reach the API server: where it is, who signed its certificate, and who this process is. */
import type { ConfigReader } from '#component/config.ts';
import type { ClientOptions } from './client.ts';

/** The API server inside the cluster's network. */
const SERVER = 'https://control-plane:6443';

/** Reads KEELSON_SERVER, KEELSON_CA, KEELSON_CERT and KEELSON_KEY (files); problems are `config`'s to report. */
export function readClientOptions(config: ConfigReader, userAgent: string, defaultServer: string = SERVER): ClientOptions {
  return {
    server: config.text('KEELSON_SERVER', defaultServer),
    ca: config.file('KEELSON_CA', '/etc/keelson/ca.crt'),
    certificate: config.file('KEELSON_CERT', '/etc/keelson/tls.crt'),
    key: config.file('KEELSON_KEY', '/etc/keelson/tls.key'),
    userAgent,
  };
}
