/**
 * Brings the certificates on the volumes to what `identities.ts` wants: reads what is there, lets `plan-certificates.ts` decide, makes what
 * is missing or due, and hands everyone the authorities. Run by `main.ts` on every start of the cluster, in 0.1 s when there is
 * nothing to do. Each file is replaced whole, a key before its certificate: a run that is cut off leaves pairs that do not match, which
 * the next one finds and makes anew.
 */
import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import type { Clock } from '#component/clock.ts';
import type { Logger } from '#component/logger.ts';
import { type FileOwner, readFileIfThere, writeFileIfChanged } from './atomic-file.ts';
import { type AuthorityName, type Identity, identities, sharedFiles } from './identities.ts';
import type { KeyAndCertificate } from './issue-certificate.ts';
import { renderKubeconfig } from './kubeconfig.ts';
import {
  AUTHORITY_LIFETIME_MS,
  type AuthorityPlan,
  CERTIFICATE_LIFETIME_MS,
  type FoundCertificate,
  planAuthority,
  planCertificates,
} from './plan-certificates.ts';

const AUTHORITY_SUBJECTS: Readonly<Record<AuthorityName, string>> = {
  ca: 'keelson',
  'etcd-ca': 'keelson-etcd',
  'front-proxy-ca': 'keelson-front-proxy',
};

