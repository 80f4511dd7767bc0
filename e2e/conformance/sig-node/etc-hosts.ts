/** The file /etc/hosts: the kubelet's in a pod with a network of its own, unless a container mounts another one there; the node's otherwise. */
import assert from 'node:assert/strict';
import type { Json } from '../../cluster.ts';
import type { ConformanceTest, TestScope } from '../framework/conformance-test.ts';
import { shell } from '../framework/exec.ts';
import { aPod, untilRunning } from '../framework/pods.ts';

const HEADER = '# Kubernetes-managed hosts file.';
const NODES_OWN: Json = { name: 'host', mountPath: '/etc/hosts-original' };

/** Container `main` sees the node's file beside its own; `mounting` in the place of its own. */
function aHostsPod(name: string, spec: Json): Json {
  const pod = aPod(name, { container: { volumeMounts: [NODES_OWN] } });
  const [main] = pod.spec.containers;
  const mounting = { ...main, name: 'mounting', volumeMounts: [NODES_OWN, { ...NODES_OWN, mountPath: '/etc/hosts' }] };
  const volumes = [{ name: 'host', hostPath: { path: '/etc/hosts', type: 'FileOrCreate' } }];
  return { ...pod, spec: { ...pod.spec, volumes, containers: [main, mounting], ...spec } };
}

async function managesHosts(t: TestScope): Promise<void> {
  const pods = t.resource('v1/pods');
  await pods.create(aHostsPod('own-network', {}));
  await pods.create(aHostsPod('host-network', { hostNetwork: true }));
  await Promise.all([untilRunning(pods, 'own-network'), untilRunning(pods, 'host-network')]);
  const cases = [
    { pod: 'own-network', container: 'main', isManaged: true },
    { pod: 'own-network', container: 'mounting', isManaged: false },
    { pod: 'host-network', container: 'main', isManaged: false },
  ];
  for (const { pod, container, isManaged } of cases) {
    const [hosts, original] = await Promise.all(
      ['/etc/hosts', '/etc/hosts-original'].map((file) => shell(t, pod, `cat ${file}`, container)),
    );
    assert.ok(original !== undefined && original !== '', 'the node has such a file');
    assert.equal(hosts?.startsWith(HEADER) === true && hosts !== original, isManaged, `${container} of ${pod} has ${hosts}`);
  }
}

export const etcHostsTests: readonly ConformanceTest[] = [
  {
    name: '[sig-node] KubeletManagedEtcHosts should test kubelet managed /etc/hosts file [Conformance] [NodeConformance]',
    run: managesHosts,
  },
];
