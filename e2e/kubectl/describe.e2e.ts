/** `kubectl describe` of every kind there is, `events`, and what `taint`, `cordon` and `drain` say of nodes. */
import assert from 'node:assert/strict';
import { createTestCertificateRequest } from '../../apiserver/testing/certificates.ts';
import { api, type Json } from '../cluster.ts';
import { describeKubectl, type Kubectl } from './each-kubectl.ts';

const selector = { matchLabels: { app: 'web' } };
const template = { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'main', image: 'nginx' }] } };
const jobTemplate = { spec: { template: { spec: { ...template.spec, restartPolicy: 'Never' } }, suspend: true } };
const role = [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }];
const capacity = { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'] };

type Sample = readonly [apiVersion: string, kind: string, parts: object, says: RegExp];

/** In the test's namespace. Each kind with the least it can be made of, and a line of its description. */
const namespaced: readonly Sample[] = [
  ['v1', 'ConfigMap', { data: { greeting: 'hello' } }, /\nData\n====\ngreeting:\n----\nhello\n/],
  ['v1', 'Secret', { stringData: { key: 'four' } }, /\nType: +Opaque\n\nData\n====\nkey: +4 bytes\n/],
  ['v1', 'Service', { spec: { ports: [{ port: 80 }] } }, /\nSelector: +<none>\nType: +ClusterIP\n/],
  ['v1', 'ServiceAccount', {}, /\nImage pull secrets: +<none>\n/],
  [
    'v1',
    'Pod',
    { spec: { ...template.spec, schedulingGates: [{ name: 'example.org/hold' }] } },
    /\nStatus: +Pending\n[\s\S]*Containers:\n {2}main:\n[\s\S]*QoS Class: +BestEffort\n/,
  ],
  ['v1', 'PodTemplate', { template }, /Kind: +PodTemplate\n/],
  ['v1', 'ReplicationController', { spec: { replicas: 0, selector: { app: 'web' }, template } }, /\nReplicas: +\d current \/ 0 desired\n/],
  [
    'v1',
    'LimitRange',
    { spec: { limits: [{ type: 'Container', max: { cpu: '1' } }] } },
    /\nContainer +cpu +- +1 +1 +1 +-\n|\nContainer +cpu +- +1 +- +- +-\n/,
  ],
  ['v1', 'ResourceQuota', { spec: { hard: { 'count/secrets': '99' } } }, /\nResource +Used +Hard\n-+ +-+ +-+\n/],
  [
    'v1',
    'PersistentVolumeClaim',
    { spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } } },
    /\nStatus: +Pending\n/,
  ],
  [
    'v1',
    'Endpoints',
    { subsets: [{ addresses: [{ ip: '192.0.2.7' }], ports: [{ port: 80 }] }] },
    /\nSubsets:\n {2}Addresses: +192\.0\.2\.7\n/,
  ],
  [
    'apps/v1',
    'Deployment',
    { spec: { replicas: 0, selector, template } },
    /\nReplicas: +0 desired \| 0 updated \| 0 total \| 0 available \| 0 unavailable\nStrategyType: +RollingUpdate\n/,
  ],
  [
    'apps/v1',
    'ReplicaSet',
    { spec: { replicas: 0, selector: { matchLabels: { app: 'rs' } }, template: { ...template, metadata: { labels: { app: 'rs' } } } } },
    /\nReplicas: +0 current \/ 0 desired\n/,
  ],
  [
    'apps/v1',
    'StatefulSet',
    { spec: { replicas: 0, serviceName: 'web', selector, template } },
    /\nReplicas: +0 desired \| 0 total\nUpdate Strategy: +RollingUpdate\n/,
  ],
  [
    'apps/v1',
    'DaemonSet',
    { spec: { selector, template: { ...template, spec: { ...template.spec, nodeSelector: { nowhere: 'x' } } } } },
    /\nDesired Number of Nodes Scheduled: +0\n/,
  ],
  ['apps/v1', 'ControllerRevision', { revision: 3, data: {} }, /Revision: +3\n/],
  ['batch/v1', 'Job', jobTemplate, /\nParallelism: +1\nCompletions: +1\n[\s\S]*Suspend: +true\n/],
  [
    'batch/v1',
    'CronJob',
    { spec: { schedule: '0 0 1 1 *', jobTemplate } },
    /\nSchedule: +0 0 1 1 \*\nConcurrency Policy: +Allow\nSuspend: +False\n/,
  ],
  [
    'autoscaling/v2',
    'HorizontalPodAutoscaler',
    { spec: { maxReplicas: 2, scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'nobody' } } },
    /\nReference: +Deployment\/nobody\n/,
  ],
  ['policy/v1', 'PodDisruptionBudget', { spec: { minAvailable: 1, selector } }, /\nMin available: +1\nSelector: +app=web\n/],
  [
    'networking.k8s.io/v1',
    'NetworkPolicy',
    { spec: { podSelector: {}, policyTypes: ['Ingress'] } },
    /\nSpec:\n {2}PodSelector: +<none> \(Allowing the specific traffic to all pods in this namespace\)\n/,
  ],
  [
    'networking.k8s.io/v1',
    'Ingress',
    { spec: { ingressClassName: 'none', defaultBackend: { service: { name: 'web', port: { number: 80 } } } } },
    /\nIngress Class: +none\nDefault backend: +web:80 /,
  ],
  [
    'discovery.k8s.io/v1',
    'EndpointSlice',
    { addressType: 'IPv4', endpoints: [{ addresses: ['192.0.2.8'] }], ports: [{ port: 80 }] },
    /\nAddressType: +IPv4\n[\s\S]*- Addresses: +192\.0\.2\.8\n/,
  ],
  ['coordination.k8s.io/v1', 'Lease', { spec: { holderIdentity: 'me' } }, /Holder Identity: +me\n/],
  [
    'rbac.authorization.k8s.io/v1',
    'Role',
    { rules: role },
    /\nPolicyRule:\n {2}Resources +Non-Resource URLs +Resource Names +Verbs\n[\s\S]* pods +\[\] +\[\] +\[get\]\n/,
  ],
  [
    'rbac.authorization.k8s.io/v1',
    'RoleBinding',
    {
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'x' },
      subjects: [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'jane' }],
    },
    /\nRole:\n {2}Kind: +Role\n {2}Name: +x\nSubjects:\n {2}Kind +Name +Namespace\n[\s\S]* User +jane +\n/,
  ],
  ['storage.k8s.io/v1', 'CSIStorageCapacity', { storageClassName: 'none' }, /Storage Class Name: +none\n/],
];

