/** `kubectl apply` on either side, with what belongs to it: diff, prune, the last applied configuration, conflicts, validation, kustomize. */
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describeKubectl, type Kubectl } from './each-kubectl.ts';

const configMap = (name: string, data: object, labels: object = {}) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, labels },
  data,
});

const deployment = (changes: object = {}, container: object = {}) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web' },
  spec: {
    replicas: 0,
    selector: { matchLabels: { app: 'web' } },
    template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'main', image: 'nginx', ...container }] } },
    ...changes,
  },
});

function list(k: Kubectl, name: string, ...items: readonly object[]): string {
  return k.file(name, { apiVersion: 'v1', kind: 'List', items });
}

describeKubectl('kubectl apply', (it) => {
  it('creates, leaves alone, configures, and takes back what is no longer given', async (k) => {
    await k.says(
      `apply -f ${k.file(
        '1',
        deployment(
          {},
          {
            env: [
              { name: 'A', value: '1' },
              { name: 'B', value: '2' },
            ],
          },
        ),
      )}`,
      'deployment.apps/web created',
    );
    await k.says(
      `apply -f ${k.file(
        '1',
        deployment(
          {},
          {
            env: [
              { name: 'A', value: '1' },
              { name: 'B', value: '2' },
            ],
          },
        ),
      )}`,
      'deployment.apps/web unchanged',
    );
    await k.out('set env deployment/web C=3');
    await k.says(`apply -f ${k.file('2', deployment({}, { env: [{ name: 'B', value: '3' }] }))}`, 'deployment.apps/web configured');
    await k.says(
      "get deployment web -o 'jsonpath={.spec.template.spec.containers[0].env}'",
      '[{"name":"B","value":"3"},{"name":"C","value":"3"}]',
    );
    await k.out('scale deployment/web --replicas=1');
    await k.says(`apply -f ${k.file('3', deployment({ replicas: undefined }))}`, 'deployment.apps/web configured');
    await k.says("get deployment web -o 'jsonpath={.spec.replicas}'", '1');
  });

  it('warns of an object it did not make', async (k) => {
    await k.out('create configmap cm');
    const { stderr } = await k.run(`apply -f ${k.file('cm', configMap('cm', { a: '1' }))}`);
    assert.match(
      stderr,
      /^Warning: resource configmaps\/cm is missing the kubectl\.kubernetes\.io\/last-applied-configuration annotation which is required by kubectl apply\./,
    );
  });

  it('on the server’s side: owners, conflicts, force, and the way over from the client’s side', async (k) => {
    const file = (replicas: number) => k.file(`${replicas}`, deployment({ replicas }));
    await k.says(`apply --server-side -f ${file(0)}`, 'deployment.apps/web serverside-applied');
    const owners = (await k.json('get deployment web --show-managed-fields')).metadata.managedFields;
    assert.deepEqual([owners[0].manager, owners[0].operation], ['kubectl', 'Apply']);
    await k.fails(
      `apply --server-side --field-manager=other -f ${file(1)}`,
      /^error: Apply failed with 1 conflict: conflict with "kubectl": \.spec\.replicas\nPlease review the fields above--they currently have other managers\./,
    );
    await k.says(`apply --server-side --field-manager=other --force-conflicts -f ${file(1)}`, 'deployment.apps/web serverside-applied');
    await k.fails(`apply --server-side -f ${file(0)} --dry-run=server`, /conflict with "other": \.spec\.replicas/);
    await k.says(`apply --server-side -f ${file(1)} --dry-run=server`, 'deployment.apps/web serverside-applied (server dry run)');
    await k.out(`apply -f ${k.file('cm', configMap('cm', { a: '1', b: '2' }))}`);
    await k.says(`apply --server-side -f ${k.file('cm', configMap('cm', { a: '1' }))}`, 'configmap/cm serverside-applied');
    await k.says("get configmap cm -o 'jsonpath={.data}'", '{"a":"1"}');
  });

  it('dry runs change nothing, and validation is as strict as it is told to be', async (k) => {
    const odd = k.file('odd', { ...configMap('cm', { a: '1' }), colour: 'red' });
    await k.fails(
      `apply -f ${odd}`,
      /^Error from server \(BadRequest\): error when creating "\S+": ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: unknown field "colour"/,
    );
    const warned = await k.run(`apply -f ${odd} --validate=warn --dry-run=server`);
    assert.deepEqual([warned.stdout, warned.stderr], ['configmap/cm created (server dry run)\n', 'Warning: unknown field "colour"\n']);
    await k.says(`apply -f ${odd} --validate=ignore --dry-run=server`, 'configmap/cm created (server dry run)');
    await k.says(`apply -f ${odd} --validate=false --dry-run=client`, 'configmap/cm created (dry run)');
    await k.fails('get configmap cm', /NotFound/);
    await k.fails(
      `apply -f ${k.file('bad', deployment({ replicas: -1 }))}`,
      /^The Deployment "web" is invalid: spec\.replicas: Invalid value: -1: must be greater than or equal to 0/,
    );
    await k.fails(
      `apply -f ${k.file('label', deployment({ selector: { matchLabels: { app: 'other' } } }))}`,
      /^The Deployment "web" is invalid: spec\.template\.metadata\.labels: Invalid value: \{"app":"web"\}: `selector` does not match template `labels`/,
    );
    await k.fails(
      `apply -f ${k.file('type', deployment({ replicas: 'two' }))}`,
      /cannot be handled as a Deployment: json: cannot unmarshal string into Go struct field DeploymentSpec\.spec\.replicas of type int32/,
    );
  });

  it('a field that may not change says so', async (k) => {
    await k.out(`apply -f ${k.file('web', deployment())}`);
    const other = deployment({
      selector: { matchLabels: { app: 'x' } },
      template: { metadata: { labels: { app: 'x' } }, spec: { containers: [{ name: 'main', image: 'nginx' }] } },
    });
    await k.fails(
      `apply -f ${k.file('web', other)}`,
      /^The Deployment "web" is invalid: (\n\* spec\.template\.metadata\.labels: .*\n\* )?spec\.selector: Invalid value: \{"matchLabels":\{"app":"x"\}\}: field is immutable/,
    );
  });

  it('diff shows what an apply would change', async (k) => {
    await k.out(`apply -f ${k.file('cm', configMap('cm', { a: '1' }))}`);
    assert.equal((await k.run(`diff -f ${k.file('cm', configMap('cm', { a: '1' }))}`)).code, 0);
    for (const side of ['', '--server-side']) {
      const changed = await k.run(`diff ${side} -f ${list(k, 'l', configMap('cm', { a: '2' }), configMap('new', { b: '1' }))}`);
      assert.equal(changed.code, 1, changed.stderr);
      assert.match(changed.stdout, /\n- {2}a: "1"\n\+ {2}a: "2"\n/);
      assert.match(changed.stdout, /\n\+kind: ConfigMap\n/);
    }
    await k.says("get configmap -l '!x' -o name", 'configmap/cm\nconfigmap/kube-root-ca.crt');
    const pruned = await k.run(`diff --prune -l app=x -f ${k.file('n', configMap('n', {}, { app: 'x' }))}`);
    assert.equal(pruned.code, 1, pruned.stderr);
  });

  it('the last applied configuration is seen, set and edited', async (k) => {
    const file = k.file('cm', configMap('cm', { a: '1' }));
    await k.out(`apply -f ${file}`);
    await k.says('apply view-last-applied configmap/cm', /^apiVersion: v1\ndata:\n {2}a: "1"\nkind: ConfigMap\n/);
    await k.says('apply view-last-applied configmap/cm -o json', /"a": "1"/);
    await k.says(`apply set-last-applied -f ${k.file('cm2', configMap('cm', { a: '2' }))}`, 'configmap/cm configured');
    await k.says('apply view-last-applied configmap/cm', /a: "2"/);
    const editor = k.file('editor', '#!/bin/sh\nsed -i \'s/a: "2"/a: "3"/\' "$1"\n');
    await k.says('apply edit-last-applied configmap/cm', 'configmap/cm edited', { environment: { EDITOR: editor } });
    await k.says("get configmap cm -o 'jsonpath={.data.a}'", '1');
    await k.says('apply view-last-applied configmap/cm', /a: "3"/);
  });

  it('prune removes what is no longer in the set', async (k) => {
    const [one, two] = [configMap('one', { k: 'v' }, { app: 'p' }), configMap('two', {}, { app: 'p' })];
    await k.out(`apply --prune -l app=p --prune-allowlist=core/v1/ConfigMap -f ${list(k, 'both', one, two)}`);
    await k.says(
      `apply --prune -l app=p --prune-allowlist=core/v1/ConfigMap -f ${list(k, 'one', one)}`,
      /^configmap\/one unchanged\nconfigmap\/two pruned/,
    );
    await k.out(`apply -f ${k.file('two', two)}`);
    // Every kind there is by default: clusterwide ones too.
    await k.says(
      `apply --prune -l app=${k.namespace} -f ${k.file('three', configMap('three', {}, { app: k.namespace }))}`,
      /^configmap\/three created/,
    );
  });

  it('an applyset knows what belongs to it', async (k) => {
    const environment = { KUBECTL_APPLYSET: 'true' };
    const [one, two] = [configMap('one', { k: 'v' }, { app: 'p' }), configMap('two', { k: 'v' }, { app: 'p' })];
    await k.out(`apply --prune --applyset=mine -n ${k.namespace} -f ${list(k, 'both', one, two)}`, { environment });
    await k.says('get configmap -l applyset.kubernetes.io/part-of -o name', 'configmap/one\nconfigmap/two');
    await k.says(
      `apply --prune --applyset=mine -n ${k.namespace} -f ${list(k, 'one', one)}`,
      /configmap\/one unchanged\nconfigmap\/two pruned/,
      { environment },
    );
    const { metadata } = await k.json('get secret mine');
    assert.equal(metadata.annotations['applyset.kubernetes.io/contains-group-kinds'], 'ConfigMap');
    await k.says(
      `apply --server-side --prune --applyset=mine -n ${k.namespace} -f ${k.file('two', two)}`,
      /configmap\/two serverside-applied\nconfigmap\/one pruned/,
      { environment },
    );
  });

  it('the status as a subresource, the whole list in one go, and from a folder', async (k) => {
    const folder = join(dirname(k.file('x', '')), 'folder', 'inner');
    mkdirSync(folder, { recursive: true });
    k.file('folder/a.json', configMap('a', {}));
    k.file('folder/inner/b.yaml', configMap('b', {}));
    await k.says(`apply -R -f ${dirname(folder)}`, 'configmap/a created\nconfigmap/b created');
    await k.says(`delete -R -f ${dirname(folder)}`, /^configmap "a" deleted.*\nconfigmap "b" deleted/);
    await k.out(`apply -f ${k.file('web', deployment())}`);
    const status = { ...deployment(), spec: undefined, status: { conditions: [{ type: 'Mine', status: 'True' }] } };
    await k.says(
      `apply --server-side --subresource=status -f ${k.file('status', status)} --field-manager=me`,
      'deployment.apps/web serverside-applied',
    );
    await k.says('wait deployment/web --for=condition=Mine', 'deployment.apps/web condition met');
  });

  it('-k applies what kustomize makes', async (k) => {
    k.file('base.yaml', configMap('base', { a: '1' }));
    const path = k.file('kustomization.yaml', {
      resources: ['base.yaml'],
      namePrefix: 'my-',
      labels: [{ pairs: { team: 'x' }, includeSelectors: false }],
      configMapGenerator: [{ name: 'made', literals: ['k=v'] }],
    });
    await k.says(`apply -k ${dirname(path)}`, /^configmap\/my-base created\nconfigmap\/my-made-\S+ created$/m);
    await k.says('get configmap -l team=x -o name', /^configmap\/my-base\nconfigmap\/my-made-/);
    await k.says(`kustomize ${dirname(path)}`, /name: my-base/);
    await k.says(`diff -k ${dirname(path)}`, '');
    await k.says(`delete -k ${dirname(path)}`, /configmap "my-base" deleted/);
  });
});
