/** `kubectl create`: every typed generator, what it says, and what is there afterwards. */
import assert from 'node:assert/strict';
import { createTestAuthority } from '../../apiserver/testing/certificates.ts';
import { describeKubectl } from './each-kubectl.ts';

/** A generator's command line, what it prints, and (by jsonpath) what the server then holds. */
const generators: readonly (readonly [line: string, says: string, jsonpath: string, holds: string])[] = [
  ['configmap cm --from-literal=a=1 --from-literal=b=2', 'configmap/cm created', '{.data}', '{"a":"1","b":"2"}'],
  ['secret generic s --from-literal=k=v', 'secret/s created', '{.type} {.data.k}', 'Opaque dg=='],
  [
    'secret docker-registry d --docker-username=u --docker-password=p --docker-email=e@x.org',
    'secret/d created',
    '{.type}',
    'kubernetes.io/dockerconfigjson',
  ],
  ['serviceaccount robot', 'serviceaccount/robot created', '{.metadata.name}', 'robot'],
  [
    'deployment web --image=nginx --replicas=0 --port=80',
    'deployment.apps/web created',
    '{.spec.replicas} {.metadata.labels} {.spec.template.spec.containers[0].image} {.spec.template.spec.containers[0].ports[0].containerPort}',
    '0 {"app":"web"} nginx 80',
  ],
  [
    'cronjob tick --image=busybox --schedule="0 0 1 1 *" -- date',
    'cronjob.batch/tick created',
    '{.spec.schedule} {.spec.jobTemplate.spec.template.spec.containers[0].command} {.spec.concurrencyPolicy}',
    '0 0 1 1 * ["date"] Allow',
  ],
  [
    'ingress web --class=none --rule="example.org/a*=svc:80,tls=cert" --default-backend=other:http',
    'ingress.networking.k8s.io/web created',
    '{.spec.rules[0].host} {.spec.rules[0].http.paths[0].pathType} {.spec.tls[0].secretName} {.spec.defaultBackend.service.port.name}',
    'example.org Prefix cert http',
  ],
  [
    'poddisruptionbudget two --selector=app=web --min-available=2',
    'poddisruptionbudget.policy/two created',
    '{.spec.minAvailable} {.spec.selector.matchLabels}',
    '2 {"app":"web"}',
  ],
  ['quota few --hard=pods=3,cpu=1500m --scopes=BestEffort --dry-run=server', 'resourcequota/few created (server dry run)', '', ''],
  ['quota few --hard=pods=3,cpu=1500m', 'resourcequota/few created', '{.spec.hard}', '{"cpu":"1500m","pods":"3"}'],
  [
    'role reader --verb=get,list --resource=pods,deployments.apps --resource=pods/log',
    'role.rbac.authorization.k8s.io/reader created',
    '{.rules}',
    '[{"apiGroups":[""],"resources":["pods","pods/log"],"verbs":["get","list"]},{"apiGroups":["apps"],"resources":["deployments"],"verbs":["get","list"]}]',
  ],
  [
    'rolebinding readers --role=reader --user=jane --group=team --serviceaccount=default:robot',
    'rolebinding.rbac.authorization.k8s.io/readers created',
    '{.roleRef.name} {.subjects[*].kind} {.subjects[*].name}',
    'reader User Group ServiceAccount jane team robot',
  ],
  [
    'service clusterip inner --tcp=80:8080',
    'service/inner created',
    '{.spec.type} {.spec.ports[0].name} {.spec.ports[0].targetPort} {.spec.ipFamilies[0]}',
    'ClusterIP 80-8080 8080 IPv4',
  ],
  ['service clusterip headless --clusterip=None', 'service/headless created', '{.spec.clusterIP}', 'None'],
  [
    'service externalname outer --external-name=example.org',
    'service/outer created',
    '{.spec.type} {.spec.externalName}',
    'ExternalName example.org',
  ],
  ['service loadbalancer front --tcp=80', 'service/front created', '{.spec.type} {.spec.externalTrafficPolicy}', 'LoadBalancer Cluster'],
  ['service nodeport node --tcp=80', 'service/node created', '{.spec.type} {.spec.ports[0].protocol}', 'NodePort TCP'],
];