/** Named after the test, for they live in no namespace. */
const clusterwide: readonly Sample[] = [
  ['v1', 'Namespace', {}, /\nStatus: +Active\n[\s\S]*No resource quota\.\n\nNo LimitRange resource\.\n/],
  ['v1', 'PersistentVolume', { spec: { ...capacity, hostPath: { path: '/tmp' } } }, /\nReclaim Policy: +Retain\nAccess Modes: +RWO\n/],
  ['rbac.authorization.k8s.io/v1', 'ClusterRole', { rules: role }, /\nPolicyRule:\n/],
  [
    'rbac.authorization.k8s.io/v1',
    'ClusterRoleBinding',
    { roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'x' } },
    /\nRole:\n {2}Kind: +ClusterRole\n/,
  ],
  ['scheduling.k8s.io/v1', 'PriorityClass', { value: 5 }, /\nValue: +5\nGlobalDefault: +false\n/],
  ['storage.k8s.io/v1', 'StorageClass', { provisioner: 'example.org/none' }, /\nProvisioner: +example\.org\/none\n/],
  ['storage.k8s.io/v1', 'CSIDriver', { spec: {} }, /Kind: +CSIDriver\n/],
  [
    'storage.k8s.io/v1',
    'CSINode',
    { spec: { drivers: [{ name: 'example.org', nodeID: 'n' }] } },
    /\nSpec:\n {2}Drivers:\n {4}example\.org:\n {6}Node ID: +n\n/,
  ],
  [
    'storage.k8s.io/v1',
    'VolumeAttachment',
    { spec: { attacher: 'x', nodeName: 'n', source: { persistentVolumeName: 'p' } } },
    /Attacher: +x\n/,
  ],
  ['storage.k8s.io/v1', 'VolumeAttributesClass', { driverName: 'example.org', parameters: { a: 'b' } }, /Driver ?Name: +example\.org\n/],
  ['node.k8s.io/v1', 'RuntimeClass', { handler: 'none' }, /Handler: +none\n/],
  ['networking.k8s.io/v1', 'IngressClass', { spec: { controller: 'example.org/none' } }, /\nController: +example\.org\/none\n/],
  [
    'storagemigration.k8s.io/v1',
    'StorageVersionMigration',
    { spec: { resource: { group: 'example.org', resource: 'nothings' } } },
    /Resource:\n +Group: +example\.org\n +Resource: +nothings\n/,
  ],
  ['networking.k8s.io/v1', 'ServiceCIDR', { spec: { cidrs: ['198.51.100.0/24'] } }, /CIDRs: +198\.51\.100\.0\/24\n/],
];