export interface CertificateDeps {
  /** Holds one directory per component, `authorities` and `host`. */
  readonly root: string;
  /** The address of the API server as the host reaches it, for the kubeconfig. */
  readonly server: string;
  /** Who gets the files in `host`. */
  readonly hostOwner: FileOwner;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Makes what is missing or due and gives the names of what it made. */
export async function applyCertificates(deps: CertificateDeps): Promise<readonly string[]> {
  const nowMs = deps.clock.now();
  const ca = await applyAuthority('ca', deps, nowMs);
  const etcdCa = await applyAuthority('etcd-ca', deps, nowMs);
  const frontProxyCa = await applyAuthority('front-proxy-ca', deps, nowMs);
  const authorities = { ca, 'etcd-ca': etcdCa, 'front-proxy-ca': frontProxyCa };
  const created = new Set(
    Object.values(authorities)
      .filter((authority) => authority.plan === 'create')
      .map((authority) => authority.name),
  );
  const planned = planCertificates(
    identities,
    (identity) => findCertificate(pathsOf(deps.root, identity), authorities[identity.authority].certificatePem),
    created,
    nowMs,
  );
  for (const { identity, reason } of planned) {
    deps.log.info({ certificate: `${identity.directory}/${identity.name}`, reason }, 'making a certificate');
    const { issueCertificate } = await import('./issue-certificate.ts');
    const validity = { nowMs, lifetimeMs: CERTIFICATE_LIFETIME_MS };
    writePair(pathsOf(deps.root, identity), await issueCertificate(identity, authorities[identity.authority], validity));
  }
  await applyTokenKeys(deps);
  shareFiles(deps.root);
  writeHostFiles(deps);
  return planned.map(({ identity }) => `${identity.directory}/${identity.name}`);
}

interface Authority extends KeyAndCertificate {
  readonly name: AuthorityName;
  readonly plan: AuthorityPlan;
}

async function applyAuthority(name: AuthorityName, deps: CertificateDeps, nowMs: number): Promise<Authority> {
  const paths = pairPaths(join(deps.root, 'authorities'), name);
  const keyPem = readFileIfThere(paths.key);
  const certificatePem = readFileIfThere(paths.certificate);
  const certificate = findCertificate(paths, certificatePem);
  const plan = planAuthority({ certificate, hasKey: keyPem !== undefined }, nowMs);
  if (plan === 'keep' && keyPem !== undefined && certificatePem !== undefined) return { name, plan, keyPem, certificatePem };
  deps.log.info({ authority: name, plan }, 'making an authority');
  const { issueAuthority } = await import('./issue-certificate.ts');
  const validity = { nowMs, lifetimeMs: AUTHORITY_LIFETIME_MS };
  const made = await issueAuthority(AUTHORITY_SUBJECTS[name], validity, plan === 'renew' ? keyPem : undefined);
  writePair(paths, made);
  return { name, plan, ...made };
}

/** The key pair that signs service account tokens. Its public half follows from the private one, so only that one is ever made. */
async function applyTokenKeys({ root, log }: CertificateDeps): Promise<void> {
  const keyPath = join(root, 'authorities', 'sa.key');
  let keyPem = readFileIfThere(keyPath);
  if (keyPem === undefined) {
    log.info('making the key of service account tokens');
    const { generateKeyPem } = await import('./issue-certificate.ts');
    keyPem = await generateKeyPem();
    writeFileIfChanged(keyPath, keyPem, { mode: 0o600 });
  }
  const publicPem = createPublicKey(keyPem).export({ type: 'spki', format: 'pem' }).toString();
  writeFileIfChanged(join(root, 'authorities', 'sa.pub'), publicPem, { mode: 0o644 });
}

function shareFiles(root: string): void {
  for (const { directory, name, source } of sharedFiles) {
    const content = readFileIfThere(join(root, 'authorities', source)) ?? '';
    writeFileIfChanged(join(root, directory, name), content, { mode: name.endsWith('.key') ? 0o600 : 0o644 });
  }
}

/** The kubeconfig, and for curl the three files it is made of. They belong to the user, and only to the user. */
function writeHostFiles({ root, server, hostOwner }: CertificateDeps): void {
  const host = join(root, 'host');
  const [ca = '', certificate = '', key = ''] = ['ca.crt', 'admin.crt', 'admin.key'].map((name) => readFileIfThere(join(host, name)));
  const owned = { mode: 0o600, owner: hostOwner };
  const files = {
    'ca.crt': ca,
    'admin.crt': certificate,
    'admin.key': key,
    kubeconfig: renderKubeconfig({ server, ca, certificate, key }),
  };
  for (const [name, content] of Object.entries(files)) writeFileIfChanged(join(host, name), content, owned);
}

interface PairPaths {
  readonly key: string;
  readonly certificate: string;
}

function pairPaths(directory: string, name: string): PairPaths {
  return { key: join(directory, `${name}.key`), certificate: join(directory, `${name}.crt`) };
}

function pathsOf(root: string, identity: Identity): PairPaths {
  return pairPaths(join(root, identity.directory), identity.name);
}

function writePair(paths: PairPaths, { keyPem, certificatePem }: KeyAndCertificate): void {
  writeFileIfChanged(paths.key, keyPem, { mode: 0o600 });
  writeFileIfChanged(paths.certificate, certificatePem, { mode: 0o644 });
}

/** What the certificate on disk says; undefined when it is missing, cut short or not a certificate at all. */
function findCertificate(paths: PairPaths, authorityPem: string | undefined): FoundCertificate | undefined {
  const certificatePem = readFileIfThere(paths.certificate);
  const keyPem = readFileIfThere(paths.key);
  if (certificatePem === undefined || keyPem === undefined || authorityPem === undefined) return undefined;
  try {
    const certificate = new X509Certificate(certificatePem);
    const authority = new X509Certificate(authorityPem);
    const subject = new Map(certificate.subject.split('\n').map((line) => splitOnce(line, '=')));
    return {
      commonName: subject.get('CN'),
      organization: subject.get('O'),
      serverNames: (certificate.subjectAltName ?? '').split(', ').flatMap((name) => (name === '' ? [] : [splitOnce(name, ':')[1]])),
      notBeforeMs: certificate.validFromDate.getTime(),
      notAfterMs: certificate.validToDate.getTime(),
      isKeyItsOwn: certificate.checkPrivateKey(createPrivateKey(keyPem)),
      isSignedByAuthority: certificate.verify(authority.publicKey),
    };
  } catch {
    return undefined;
  }
}

function splitOnce(text: string, separator: string): readonly [string, string] {
  const at = text.indexOf(separator);
  return [text.slice(0, at), text.slice(at + 1)];
}
