/** Changing what is there: patch, label, annotate, edit, replace; and waiting and deleting. */
import assert from 'node:assert/strict';
import { describeKubectl } from './each-kubectl.ts';

const quoted = (value: object) => `'${JSON.stringify(value)}'`;

describeKubectl('kubectl patch, label, annotate, edit, replace, wait, delete', (it) => {
  it('patch, in all three languages and on subresources', async (k) => {
    await k.out('create deployment web --image=nginx --replicas=0');
    const containers = [{ name: 'side', image: 'busybox' }];
    await k.says(`patch deployment web -p ${quoted({ spec: { template: { spec: { containers } } } })}`, 'deployment.apps/web patched');
    await k.says("get deploy web -o 'jsonpath={.spec.template.spec.containers[*].name}'", 'side nginx');
    await k.says(
      `patch deployment web -p ${quoted({ spec: { template: { spec: { containers } } } })}`,
      'deployment.apps/web patched (no change)',
    );
    await k.out(
      `patch deployment web -p ${quoted({ spec: { template: { spec: { containers: [{ $patch: 'delete', name: 'side' }] } } } })}`,
    );
    await k.out(`patch deployment web --type=merge -p ${quoted({ metadata: { labels: { a: 'b', app: null } } })}`);
    await k.says("get deploy web -o 'jsonpath={.metadata.labels} {.spec.template.spec.containers[*].name}'", '{"a":"b"} nginx');
    await k.out(
      `patch deployment web --type=json -p ${quoted([
        { op: 'test', path: '/metadata/labels/a', value: 'b' },
        { op: 'replace', path: '/metadata/labels/a', value: 'c' },
      ])}`,
    );
    await k.fails(
      `patch deployment web --type=json -p ${quoted([{ op: 'test', path: '/metadata/labels/a', value: 'x' }])}`,
      /^Error from server \(Invalid\): |^The request is invalid: the server rejected our request due to an error in our request/,
    );
    await k.fails(
      `patch deployment web --type=json -p ${quoted([{ op: 'remove', path: '/nothing' }])}`,
      /the server rejected our request due to an error in our request/,
    );
    await k.says(
      `patch deployment web --subresource=scale --type=merge -p ${quoted({ spec: { replicas: 1 } })}`,
      /^(deployment\.apps|scale\.autoscaling)\/web patched/,
    );
    await k.says("get deploy web -o 'jsonpath={.spec.replicas} {.metadata.labels.a}'", '1 c');
    await k.says(
      `patch deployment web --subresource=status --type=merge -p ${quoted({ status: { collisionCount: 7 } })} --dry-run=server -o 'jsonpath={.status.collisionCount}'`,
      '7',
    );
    await k.says(
      `patch -f ${k.file('web', { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web' } })} --patch-file=${k.file('patch', 'spec:\n  replicas: 0\n')}`,
      'deployment.apps/web patched',
    );
    await k.says(`patch deployment web -p ${quoted({ spec: { replicas: 2 } })} --dry-run=client -o 'jsonpath={.spec.replicas}'`, '2');
    await k.fails(
      `patch deployment web -p ${quoted({ spec: { replicas: -1 } })}`,
      /^The Deployment "web" is invalid: spec\.replicas: Invalid value: -1: must be greater than or equal to 0/,
    );
    await k.fails(`patch deployment nothing -p '{}'`, 'Error from server (NotFound): deployments.apps "nothing" not found');
    const warned = await k.run(`patch deployment web -p ${quoted({ spec: { colour: 'red' } })}`);
    assert.deepEqual(
      [warned.stdout, warned.stderr],
      ['deployment.apps/web patched (no change)\n', 'Warning: unknown field "spec.colour"\n'],
    );
  });

  it('labels are put, changed, listed and taken off', async (k) => {
    await k.out('create configmap a');
    await k.out('create configmap b');
    await k.says('label configmap a x=1 y=2', 'configmap/a labeled');
    await k.fails('label configmap a x=2', `error: 'x' already has a value (1), and --overwrite is false`);
    await k.says('label configmap a x=2 --overwrite', 'configmap/a labeled');
    await k.says('label configmap a x=2 --overwrite', 'configmap/a not labeled');
    await k.says('label configmap a y-', 'configmap/a unlabeled');
    await k.says('label configmap a --list', 'x=2');
    await k.says('label configmap -l x=2 z=1', 'configmap/a labeled');
    await k.says('label configmap all=1 --field-selector metadata.name!=kube-root-ca.crt', 'configmap/a labeled\nconfigmap/b labeled');
    await k.says('label configmap --all every=1', 'configmap/a labeled\nconfigmap/b labeled\nconfigmap/kube-root-ca.crt labeled');
    await k.fails('label configmap a x=bad_', /invalid label value: "x=bad_"/);
    const version = await k.out("get configmap a -o 'jsonpath={.metadata.resourceVersion}'");
    await k.fails(
      'label configmap a q=1 --resource-version=1',
      /^Error from server \(Conflict\): Operation cannot be fulfilled on configmaps "a": the object has been modified; please apply your changes to the latest version and try again/,
    );
    await k.says(`label configmap a q=1 --resource-version=${version}`, 'configmap/a labeled');
    await k.says('label configmap a w=1 --dry-run=server', 'configmap/a labeled (server dry run)');
  });

  it('annotations, likewise', async (k) => {
    await k.out('create configmap a');
    await k.says("annotate configmap a note='some words'", 'configmap/a annotated');
    await k.fails(
      'annotate configmap a note=x',
      "error: --overwrite is false but found the following declared annotation(s): 'note' already has a value (some words)",
    );
    await k.says('annotate configmap a note=x --overwrite', 'configmap/a annotated');
    await k.says('annotate configmap a --list', 'note=x');
    await k.says('annotate configmap a note-', 'configmap/a annotated');
    await k.says("get configmap a -o 'jsonpath={.metadata.annotations}'", '');
  });

  it('edit opens an editor, and again when what was written is no good', async (k) => {
    await k.out('create deployment web --image=nginx --replicas=0');
    const editor = (script: string) => ({ environment: { EDITOR: k.file('editor', `#!/bin/sh\n${script}\n`) } });
    await k.says('edit deployment web', 'deployment.apps/web edited', editor('sed -i "s/replicas: 0/replicas: 1/" "$1"'));
    await k.says("get deploy web -o 'jsonpath={.spec.replicas}'", '1');
    assert.equal((await k.run('edit deployment web', editor('true'))).stderr, 'Edit cancelled, no changes made.\n');
    // Refused the first time, mended the second.
    const twice = editor(
      'if grep -q "was not valid" "$1"; then sed -i "s/replicas: -4/replicas: 4/" "$1"; else sed -i "s/replicas: 1/replicas: -4/" "$1"; fi',
    );
    const edited = await k.run('edit deployment web', twice);
    assert.match(edited.stderr, /deployments\.apps "web" is invalid/);
    await k.says("get deploy web -o 'jsonpath={.spec.replicas}'", '4');
    await k.says(
      'edit deployment web --subresource=status',
      'deployment.apps/web edited',
      editor('sed -i "s/^status:.*/status:\\n  collisionCount: 9/" "$1"'),
    );
    await k.says(
      'edit deployment web --output-patch',
      /^Patch: \{"spec":\{"replicas":0\}\}\ndeployment\.apps\/web edited/,
      editor('sed -i "/^spec:/,/^status:/s/replicas: 4/replicas: 0/" "$1"'),
    );
  });

  it('replace, also by force, and of a subresource', async (k) => {
    await k.out('create configmap cm --from-literal=a=1');
    const object = (data: object, metadata: object = {}) => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'cm', ...metadata },
      data,
    });
    await k.says(`replace -f ${k.file('cm', object({ b: '2' }))}`, 'configmap/cm replaced');
    await k.says("get configmap cm -o 'jsonpath={.data}'", '{"b":"2"}');
    await k.fails(
      `replace -f ${k.file('cm', object({}, { resourceVersion: '1' }))}`,
      /^Error from server \(Conflict\): error when replacing "\S+": Operation cannot be fulfilled on configmaps "cm": the object has been modified/,
    );
    await k.fails(
      `replace -f ${k.file('no', object({}, { name: 'no' }))}`,
      /^Error from server \(NotFound\): error when replacing "\S+": configmaps "no" not found/,
    );
    const { uid } = (await k.json('get configmap cm')).metadata;
    await k.says(`replace --force -f ${k.file('cm', object({ c: '3' }))}`, /^configmap "cm" deleted.*\nconfigmap\/cm replaced/);
    assert.notEqual((await k.json('get configmap cm')).metadata.uid, uid);
    await k.out('create deployment web --image=nginx --replicas=0');
    // Without a version: the controller writes its status meanwhile.
    const scale = k.file('scale', { apiVersion: 'autoscaling/v1', kind: 'Scale', metadata: { name: 'web' }, spec: { replicas: 2 } });
    await k.says(`replace --raw /apis/apps/v1/namespaces/${k.namespace}/deployments/web/scale -f ${scale}`, /"spec":\{"replicas":2\}/);
    const deployment = await k.json('get deployment web');
    await k.says(
      `replace --subresource=status -f ${k.file('status', { ...deployment, metadata: { name: 'web' }, status: { ...deployment.status, collisionCount: 3 } })}`,
      'deployment.apps/web replaced',
    );
    await k.says(`replace --raw /api/v1/namespaces/${k.namespace}/configmaps/cm -f ${k.file('cm', object({ d: '4' }))}`, /"d":"4"/);
  });

  it('wait, for conditions, values, creation and deletion', async (k) => {
    await k.out('create deployment web --image=nginx --replicas=0');
    await k.says('wait deployment/web --for=condition=Available --timeout=20s', 'deployment.apps/web condition met');
    await k.says('wait deployment/web --for=condition=Progressing=True', 'deployment.apps/web condition met');
    await k.says("wait deployment/web --for=jsonpath='{.spec.replicas}'=0", 'deployment.apps/web condition met');
    await k.says('wait deployment -l app=web --for=jsonpath={.status.observedGeneration}', 'deployment.apps/web condition met');
    await k.fails(
      'wait deployment/web --for=condition=Nothing --timeout=1s',
      'error: timed out waiting for the condition on deployments/web',
    );
    await k.fails(
      'wait deployment/no --for=condition=Available --timeout=1s',
      'Error from server (NotFound): deployments.apps "no" not found',
    );
    const created = k.says('wait configmap/late --for=create --timeout=20s', 'configmap/late condition met');
    await k.out('create configmap late --from-literal=a=1');
    await created;
    const changed = k.says('wait configmap/late --for=jsonpath={.data.a}=2 --timeout=20s', 'configmap/late condition met');
    await k.out('patch configmap late --type=merge -p \'{"data":{"a":"2"}}\'');
    await changed;
    const deleted = k.says('wait configmap/late --for=delete --timeout=20s', /^(configmap\/late condition met)?\n?$/);
    await k.out('delete configmap late');
    await deleted;
    await k.says('wait configmap/late --for=delete', '');
  });

  it('delete, one, many, and with all its options', async (k) => {
    for (const name of ['a', 'b', 'c', 'd']) await k.out(`create configmap ${name}`);
    await k.out('label configmap c d tier=x');
    const gone = (names: readonly string[]) =>
      new RegExp(names.map((name) => `configmap "${name}" (force )?deleted( from ${k.namespace} namespace)?\\n`).join(''));
    await k.says('delete configmap a b', gone(['a', 'b']));
    await k.says('delete configmap -l tier=x --wait=false', gone(['c', 'd']));
    await k.fails('delete configmap a', 'Error from server (NotFound): configmaps "a" not found');
    await k.says('delete configmap a --ignore-not-found', '');
    await k.out('create configmap e');
    await k.says('delete configmap e --dry-run=server', /configmap "e" deleted.*\(server dry run\)/);
    await k.says('delete configmap e -o name', 'configmap/e');
    await k.out('create configmap f');
    await k.says('delete configmap f --now', gone(['f']));
    await k.out('create configmap g');
    await k.says('delete configmap g --grace-period=0 --force', gone(['g']));
    await k.out('create configmap h');
    await k.says('delete configmaps --field-selector metadata.name=h', gone(['h']));
    await k.says('delete -f -', gone(['kube-root-ca.crt']), {
      input: JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'kube-root-ca.crt' } }),
    });
    await k.says(`delete --raw /api/v1/namespaces/${k.namespace}/serviceaccounts/default`, /"(status":"Success|kind":"ServiceAccount)"/);
  });

  it('delete takes what is owned along, in the background or before, or leaves it', async (k) => {
    for (const [name, cascade] of [
      ['one', 'background'],
      ['two', 'foreground'],
      ['three', 'orphan'],
    ] as const) {
      await k.out(`create deployment ${name} --image=nginx --replicas=0`);
      await k.out(`wait --for=jsonpath={.status.observedGeneration}=1 deployment/${name}`);
      await k.out(`wait --for=create rs -l app=${name} --timeout=20s`);
      await k.says(`delete deployment ${name} --cascade=${cascade}`, new RegExp(`^deployment\\.apps "${name}" deleted`));
      if (cascade === 'orphan') await k.says(`get rs -l app=${name} -o 'jsonpath={.items[*].metadata.ownerReferences}'`, '');
      else if (cascade === 'foreground') await k.says(`get rs -l app=${name} -o name`, '');
      else await k.out(`wait --for=delete rs -l app=${name} --timeout=20s`);
    }
    await k.says('get rs -o name', /^replicaset\.apps\/three-\S+\n$/);
  });

  it('a finalizer holds an object back until it is taken off', async (k) => {
    await k.out('create configmap held');
    await k.out('patch configmap held --type=merge -p \'{"metadata":{"finalizers":["example.org/hold"]}}\'');
    const waiting = k.run('delete configmap held --timeout=20s');
    await k.out('wait configmap/held --for=jsonpath={.metadata.deletionTimestamp} --timeout=20s');
    await k.out('patch configmap held --type=json -p \'[{"op":"remove","path":"/metadata/finalizers"}]\'');
    assert.equal((await waiting).code, 0);
    await k.fails('get configmap held', /NotFound/);
  });
});