async function describeSamples(k: Kubectl, samples: readonly Sample[], metadata: object): Promise<void> {
  const items = samples.map(([apiVersion, kind, parts]) => ({ apiVersion, kind, metadata, ...parts }));
  await k.out(`create -f ${k.file('all.json', { apiVersion: 'v1', kind: 'List', items })}`);
  for (const [apiVersion, kind, , says] of samples) {
    // It asks for the beta versions of these, which are gone.
    if (k.version === '1.32' && (kind === 'VolumeAttributesClass' || kind === 'ServiceCIDR')) continue;
    const [group = ''] = apiVersion.includes('/') ? apiVersion.split('/') : [];
    const name = Reflect.get(metadata, 'name');
    const text = await k.out(`describe ${kind.toLowerCase()}${group === '' ? '' : `.${group}`} ${name}`);
    assert.match(text, new RegExp(`^Name: +${name}\\n`), kind);
    assert.match(text, says, kind);
  }
}

describeKubectl('kubectl describe, events, and what is said of nodes', (it) => {
  it('every kind in a namespace is described', async (k) => {
    await describeSamples(k, namespaced, { name: 'sample' });
    await k.says('describe pods -l app=nothing', '');
    await k.fails('describe pod nothing', 'Error from server (NotFound): pods "nothing" not found');
    await k.says('describe deploy sam', /^Name: +sample\n/);
  });

  it('every kind that lives in none is described', async (k) => {
    const name = `${k.namespace}-x`;
    for (const [apiVersion, kind] of clusterwide) {
      k.after(
        `delete ${kind.toLowerCase()}${apiVersion.includes('/') ? `.${apiVersion.split('/')[0]}` : ''} ${name} --ignore-not-found --wait=false`,
      );
    }
    await describeSamples(k, clusterwide, { name });
    if (k.version !== '1.32') await k.says('describe ipaddress 10.96.0.1', /^Name: +10\.96\.0\.1\n/);
  });

  it('no kind that can be listed is left out of these tables', async (k) => {
    const names = (await k.out('api-resources --verbs=create,list --no-headers -o name')).trim().split('\n');
    const known = new Set(
      [...namespaced, ...clusterwide].map(([apiVersion, kind]) =>
        `${kind}.${apiVersion.includes('/') ? apiVersion.split('/')[0] : ''}`.toLowerCase(),
      ),
    );
    /** Tested by themselves, or owned by other suites. */
    const elsewhere =
      /^(nodes|events|customresourcedefinitions\.|certificatesigningrequests\.|ipaddresses\.|componentstatuses)|\.(admissionregistration|apiregistration|flowcontrol\.apiserver|resource|events)\.k8s\.io$|example\.org$/;
    const { body } = await api('GET', '/apis');
    assert.ok(body.groups.length > 0);
    const kinds: Json[] = await Promise.all(
      ['/api/v1', ...body.groups.map((group: Json) => `/apis/${group.preferredVersion.groupVersion}`)].map(async (path: string) => {
        const list = (await api('GET', path)).body;
        return list.resources.map((resource: Json) => ({
          ...resource,
          group: list.groupVersion.includes('/') ? list.groupVersion.split('/')[0] : '',
        }));
      }),
    );
    const kindOf = new Map(
      kinds
        .flat()
        .map((resource: Json) => [
          `${resource.name}${resource.group === '' ? '' : `.${resource.group}`}`,
          `${resource.kind}.${resource.group}`.toLowerCase(),
        ]),
    );
    const missing = names.filter((name) => !elsewhere.test(name) && !known.has(kindOf.get(name) ?? ''));
    assert.deepEqual(missing, []);
  });

  it('a pod, its events, and the events alone', async (k) => {
    await k.out('create configmap cm');
    const { uid } = (await k.json('get configmap cm')).metadata;
    const event = (name: string, type: string, message: string) => ({
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name, namespace: k.namespace },
      involvedObject: { apiVersion: 'v1', kind: 'ConfigMap', name: 'cm', namespace: k.namespace, uid },
      reason: 'Seen',
      message,
      type,
      count: 2,
      firstTimestamp: new Date().toISOString(),
      lastTimestamp: new Date().toISOString(),
      source: { component: 'test' },
    });
    for (const [name, type] of [
      ['one', 'Normal'],
      ['two', 'Warning'],
    ] as const)
      await k.out(`create -f ${k.file(name, event(name, type, `${name} happened`))}`);
    await k.says('events', /^LAST SEEN +TYPE +REASON +OBJECT +MESSAGE\n[\s\S]*Normal +Seen +ConfigMap\/cm +one happened\n/);
    await k.says('events --types=Warning --no-headers', /Warning +Seen +ConfigMap\/cm +two happened\n$/);
    await k.says('events --for configmap/cm -o yaml', /\n {2}message: one happened\n/);
    await k.says(
      'get events --sort-by=.metadata.name',
      /^LAST SEEN +TYPE +REASON +OBJECT +MESSAGE\n\S+ +Normal +Seen +configmap\/cm +one happened\n/,
    );
    await k.says('get events --field-selector type=Warning,involvedObject.name=cm -o name', 'event/two');
    await k.says('get events.events.k8s.io -o name', /event\.events\.k8s\.io\/one/);
    await k.says(
      'describe configmap cm',
      /\nEvents:\n {2}Type +Reason +Age +From +Message\n[\s\S]*Warning +Seen +.* +test +two happened\n/,
    );
  });

  it('custom resource definitions and certificate requests are described', async (k) => {
    const name = `gizmos.${k.namespace}.example.org`;
    k.after(`delete crd ${name} --ignore-not-found`);
    const spec = {
      group: `${k.namespace}.example.org`,
      scope: 'Cluster',
      names: { plural: 'gizmos', kind: 'Gizmo' },
      versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }],
    };
    await k.out(
      `create -f ${k.file('crd', { apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition', metadata: { name }, spec })}`,
    );
    await k.says(`describe crd ${name}`, /\nSpec:\n[\s\S]* {2}Scope: +Cluster\n {2}Versions:\n/);
    await k.says(`delete crd ${name}`, `customresourcedefinition.apiextensions.k8s.io "${name}" deleted`);
    const request = Buffer.from(await createTestCertificateRequest('jane', [])).toString('base64');
    const csr = {
      apiVersion: 'certificates.k8s.io/v1',
      kind: 'CertificateSigningRequest',
      metadata: { name },
      spec: { request, signerName: 'example.com/s', usages: ['client auth'] },
    };
    k.after(`delete csr ${name}`);
    await k.out(`create -f ${k.file('csr', csr)}`);
    await k.says(`describe csr ${name}`, /\nSigner: +example\.com\/s\nStatus: +Pending\nSubject:\n +Common Name: +jane\n/);
  });

  it('nodes are described, tainted, cordoned and drained', async (k) => {
    const name = `${k.namespace}-node`;
    k.after(`delete node ${name}`);
    await k.out(`create -f ${k.file('node', { apiVersion: 'v1', kind: 'Node', metadata: { name } })}`);
    await k.says(`taint node ${name} dedicated=x:NoSchedule`, `node/${name} tainted`);
    await k.fails(
      `taint node ${name} dedicated=y:NoSchedule`,
      /error: node \S+ already has dedicated taint\(s\) with same effect\(s\) and --overwrite is false/,
    );
    await k.says(`taint node ${name} dedicated=y:NoSchedule --overwrite`, `node/${name} modified`);
    await k.says(`describe node ${name}`, /\nTaints: +dedicated=y:NoSchedule\n[\s\S]*Unschedulable: +false\n/);
    await k.says(`taint node ${name} dedicated-`, `node/${name} untainted`);
    await k.says(`cordon ${name}`, `node/${name} cordoned`);
    await k.says(`cordon ${name}`, `node/${name} already cordoned`);
    await k.says(`get node ${name} --no-headers`, /SchedulingDisabled/);
    await k.says(`uncordon ${name}`, `node/${name} uncordoned`);
    await k.says(
      `drain ${name} --dry-run=server`,
      new RegExp(`^node/${name} cordoned \\(server dry run\\)\\nnode/${name} drained \\(server dry run\\)`),
    );
    await k.says(`drain ${name}`, `node/${name} cordoned\nnode/${name} drained`);
    await k.says(`cordon ${name} --dry-run=server`, /already cordoned/);
    await k.says(`label node ${name} node-role.kubernetes.io/worker=`, `node/${name} labeled`);
    await k.says(`get node ${name} --no-headers`, / worker /);
  });
});
