/** Workloads by their commands: rollout, scale, autoscale, expose, set. */
import assert from 'node:assert/strict';
import { describeKubectl } from './each-kubectl.ts';

const IMAGE = 'keelson/hello:v1';
const template = {
  metadata: { labels: { app: 'web' } },
  spec: { terminationGracePeriodSeconds: 0, containers: [{ name: 'web', image: IMAGE }] },
};

const workload = (kind: string, spec: object) => ({
  apiVersion: 'apps/v1',
  kind,
  metadata: { name: 'web' },
  spec: { selector: { matchLabels: { app: 'web' } }, template, ...spec },
});

describeKubectl('kubectl rollout, scale, autoscale, expose, set', (it) => {
  it('rolls a Deployment out, back, and holds it', async (k) => {
    await k.out(`create -f ${k.file('web', workload('Deployment', { replicas: 1 }))}`);
    await k.says('rollout status deployment/web --timeout=60s', /deployment "web" successfully rolled out\n$/);
    await k.out('set image deployment/web web=keelson/hello:v2');
    await k.out('annotate deployment/web kubernetes.io/change-cause=second');
    await k.says('rollout status deployment/web --timeout=60s', /successfully rolled out\n$/);
    await k.says('rollout history deployment/web', /^deployment\.apps\/web \nREVISION +CHANGE-CAUSE\n1 +<none>\n2 +second\n/);
    await k.says(
      'rollout history deployment/web --revision=1',
      /^deployment\.apps\/web with revision #1\nPod Template:\n +Labels:\s+app=web\n[\s\S]*Image:\s+keelson\/hello:v1\n/,
    );
    await k.says('rollout undo deployment/web --dry-run=server', 'deployment.apps/web rolled back (server dry run)');
    await k.says('rollout undo deployment/web', 'deployment.apps/web rolled back');
    await k.says("get deploy web -o 'jsonpath={.spec.template.spec.containers[0].image}'", IMAGE);
    await k.says('rollout status deployment/web --timeout=60s', /successfully rolled out\n$/);
    await k.says('rollout history deployment/web', /\n2 +second\n3 +<none>\n/);
    await k.says('rollout undo deployment/web --to-revision=2', 'deployment.apps/web rolled back');
    await k.fails('rollout undo deployment/web --to-revision=9', 'error: unable to find specified revision 9 in history');
    await k.says('rollout pause deployment/web', 'deployment.apps/web paused');
    await k.fails('rollout pause deployment/web', 'error: deployments.apps "web" is already paused');
    await k.fails('rollout restart deployment/web', /error: deployments\.apps "web" can't restart paused deployment/);
    await k.says('rollout resume deployment/web', 'deployment.apps/web resumed');
    await k.says('rollout restart deployment/web', 'deployment.apps/web restarted');
    await k.says("get deploy web -o 'jsonpath={.spec.template.metadata.annotations}'", /kubectl\.kubernetes\.io\/restartedAt/);
    await k.says('rollout status deployment/web --timeout=60s', /successfully rolled out\n$/);
    await k.says('rollout status deployment/web --watch=false', /successfully rolled out\n$/);
  });

  it('a DaemonSet’s and a StatefulSet’s history', async (k) => {
    // On no node, and with no pods: what is kept is what counts here.
    const nowhere = { ...template, spec: { ...template.spec, nodeSelector: { nowhere: 'yes' } } };
    await k.out(`create -f ${k.file('ds', workload('DaemonSet', { template: nowhere }))}`);
    await k.out(`create -f ${k.file('sts', workload('StatefulSet', { serviceName: 'web', replicas: 0 }))}`);
    for (const [kind, name] of [
      ['daemonset', 'daemon set "web"'],
      ['statefulset', 'statefulset'],
    ] as const) {
      await k.out(`wait ${kind}/web --for=jsonpath={.status.observedGeneration}=1 --timeout=20s`);
      await k.out(`set image ${kind}/web web=keelson/hello:v2`);
      await k.out(`wait ${kind}/web --for=jsonpath={.status.observedGeneration}=2 --timeout=20s`);
      await k.says(`rollout history ${kind}/web`, new RegExp(`^${kind}\\.apps/web \\nREVISION +CHANGE-CAUSE\\n1 +<none>\\n2 +<none>\\n`));
      await k.says(`rollout history ${kind}/web --revision=1`, /Image:\s+keelson\/hello:v1\n/);
      await k.says(`rollout undo ${kind}/web`, `${kind}.apps/web rolled back`);
      await k.says(`get ${kind} web -o 'jsonpath={.spec.template.spec.containers[0].image}'`, IMAGE);
      await k.says(`rollout restart ${kind}/web`, `${kind}.apps/web restarted`);
      await k.says(
        `rollout status ${kind}/web --timeout=20s`,
        new RegExp(`${name}.*successfully rolled out|^partitioned roll out complete: 0 new pods have been updated`),
      );
      await k.fails(`rollout pause ${kind}/web`, `error: ${kind}s.apps "web" pausing is not supported`);
    }
  });

  it('scale, with preconditions', async (k) => {
    await k.out('create deployment web --image=nginx --replicas=0');
    await k.out('create deployment other --image=nginx --replicas=0');
    await k.out('rollout pause deployment/web');
    await k.out('rollout pause deployment/other');
    await k.says('scale deployment web other --replicas=0', 'deployment.apps/web scaled\ndeployment.apps/other scaled');
    await k.fails('scale deployment web --replicas=2 --current-replicas=5', /^error: Expected replicas to be 5, was 0/);
    await k.says('scale deployment web --replicas=2 --current-replicas=0', 'deployment.apps/web scaled');
    await k.says(
      `scale -f ${k.file('d', { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web' } })} --replicas=0`,
      'deployment.apps/web scaled',
    );
    await k.says('scale --all deployment --replicas=0', /scaled/);
    await k.fails('scale deployment nothing --replicas=1', /deployments\.apps "nothing" not found/);
    await k.fails('scale configmap kube-root-ca.crt --replicas=1', /could not find the requested resource|error: no kind|cannot/);
  });

  it('autoscale', async (k) => {
    await k.out('create deployment web --image=nginx --replicas=0');
    await k.says('autoscale deployment web --min=1 --max=3 --cpu-percent=70', 'horizontalpodautoscaler.autoscaling/web autoscaled');
    await k.says(
      'get hpa',
      /^NAME +REFERENCE +TARGETS +MINPODS +MAXPODS +REPLICAS +AGE\nweb +Deployment\/web +cpu: <unknown>\/70% +1 +3 +0 +\S+\n/,
    );
    await k.says("get horizontalpodautoscalers.v1.autoscaling web -o 'jsonpath={.spec.targetCPUUtilizationPercentage}'", '70');
    await k.says('describe hpa web', /Name: +web\n[\s\S]*Reference: +Deployment\/web\n[\s\S]*Min replicas: +1\nMax replicas: +3\n/);
  });

  it('expose', async (k) => {
    await k.out('create deployment web --image=nginx --replicas=0 --port=80');
    await k.says('expose deployment web --port=8080 --target-port=80', 'service/web exposed');
    await k.says("get svc web -o 'jsonpath={.spec.selector} {.spec.ports[0].port} {.spec.ports[0].targetPort}'", '{"app":"web"} 8080 80');
    await k.says('expose service web --name=web2 --type=NodePort --port=80', 'service/web2 exposed');
    await k.says('expose deployment web --name=web3 --cluster-ip=None --dry-run=server -o name', 'service/web3');
    await k.fails('expose deployment web --port=80', 'Error from server (AlreadyExists): services "web" already exists');
    await k.says(
      'describe service web',
      /^Name: +web\nNamespace: +\S+\nLabels: +app=web\n[\s\S]*Selector: +app=web\nType: +ClusterIP\nIP Family Policy: +SingleStack\nIP Families: +IPv4\nIP: +10\.96\.\S+\nIPs: +10\.96\.\S+\nPort: +<unset> +8080\/TCP\nTargetPort: +80\/TCP\nEndpoints: +\n/,
    );
  });

  it('set image, env, resources, selector, serviceaccount and subject', async (k) => {
    await k.out('create deployment web --image=nginx --replicas=0');
    await k.out('create configmap cm --from-literal=KEY=v');
    await k.says('set image deployment/web nginx=nginx:2', 'deployment.apps/web image updated');
    await k.says("set image deployments --all '*=nginx:3'", 'deployment.apps/web image updated');
    await k.fails('set image deployment/web nothing=x', /error: unable to find container named "nothing"/);
    await k.says('set env deployment/web A=1 --from=configmap/cm', 'deployment.apps/web env updated');
    await k.says('set env deployment/web --list', /# [Dd]eployment(s)? web, container nginx\n[\s\S]*A=1\n|KEY from configmap cm, key KEY/);
    await k.says('set env deployment/web A-', 'deployment.apps/web env updated');
    await k.says(
      'set resources deployment web --limits=cpu=200m,memory=64Mi --requests=cpu=100m',
      'deployment.apps/web resource requirements updated',
    );
    await k.says('set serviceaccount deployment web default', 'deployment.apps/web serviceaccount updated');
    const { spec } = await k.json('get deployment web');
    const [container] = spec.template.spec.containers;
    assert.deepEqual(
      [container.image, container.resources],
      ['nginx:3', { limits: { cpu: '200m', memory: '64Mi' }, requests: { cpu: '100m' } }],
    );
    assert.deepEqual(container.env, [{ name: 'KEY', valueFrom: { configMapKeyRef: { key: 'KEY', name: 'cm' } } }]);
    assert.equal(spec.template.spec.serviceAccountName, 'default');
    await k.out('create service clusterip web --tcp=80');
    await k.says('set selector service web app=other', 'service/web selector updated');
    await k.says("get service web -o 'jsonpath={.spec.selector}'", '{"app":"other"}');
    await k.out('create rolebinding b --clusterrole=view --user=jane');
    await k.says(
      'set subject rolebinding b --user=joe --serviceaccount=default:x',
      'rolebinding.rbac.authorization.k8s.io/b subjects updated',
    );
    assert.deepEqual(
      (await k.json('get rolebinding b')).subjects.map(({ name }: { name: string }) => name),
      ['jane', 'joe', 'x'],
    );
  });
});
