/** What kubectl finds out about the server: kinds, versions, documentation of fields, the cluster's address, completions. */
import assert from 'node:assert/strict';
import type { Json } from '../cluster.ts';
import { describeKubectl, type Kubectl } from './each-kubectl.ts';

const gadget = (group: string): Json => ({
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: `gadgets.${group}` },
  spec: {
    group,
    scope: 'Namespaced',
    names: { plural: 'gadgets', singular: 'gadget', kind: 'Gadget', shortNames: [group.slice(0, 12)], categories: [group.slice(0, 12)] },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: {
          openAPIV3Schema: {
            type: 'object',
            description: 'A gadget does a thing.',
            required: ['spec'],
            properties: {
              spec: {
                type: 'object',
                description: 'What it should be.',
                required: ['size'],
                properties: {
                  size: { type: 'integer', minimum: 1, description: 'How large.' },
                  parts: { type: 'array', items: { type: 'object', properties: { name: { type: 'string', enum: ['bolt', 'nut'] } } } },
                },
              },
              status: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
            },
          },
        },
        subresources: { status: {}, scale: { specReplicasPath: '.spec.size', statusReplicasPath: '.status.size' } },
        additionalPrinterColumns: [{ name: 'Size', type: 'integer', jsonPath: '.spec.size' }],
      },
    ],
  },
});

async function defineGadgets(k: Kubectl): Promise<string> {
  const group = `${k.namespace}.example.org`;
  k.after(`delete crd gadgets.${group} --ignore-not-found`);
  await k.out(`apply -f ${k.file('crd.json', gadget(group))}`);
  await k.out(`wait --for=condition=Established crd/gadgets.${group} --timeout=20s`);
  return group;
}

