/** Cluster DNS, as a pod sees it: over UDP and TCP, by full names and by those that the search list completes. */
import assert from 'node:assert/strict';
import type { Json } from '../../cluster.ts';
import type { ConformanceTest, TestScope } from '../framework/conformance-test.ts';
import { exec, shell } from '../framework/exec.ts';
import { eventually } from '../framework/expect.ts';
import { IDLE_COMMAND } from '../framework/image.ts';
import { untilRunning } from '../framework/pods.ts';
import { createProgram } from '../framework/program.ts';
import { aService } from './network-pods.ts';

const LABELS: Json = { 'dns-test': 'true' };
const PORTS: Json = [{ name: 'http', protocol: 'TCP', port: 80 }];

/** A pod that asks, and that the Services of these tests lead to. */
async function startQuerier(t: TestScope, spec: Json = {}): Promise<Json> {
  const specOf = await createProgram(t, 'resolve');
  const pods = t.resource('v1/pods');
  const made = { ...specOf([], { command: [...IDLE_COMMAND] }), ...spec };
  await pods.create({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'querier', labels: LABELS }, spec: made });
  return untilRunning(pods, 'querier');
}

/** Waits until each question (`A:name`) has these answers, by either transport. */
async function untilAnswers(t: TestScope, expected: Readonly<Record<string, string>>): Promise<void> {
  const lines = ['udp', 'tcp'].flatMap((transport) =>
    Object.entries(expected).map(([question, answer]) => `${transport} ${question} ${answer}`),
  );
  await eventually('the names are known', async () => {
    const { stdout, stderr } = await exec(t, 'querier', ['node', '/program/resolve.ts', ...Object.keys(expected)]);
    assert.deepEqual(stdout.trimEnd().split('\n'), lines, stderr);
    return true;
  });
}

/** As programs find names: by /etc/hosts, then by DNS. */
async function expectHost(t: TestScope, name: string, address: string): Promise<void> {
  const [found] = (await shell(t, 'querier', `getent hosts ${name}`)).split(/\s+/);
  assert.equal(found, address, name);
}

async function knowsCluster(t: TestScope): Promise<void> {
  await startQuerier(t);
  const { spec } = await t.resource('v1/services', 'default').get('kubernetes');
  const names = ['kubernetes.default.svc.cluster.local', 'kubernetes.default.svc', 'kubernetes.default'];
  await untilAnswers(t, Object.fromEntries(names.map((name) => [`A:${name}`, `A ${spec.clusterIP}`])));
}

interface Services {
  /** The cluster IP of the one that has one, and where the other leads. */
  readonly clusterIp: string;
  readonly podIp: string;
}

async function createServices(t: TestScope): Promise<Services> {
  const services = t.resource('v1/services');
  await services.create(aService('headless', { clusterIP: 'None', selector: LABELS, ports: PORTS }));
  const { spec } = await services.create(aService('regular', { selector: LABELS, ports: PORTS }));
  const { status } = await startQuerier(t);
  return { clusterIp: spec.clusterIP, podIp: status.podIP };
}

/** What both Services are to be found by; `domain` is what their names are followed by. */
function namesOf(t: TestScope, { clusterIp, podIp }: Services, domain: string): Readonly<Record<string, string>> {
  const full = `${t.namespace}.svc.cluster.local`;
  return {
    [`A:headless${domain}`]: `A ${podIp}`,
    [`A:regular${domain}`]: `A ${clusterIp}`,
    [`SRV:_http._tcp.regular${domain}`]: `SRV 80 regular.${full}`,
    [`SRV:_http._tcp.headless${domain}`]: `SRV 80 ${podIp.replaceAll('.', '-')}.headless.${full}`,
  };
}

async function knowsServices(t: TestScope): Promise<void> {
  const services = await createServices(t);
  const full = `${t.namespace}.svc.cluster.local`;
  const reversed = services.clusterIp.split('.').toReversed().join('.');
  const pointer = { [`PTR:${reversed}.in-addr.arpa.`]: `PTR regular.${full}` };
  await untilAnswers(t, { ...namesOf(t, services, `.${full}`), ...pointer });
}