describeKubectl('kubectl create', (it) => {
  for (const [line, says, jsonpath, holds] of generators) {
    const [kind, first, second] = line.split(' ');
    it(`${line.split(' -')[0]}${jsonpath === '' ? ' as a dry run' : ''}`, async (k) => {
      await k.says(`create ${line}`, says);
      const name = kind === 'service' || kind === 'secret' ? second : first;
      const kindOf = says.split('/')[0];
      if (jsonpath === '')
        await k.fails(
          `get ${kindOf} ${name}`,
          `Error from server (NotFound): ${kind}s "${name}" not found`.replace('quotas', 'resourcequotas'),
        );
      else await k.says(`get ${kindOf} ${name} -o 'jsonpath=${jsonpath}'`, holds);
    });
  }

  it('says what is already there, and what is missing from a command', async (k) => {
    await k.out('create configmap cm');
    await k.fails('create configmap cm', 'error: failed to create configmap: configmaps "cm" already exists');
    await k.fails('create role r --verb=get --resource=nothings', /^(error: )?the server doesn't have a resource type "nothings"/);
    await k.fails(
      'create deployment Web --image=nginx',
      /^error: failed to create deployment: Deployment\.apps "Web" is invalid: metadata\.name: Invalid value: "Web": a lowercase RFC 1123 subdomain/,
    );
    await k.fails(
      'create -f -',
      /^Error from server \(BadRequest\): error when creating "STDIN": ConfigMap in version "v1" cannot be handled as a ConfigMap: /,
      {
        input: '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x"},"data":{"a":{"b":1}}}',
      },
    );
    await k.fails(
      'create -f -',
      /error: resource mapping not found for name: "x" namespace: "" from "STDIN": no matches for kind "Thing" in version "example\.org\/v1"\nensure CRDs are installed first/,
      {
        input: '{"apiVersion":"example.org/v1","kind":"Thing","metadata":{"name":"x"}}',
      },
    );
  });

  it('what lives in no namespace', async (k) => {
    const name = k.namespace;
    for (const kind of ['namespace', 'clusterrole', 'clusterrolebinding', 'priorityclass'])
      k.after(`delete ${kind} ${name}-x --ignore-not-found`);
    await k.says(`create namespace ${name}-x`, `namespace/${name}-x created`);
    await k.says(`create clusterrole ${name}-x --verb=get --resource=nodes`, `clusterrole.rbac.authorization.k8s.io/${name}-x created`);
    await k.says(`get clusterrole ${name}-x -o 'jsonpath={.rules[0].resources}'`, '["nodes"]');
    await k.out(`delete clusterrole ${name}-x`);
    await k.out(`create clusterrole ${name}-x --aggregation-rule=x=${name}`);
    await k.out(`delete clusterrole ${name}-x`);
    await k.out(`create clusterrole ${name}-x --verb=get --non-resource-url=/logs/*`);
    await k.says(
      `create clusterrolebinding ${name}-x --clusterrole=${name}-x --user=jane`,
      `clusterrolebinding.rbac.authorization.k8s.io/${name}-x created`,
    );
    await k.says(`create priorityclass ${name}-x --value=7 --preemption-policy=Never`, `priorityclass.scheduling.k8s.io/${name}-x created`);
    await k.says(
      `get priorityclass ${name}-x`,
      new RegExp(`^NAME +VALUE +GLOBAL-DEFAULT +AGE +PREEMPTIONPOLICY\\n${name}-x +7 +false +\\S+ +Never`),
    );
  });

  it('a TLS secret, from a certificate and its key', async (k) => {
    const { certificate, key } = await (await createTestAuthority()).client('example.org');
    await k.says(`create secret tls t --cert=${k.file('crt', certificate)} --key=${k.file('key', key)}`, 'secret/t created');
    await k.says("get secret t -o 'jsonpath={.type} {.data}'", /^kubernetes\.io\/tls \{"tls\.crt":"LS0t\S+","tls\.key":"LS0t\S+"\}/);
  });

  it('a ConfigMap from files, folders and lists of variables', async (k) => {
    const path = k.file('greeting', 'hello\n');
    const env = k.file('list.env', 'A=1\n# nothing\nB=two words\n');
    await k.out(`create configmap cm --from-file=${path} --from-file=other=${path}`);
    await k.says("get configmap cm -o 'jsonpath={.data}'", '{"greeting":"hello\\n","other":"hello\\n"}');
    await k.out(`create configmap env --from-env-file=${env}`);
    await k.says("get configmap env -o 'jsonpath={.data}'", '{"A":"1","B":"two words"}');
    await k.out(`create configmap bin --from-file=${k.file('bytes', '\u0000\ud7ff')} --from-file=raw=/proc/self/cmdline`);
  });

  it('a Job, and a Job from a CronJob', async (k) => {
    await k.out('create quota none --hard=count/jobs.batch=9');
    await k.out('create cronjob tick --image=busybox --schedule=@yearly -- date');
    await k.says('create job once --from=cronjob/tick', 'job.batch/once created');
    const job = await k.json('get job once');
    assert.equal(job.metadata.ownerReferences[0].kind, 'CronJob');
    assert.equal(job.metadata.annotations['cronjob.kubernetes.io/instantiate'], 'manual');
    await k.says('create job other --image=busybox -- date', 'job.batch/other created');
    await k.says('get jobs', /^NAME +STATUS +COMPLETIONS +DURATION +AGE\nonce +Running +0\/1 /);
  });

  it('a token of a service account', async (k) => {
    await k.out('create serviceaccount robot');
    const token = (await k.out('create token robot --duration=1h --audience=me')).trim();
    const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
    assert.deepEqual([claims.aud, claims.sub], [['me'], `system:serviceaccount:${k.namespace}:robot`]);
    await k.fails('create token nobody', 'error: failed to create token: serviceaccounts "nobody" not found');
    await k.fails('create token robot --duration=1m', /may not specify a duration less than 10 minutes/);
    await k.out('create secret generic s');
    const bound = (await k.out('create token robot --bound-object-kind=Secret --bound-object-name=s')).trim();
    assert.equal(JSON.parse(Buffer.from(bound.split('.')[1] ?? '', 'base64url').toString())['kubernetes.io'].secret.name, 's');
  });

  it('a dry run, on either side, prints what it would be and leaves nothing', async (k) => {
    await k.says(
      'create deployment web --image=nginx --dry-run=client -o yaml',
      /^apiVersion: apps\/v1\nkind: Deployment\nmetadata:\n( +creationTimestamp: null\n)? +labels:\n +app: web\n/,
    );
    await k.says(
      'create deployment web --image=nginx --dry-run=server -o yaml',
      /\n {2}uid: \S+\nspec:\n {2}progressDeadlineSeconds: 600\n/,
    );
    await k.says('create configmap cm --dry-run=client', 'configmap/cm created (dry run)');
    await k.says('create configmap cm --dry-run=server', 'configmap/cm created (server dry run)');
    await k.says('create configmap cm --dry-run=server -o name', 'configmap/cm');
    await k.says('get deployment,configmap -o name', 'configmap/kube-root-ca.crt');
  });

  it('--save-config keeps what was given, --field-manager says who gave it', async (k) => {
    await k.out('create configmap cm --from-literal=a=1 --save-config --field-manager=me');
    const { metadata } = await k.json('get configmap cm --show-managed-fields');
    assert.match(metadata.annotations['kubectl.kubernetes.io/last-applied-configuration'], /"data":\{"a":"1"\}/);
    assert.deepEqual([metadata.managedFields[0].manager, metadata.managedFields[0].operation], ['me', 'Update']);
  });

  it('--raw posts a file as it is', async (k) => {
    const file = k.file('cm.json', { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'raw' } });
    await k.says(`create --raw /api/v1/namespaces/${k.namespace}/configmaps -f ${file}`, /^\{"kind":"ConfigMap"|^\{"apiVersion":"v1"/);
    await k.says('get configmap raw -o name', 'configmap/raw');
  });
});