describeKubectl('what kubectl finds out', (it) => {
  it('api-resources, by all its filters', async (k) => {
    await k.says(
      'api-resources',
      /^NAME +SHORTNAMES +APIVERSION +NAMESPACED +KIND\nbindings? |\nconfigmaps +cm +v1 +true +ConfigMap\n[\s\S]*\ndeployments +deploy +apps\/v1 +true +Deployment\n/,
    );
    await k.says('api-resources --api-group=batch --no-headers', /^cronjobs +cj +batch\/v1 +true +CronJob\njobs +batch\/v1 +true +Job$/m);
    await k.says('api-resources --namespaced=false -o name', /^(?![\s\S]*\npods\n)[\s\S]*\nnodes\n/);
    await k.says(
      'api-resources --verbs=create --api-group=authentication.k8s.io -o name',
      'selfsubjectreviews.authentication.k8s.io\ntokenreviews.authentication.k8s.io',
    );
    await k.says('api-resources --verbs=list,get --api-group=authentication.k8s.io -o name', '');
    await k.says('api-resources --categories=all -o name', /^pods\n[\s\S]*deployments\.apps\n/);
    await k.says(
      'api-resources --api-group=apps -o wide --sort-by=kind',
      /^NAME +SHORTNAMES +APIVERSION +NAMESPACED +KIND +VERBS +CATEGORIES\ncontrollerrevisions +apps\/v1 +true +ControllerRevision +create,delete,deletecollection,get,list,patch,update,watch +\n/,
    );
    await k.says(
      'api-resources --cached=false --api-group=policy --sort-by=name',
      /\npoddisruptionbudgets +pdb +policy\/v1 +true +PodDisruptionBudget/,
    );
    const versions = (await k.out('api-versions')).trim().split('\n');
    assert.deepEqual(versions, versions.toSorted());
    for (const version of ['apps/v1', 'v1', 'rbac.authorization.k8s.io/v1', 'autoscaling/v2'])
      assert.ok(versions.includes(version), version);
  });

  it('explain, of kinds, fields and all fields', async (k) => {
    await k.says(
      'explain deployments',
      /^GROUP: +apps\nKIND: +Deployment\nVERSION: +v1\n\nDESCRIPTION:\n[\s\S]*FIELDS:\n {2}apiVersion\t<string>\n[\s\S]* {2}spec\t<DeploymentSpec>\n/,
    );
    await k.says(
      'explain pod.spec.containers.ports',
      /^KIND: +Pod\nVERSION: +v1\n\nFIELD: ports <\[\]ContainerPort>\n\n[\s\S]* {2}containerPort\t<integer> -required-\n[\s\S]* {2}protocol\t<string>\n/,
    );
    await k.says('explain pod.spec.restartPolicy', /FIELD: restartPolicy <string>/);
    await k.says(
      'explain cj.spec --recursive',
      /\n {2}jobTemplate\t<JobTemplateSpec> -required-\n {4}metadata\t<ObjectMeta>\n {6}annotations\t<map\[string\]string>\n/,
    );
    await k.says('explain hpa --api-version=autoscaling/v1', /^GROUP: +autoscaling\nKIND: +HorizontalPodAutoscaler\nVERSION: +v1\n/);
    await k.says(
      'explain pods --output=plaintext-openapiv2',
      /^KIND: +Pod\nVERSION: +v1\n\nDESCRIPTION:\n[\s\S]*FIELDS:\n {3}apiVersion\t<string>\n/,
    );
    await k.says('explain pods.spec --recursive --output=plaintext-openapiv2', /\n {3}containers\t<\[\]Object>( -required-)?\n/);
    await k.fails('explain pods.spec.nothing', 'error: field "nothing" does not exist');
    await k.fails('explain nothings', `the server doesn't have a resource type "nothings"`);
  });

  it('a custom resource is found, explained, checked, shown and scaled like any other', async (k) => {
    const group = await defineGadgets(k);
    const plural = `gadgets.${group}`;
    await k.says(
      `api-resources --api-group=${group} --no-headers`,
      new RegExp(`^gadgets +${group.slice(0, 12)} +${group}/v1 +true +Gadget`),
    );
    await k.says(
      `explain ${plural}`,
      /^GROUP: +\S+\nKIND: +Gadget\nVERSION: +v1\n\nDESCRIPTION:\n {4}A gadget does a thing\.\n[\s\S]* {2}spec\t<Object> -required-\n {4}What it should be\.\n/,
    );
    await k.says(
      `explain ${plural}.spec --recursive`,
      /FIELD: spec <Object>\n[\s\S]* {2}parts\t<\[\]Object>\n {4}name\t<string>\n {4}enum: bolt, nut\n {2}size\t<integer> -required-\n/,
    );
    const object = (spec: object) => ({ apiVersion: `${group}/v1`, kind: 'Gadget', metadata: { name: 'g' }, spec });
    await k.fails(
      `create -f ${k.file('bad.json', object({ size: 0 }))}`,
      /The Gadget "g" is invalid: spec\.size: Invalid value: 0: spec\.size in body should be greater than or equal to 1/,
    );
    await k.fails(
      `create -f ${k.file('odd.json', object({ size: 1, colour: 'red' }))}`,
      /strict decoding error: unknown field "spec\.colour"/,
    );
    await k.says(
      `create -f ${k.file('odd.json', object({ size: 1, colour: 'red' }))} --validate=warn --dry-run=server`,
      /created \(server dry run\)/,
    );
    await k.says(`apply -f ${k.file('g.json', object({ size: 2 }))}`, `gadget.${group}/g created`);
    await k.says(`get ${plural}`, /^NAME +SIZE\ng +2\n/);
    await k.says(`scale ${plural}/g --replicas=3`, `gadget.${group}/g scaled`);
    await k.says(`get gadgets.v1.${group} -o 'jsonpath={.items[0].spec.size}'`, '3');
    await k.says(`get ${group.slice(0, 12)} -o name`, `gadget.${group}/g`);
    await k.says(`patch ${plural} g --type=merge --subresource=status -p '{"status":{"size":3}}'`, `gadget.${group}/g patched`);
    await k.says(`wait ${plural}/g --for=jsonpath={.status.size}=3`, `gadget.${group}/g condition met`);
    await k.says(`describe ${plural} g`, /^Name: +g\nNamespace: +\S+\nLabels: +<none>\n[\s\S]*Spec:\n {2}Size: +3\n/);
    await k.fails(
      `patch ${plural} g -p '{"spec":{"size":4}}'`,
      /error: application\/strategic-merge-patch\+json is not supported by|the body of the request was in an unknown format/,
    );
    await k.says(`label ${plural} g a=b`, `gadget.${group}/g labeled`);
    await k.says(`delete ${plural} --all`, new RegExp(`^gadget\\.${group} "g" deleted`));
  });

  it('version, cluster-info and whether the server is well', async (k) => {
    await k.says('version', /^Client Version: v1\.\d+\.\S+\nKustomize Version: \S+\nServer Version: v1\.36\.\d+/);
    const { serverVersion } = JSON.parse(await k.out('version -o json'));
    assert.deepEqual([serverVersion.major, serverVersion.minor], ['1', '36']);
    await k.says('cluster-info', /Kubernetes control plane[\s\S]* is running at [\s\S]*https:\/\//);
    const folder = k.file('dump', '').replace(/dump$/, 'out');
    await k.out('create configmap cm');
    await k.out(`cluster-info dump --namespaces ${k.namespace} --output-directory=${folder}`);
  });

  it('completions that the server is asked for', async (k) => {
    await k.out('create configmap apple');
    await k.out('create configmap pear');
    await k.says("__complete get configmap ''", /^apple\nkube-root-ca\.crt\npear\n:4\n/m);
    await k.says('__complete get configmap p', 'pear\n:4');
    await k.says('__complete get deploym', /^deployments\.apps\n/m);
    await k.says('__complete -n def', /^default\n/m);
    await k.says('__complete describe pod/', /:\d/);
    await k.says('completion bash', /^# bash completion/m);
  });
});
