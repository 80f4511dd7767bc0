/** Who may what: `auth can-i`, `whoami`, `reconcile`, impersonation, certificates that are approved, and kubectl's own configuration. */
import assert from 'node:assert/strict';
import { createTestCertificateRequest } from '../../apiserver/testing/certificates.ts';
import { describeKubectl } from './each-kubectl.ts';

describeKubectl('who may what', (it) => {
  it('auth can-i, for oneself and for others', async (k) => {
    await k.says('auth can-i create pods', 'yes');
    await k.says("auth can-i '*' '*' --all-namespaces", 'yes');
    await k.says('auth can-i get /metrics', 'yes');
    const refused = await k.run('auth can-i create pods --as=jane');
    assert.deepEqual([refused.code, refused.stdout], [1, 'no\n']);
    assert.equal((await k.run('auth can-i create pods --as=jane --quiet')).stdout, '');
    await k.out('create role reader --verb=get,list --resource=pods --resource-name=one');
    await k.out('create rolebinding readers --role=reader --user=jane');
    await k.says('auth can-i get pods/one --as=jane', 'yes');
    assert.equal((await k.run('auth can-i get pods/two --as=jane')).code, 1);
    const rules = await k.out('auth can-i --list --as=jane');
    assert.match(rules, /^Resources +Non-Resource URLs +Resource Names +Verbs\n/);
    assert.match(rules, /\npods +\[\] +\[one\] +\[get list\]\n/);
    assert.match(rules, /\nselfsubjectaccessreviews\.authorization\.k8s\.io +\[\] +\[\] +\[create\]\n/);
    assert.match(rules, /\n +\[\/healthz\] +\[\] +\[get\]\n/);
    assert.match((await k.run('auth can-i list nodes --as=jane')).stderr, /^Warning: resource 'nodes' is not namespace scoped/);
    assert.match((await k.run('auth can-i get nothings')).stderr, /Warning: the server doesn't have a resource type 'nothings'/);
    assert.match((await k.run('auth can-i get pods --subresource=log --as=jane')).stdout, /^no/);
  });

  it('auth whoami says who the server takes one for', async (k) => {
    await k.says('auth whoami', /^ATTRIBUTE +VALUE\nUsername +\S+\n/);
    await k.says(
      'auth whoami --as=jane --as-group=team --as-uid=7',
      /^ATTRIBUTE +VALUE\nUsername +jane\nUID +7\nGroups +\[team system:authenticated\]/,
    );
    if (k.version === '1.32') return; // That one has no such flag.
    await k.says('auth whoami --as=jane --as-user-extra=a=b', /\nExtra: a +\[b\]\n/);
  });

  it('somebody else’s requests are refused in words', async (k) => {
    const where = `in API group "" in the namespace "${k.namespace}"`;
    await k.fails(
      'get pods --as=jane',
      `Error from server (Forbidden): pods is forbidden: User "jane" cannot list resource "pods" ${where}`,
    );
    await k.fails(
      'get nodes --as=jane',
      'Error from server (Forbidden): nodes is forbidden: User "jane" cannot list resource "nodes" in API group "" at the cluster scope',
    );
    await k.fails(
      'create configmap cm --as=jane',
      `error: failed to create configmap: configmaps is forbidden: User "jane" cannot create resource "configmaps" ${where}`,
    );
    await k.fails(
      'delete deployment web --as=jane',
      `Error from server (Forbidden): deployments.apps "web" is forbidden: User "jane" cannot delete resource "deployments" in API group "apps" in the namespace "${k.namespace}"`,
    );
    await k.fails('get pods --as-group=team', /requesting (uid, groups or )?user-extra|without impersonating a user/);
    await k.out('create role maker --verb=create --resource=roles.rbac.authorization.k8s.io');
    await k.out('create rolebinding makers --role=maker --user=jane');
    await k.fails(
      'create role more --verb=get --resource=secrets --as=jane',
      /^Error from server \(Forbidden\): roles\.rbac\.authorization\.k8s\.io "more" is forbidden: user "jane" \(groups=\["system:authenticated"\]\) is attempting to grant RBAC permissions not currently held:\n\{APIGroups:\[""\], Resources:\["secrets"\], Verbs:\["get"\]\}/,
    );
  });

  it('auth reconcile adds what is missing, and takes away what is too much', async (k) => {
    const role = (verbs: readonly string[]) => ({
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'Role',
      metadata: { name: 'r', namespace: k.namespace },
      rules: [{ apiGroups: [''], resources: ['pods'], verbs }],
    });
    await k.says(`auth reconcile -f ${k.file('r', role(['get']))}`, 'role.rbac.authorization.k8s.io/r reconciled');
    await k.says(`auth reconcile -f ${k.file('r', role(['list']))}`, /^role\.rbac\.authorization\.k8s\.io\/r reconciled\n/);
    assert.equal((await k.json('get role r')).rules.length, 2);
    await k.says(`auth reconcile --remove-extra-permissions -f ${k.file('r', role(['list']))}`, /reconciled/);
    assert.deepEqual((await k.json('get role r')).rules, role(['list']).rules);
  });

  it('certificate approve and deny', async (k) => {
    const request = Buffer.from(await createTestCertificateRequest('jane', [])).toString('base64');
    for (const name of ['yes', 'no']) {
      const object = {
        apiVersion: 'certificates.k8s.io/v1',
        kind: 'CertificateSigningRequest',
        metadata: { name: `${k.namespace}-${name}` },
        spec: { request, signerName: 'example.com/signer', usages: ['client auth'] },
      };
      k.after(`delete csr ${k.namespace}-${name}`);
      await k.out(`create -f ${k.file(name, object)}`);
    }
    await k.says(
      `get csr ${k.namespace}-yes`,
      new RegExp(
        `^NAME +AGE +SIGNERNAME +REQUESTOR +REQUESTEDDURATION +CONDITION\\n${k.namespace}-yes +\\d+s +example\\.com/signer +\\S+ +<none> +Pending\\n`,
      ),
    );
    await k.says(`certificate approve ${k.namespace}-yes`, `certificatesigningrequest.certificates.k8s.io/${k.namespace}-yes approved`);
    await k.says(`certificate deny ${k.namespace}-no`, `certificatesigningrequest.certificates.k8s.io/${k.namespace}-no denied`);
    await k.says(`get csr ${k.namespace}-yes --no-headers`, / Approved\n$/);
    await k.says(`get csr ${k.namespace}-no --no-headers`, / Denied\n$/);
    await k.fails(`certificate deny ${k.namespace}-yes`, `error: certificate signing request "${k.namespace}-yes" is already Approved`);
    await k.says(`describe csr ${k.namespace}-yes`, /Requesting User: +\S+\n[\s\S]*Status: +Approved\n/);
  });

  it('kubectl’s own configuration is written and read, and a token lets one in', async (k) => {
    const context = (await k.out('config current-context')).trim();
    await k.says('config view --minify -o jsonpath={..namespace}', k.namespace);
    await k.says('config get-contexts -o name', context);
    await k.says('config set-context --current --namespace=kube-system', `Context "${context}" modified.`);
    await k.says('config view --minify -o jsonpath={..namespace}', 'kube-system');
    await k.out(`create serviceaccount robot -n ${k.namespace}`);
    const token = (await k.out(`create token robot -n ${k.namespace}`)).trim();
    await k.says(`config set-credentials robot --token=${token}`, 'User "robot" set.');
    await k.says('config set-context robot --user=robot --cluster=keelson', /Context "robot" created\./);
    await k.says('config use-context robot', 'Switched to context "robot".');
    await k.says('auth whoami -o jsonpath={.status.userInfo.username}', `system:serviceaccount:${k.namespace}:robot`);
    await k.fails(
      'get nodes',
      /Error from server \(Forbidden\): nodes is forbidden: User "system:serviceaccount:\S+:robot" cannot list resource "nodes"/,
    );
    await k.fails(
      'get pods --token=nonsense --user=nobody',
      /error: (auth info "nobody" does not exist|You must be logged in to the server)/,
    );
    await k.out('config set-credentials bad --token=nonsense');
    await k.fails(
      'get pods --user=bad',
      /^error: You must be logged in to the server \(Unauthorized\)|the server has asked for the client to provide credentials/,
    );
    await k.out('config delete-context robot');
    await k.out('config unset users.robot');
    await k.says('config get-users', /^NAME\n/);
    await k.says('config get-clusters', /^NAME\nkeelson\n/);
  });
});
