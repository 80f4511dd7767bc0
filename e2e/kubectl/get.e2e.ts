/** `kubectl get`: every output, every way to choose, every way to sort and page; and what `api-resources` and its like find. */
import assert from 'node:assert/strict';
import { describeKubectl, type Kubectl } from './each-kubectl.ts';

async function twoConfigMaps(k: Kubectl): Promise<void> {
  await k.out('apply -f -', {
    input: [
      { name: 'a', labels: { tier: 'front', n: '1' }, data: { z: '1' } },
      { name: 'b', labels: { tier: 'back' }, data: { y: '2', z: '0' } },
    ]
      .map(({ name, labels, data }) => JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, labels }, data }))
      .join('\n'),
  });
}

/** Options of `get configmaps -l tier` and what they print. */
const outputs: readonly (readonly [options: string, says: string | RegExp])[] = [
  ['', /^NAME +DATA +AGE\na +1 +\d+s\nb +2 +\d+s\n$/],
  ['-o wide', /^NAME +DATA +AGE\na +1 +\d+s\n/],
  ['--no-headers', /^a +1 +\d+s\nb /],
  ['-o name', 'configmap/a\nconfigmap/b'],
  ['--show-kind', /\nconfigmap\/a +1 /],
  ['--show-labels', /^NAME +DATA +AGE +LABELS\na +1 +\d+s +n=1,tier=front\nb +2 +\d+s +tier=back\n/],
  ['-L tier,n', /^NAME +DATA +AGE +TIER +N\na +1 +\d+s +front +1\nb +2 +\d+s +back +\n/],
  ["-o 'jsonpath={.items[*].metadata.name}'", 'a b'],
  ['-o \'jsonpath={range .items[?(@.data.z=="1")]}{.metadata.name}{"\\t"}{.data.z}{end}\'', 'a\t1'],
  ['-o jsonpath-as-json={.items[*].data}', /^\[\s+\{\s+"z": "1"\s+\},\s+\{\s+"y": "2",\s+"z": "0"\s+\}\s+\]/],
  ["-o 'go-template={{range .items}}{{.metadata.name}}={{len .data}} {{end}}'", 'a=1 b=2'],
  ['-o custom-columns=N:.metadata.name,Z:.data.z,NONE:.x', /^N +Z +NONE\na +1 +<none>\nb +0 +<none>\n$/],
  ['--sort-by=.data.z --no-headers', /^b .*\na /s],
  ['--sort-by={.metadata.name} -o name', 'configmap/a\nconfigmap/b'],
  ['--chunk-size=1 -o name', 'configmap/a\nconfigmap/b'],
  ['-l tier=back -o name', 'configmap/b'],
  ['-l tier!=back,n -o name', 'configmap/a'],
  ["-l 'tier in (front, back), !n' -o name", 'configmap/b'],
  ['--field-selector metadata.name!=a -o name', 'configmap/b'],
  ['-o kyaml', /^---\n\{\n {2}apiVersion: "v1",\n/],
];

describeKubectl('kubectl get', (it) => {
  it('prints and chooses as it is told', async (k) => {
    await twoConfigMaps(k);
    for (const [options, says] of outputs) {
      if (options.includes('kyaml') && k.version === '1.32') continue; // That client does not know it.
      await k.says(`get configmaps -l tier ${options}`, says);
    }
    const list = await k.json('get configmaps -l tier');
    assert.deepEqual([list.kind, list.items.length, list.items[0].metadata.managedFields], ['List', 2, undefined]);
    assert.ok((await k.json('get configmap a --show-managed-fields')).metadata.managedFields.length > 0);
    await k.says('get configmap a -o yaml', /^apiVersion: v1\ndata:\n {2}z: "1"\nkind: ConfigMap\n/);
    await k.says(`get -f ${k.file('cm.json', { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' } })} -o name`, 'configmap/a');
  });

  it('several kinds, `all`, and what is not there', async (k) => {
    await k.says('get pods', '');
    assert.match((await k.run('get pods')).stderr, new RegExp(`^No resources found in ${k.namespace} namespace\\.`));
    await k.out('create deployment web --image=nginx --replicas=0');
    await k.out('create service clusterip web --tcp=80');
    await k.says('get deploy/web svc/web -o name', 'deployment.apps/web\nservice/web');
    await k.says(
      'get svc,deploy',
      /^NAME +TYPE +CLUSTER-IP +EXTERNAL-IP +PORT\(S\) +AGE\nservice\/web +ClusterIP +10\.96\.\S+ +<none> +80\/TCP +\S+\n\nNAME +READY +UP-TO-DATE +AVAILABLE +AGE\ndeployment\.apps\/web +0\/0 +0 +0 /,
    );
    await k.says('get all -o name', /^service\/web\ndeployment\.apps\/web\n/);
    await k.fails('get configmap x', 'Error from server (NotFound): configmaps "x" not found');
    await k.says('get configmap x --ignore-not-found', '');
    await k.fails('get nothings', `error: the server doesn't have a resource type "nothings"`);
    await k.fails(
      'get pods --field-selector nothing=1',
      /^Error from server \(BadRequest\): Unable to find "\/v1, Resource=pods" that match label selector "", field selector "nothing=1": field label not supported: nothing/,
    );
    await k.fails("get pods -l 'a=='b=c", /^Error from server \(BadRequest\): Unable to find|unable to parse|^error: /);
  });

  it('deployments in wide, events, and everything of every namespace', async (k) => {
    await k.out('create deployment web --image=nginx --replicas=0');
    await k.says(
      'get deploy -o wide',
      /^NAME +READY +UP-TO-DATE +AVAILABLE +AGE +CONTAINERS +IMAGES +SELECTOR\nweb +0\/0 +0 +0 +\S+ +nginx +nginx +app=web\n/,
    );
    await k.says(
      `get deploy -A --field-selector metadata.namespace=${k.namespace}`,
      new RegExp(`^NAMESPACE +NAME +READY .*\\n${k.namespace} +web `),
    );
    await k.says('get ns default --no-headers', /^default +Active +\S+/);
    await k.says(
      'get nodes -o wide',
      /^NAME +STATUS +ROLES +AGE +VERSION +INTERNAL-IP +EXTERNAL-IP +OS-IMAGE +KERNEL-VERSION +CONTAINER-RUNTIME\n/,
    );
    await k.says('get deploy web --subresource=scale', /^NAME +DESIRED +AVAILABLE +AGE\nweb +0 +0 +\S+|^NAME +AGE\nweb /);
    assert.equal((await k.json('get deploy web --subresource=scale')).kind, 'Scale');
    assert.equal((await k.json('get deploy web --subresource=status')).kind, 'Deployment');
  });

  it('-w shows what comes, --watch-only not what was, --output-watch-events what happened', async (k) => {
    await k.out('create configmap a');
    const watching = k.out(
      'get configmaps -w --request-timeout=6s -l !never --field-selector metadata.name!=kube-root-ca.crt --no-headers',
    );
    const events = k.run('get configmaps --watch-only --output-watch-events --request-timeout=6s --field-selector metadata.name=a');
    const both = Promise.all([watching, events]);
    await k.out('wait --for=create configmap/kube-root-ca.crt');
    let round = 0;
    let ended = false;
    const end = both.finally(() => {
      ended = true;
    });
    // The watches begin when they begin: changes go on until they are over.
    while (!ended) await k.out(`annotate configmap a n=${round++} --overwrite`);
    const [shown, { stdout }] = await end;
    assert.match(shown, /^a +0 +\d+s\na +0 /);
    assert.match(stdout, /^EVENT +NAME +DATA +AGE\nMODIFIED +a +0 /);
  });

  it('--raw gets a path as it is', async (k) => {
    await k.says('get --raw /healthz', 'ok');
    await k.says('get --raw /readyz?verbose', /^\[\+\]ping ok\n[\s\S]*\nreadyz check passed$/m);
    await k.says('get --raw /livez', 'ok');
    await k.says('get --raw /version', /"gitVersion": ?"v1\.36/);
    await k.says(
      `get --raw /api/v1/namespaces/${k.namespace}/configmaps?limit=1`,
      /^\{"kind":"ConfigMapList","apiVersion":"v1",|^\{"apiVersion":"v1","kind":"ConfigMapList"/,
    );
    await k.fails('get --raw /nothing', 'Error from server (NotFound): the server could not find the requested resource');
    await k.says('get --raw /apis/apps', /"kind": ?"APIGroup"/);
    await k.says('get --raw /.well-known/openid-configuration', /"jwks_uri"/);
    await k.says('get --raw /metrics', /^# HELP /);
  });
});