async function knowsPartialNames(t: TestScope): Promise<void> {
  const services = await createServices(t);
  const domains = ['', `.${t.namespace}`, `.${t.namespace}.svc`];
  await untilAnswers(t, Object.assign({}, ...domains.map((domain) => namesOf(t, services, domain))));
}

/** A pod with a host name of its own, below the headless Service that its subdomain names. */
async function startNamed(t: TestScope): Promise<{ readonly fullName: string; readonly address: string }> {
  await t.resource('v1/services').create(aService('subdomain', { clusterIP: 'None', selector: LABELS, ports: PORTS }));
  const { status } = await startQuerier(t, { hostname: 'dns-querier', subdomain: 'subdomain' });
  return { fullName: `dns-querier.subdomain.${t.namespace}.svc.cluster.local`, address: status.podIP };
}

async function writesHosts(t: TestScope): Promise<void> {
  const { fullName, address } = await startNamed(t);
  const hosts = await shell(t, 'querier', 'cat /etc/hosts');
  assert.ok(hosts.split('\n').includes(`${address}\t${fullName}\tdns-querier`), hosts);
  await expectHost(t, fullName, address);
  await expectHost(t, 'dns-querier', address);
}

async function knowsHostname(t: TestScope): Promise<void> {
  const { fullName, address } = await startNamed(t);
  await untilAnswers(t, { [`A:${fullName}`]: `A ${address}` });
  await expectHost(t, fullName, address);
  await expectHost(t, 'dns-querier', address);
}

async function knowsSubdomain(t: TestScope): Promise<void> {
  const { fullName, address } = await startNamed(t);
  await untilAnswers(t, { [`A:${fullName}`]: `A ${address}`, [`A:subdomain.${t.namespace}.svc.cluster.local`]: `A ${address}` });
}

async function followsExternalNames(t: TestScope): Promise<void> {
  const services = t.resource('v1/services');
  const name = `external.${t.namespace}.svc.cluster.local`;
  await startQuerier(t);
  await services.create(aService('external', { type: 'ExternalName', externalName: 'foo.example.com' }));
  await untilAnswers(t, { [`CNAME:${name}`]: 'CNAME foo.example.com' });
  await services.patch('external', { spec: { externalName: 'bar.example.com' } });
  await untilAnswers(t, { [`CNAME:${name}`]: 'CNAME bar.example.com' });
  const { spec } = await services.change('external', (service) => {
    service.spec = { type: 'ClusterIP', ports: PORTS };
  });
  await untilAnswers(t, { [`A:${name}`]: `A ${spec.clusterIP}` });
}

async function takesNameservers(t: TestScope): Promise<void> {
  const dnsConfig = { nameservers: ['1.1.1.1'], searches: ['resolv.conf.local'] };
  await startQuerier(t, { dnsPolicy: 'None', dnsConfig });
  const lines = (await shell(t, 'querier', 'cat /etc/resolv.conf')).trimEnd().split('\n');
  assert.deepEqual(lines.toSorted(), ['nameserver 1.1.1.1', 'search resolv.conf.local']);
}

const PREFIX = '[sig-network] DNS should';

export const dnsTests: readonly ConformanceTest[] = [
  { name: `${PREFIX} provide DNS for the cluster [Conformance]`, run: knowsCluster },
  { name: `${PREFIX} provide DNS for services [Conformance]`, run: knowsServices },
  { name: `${PREFIX} resolve DNS of partial qualified names for services [LinuxOnly] [Conformance]`, run: knowsPartialNames },
  { name: `${PREFIX} provide /etc/hosts entries for the cluster [Conformance]`, run: writesHosts },
  { name: `${PREFIX} provide DNS for pods for Hostname [Conformance]`, run: knowsHostname },
  { name: `${PREFIX} provide DNS for pods for Subdomain [Conformance]`, run: knowsSubdomain },
  { name: `${PREFIX} provide DNS for ExternalName services [Conformance]`, run: followsExternalNames },
  { name: `${PREFIX} support configurable pod DNS nameservers [Conformance]`, run: takesNameservers },
];
