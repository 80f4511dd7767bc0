/** Renders the administrator's kubeconfig: one cluster, one user, one context, all called `keelson`, with everything inside it. */
import { stringify } from 'yaml';

export interface KubeconfigParts {
  readonly server: string;
  /** PEM texts. */
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
}

const NAME = 'keelson';

export function renderKubeconfig({ server, ca, certificate, key }: KubeconfigParts): string {
  return stringify(
    {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: NAME, cluster: { server, 'certificate-authority-data': base64(ca) } }],
      users: [{ name: NAME, user: { 'client-certificate-data': base64(certificate), 'client-key-data': base64(key) } }],
      contexts: [{ name: NAME, context: { cluster: NAME, user: NAME } }],
      'current-context': NAME,
    },
    { lineWidth: 0 },
  );
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
