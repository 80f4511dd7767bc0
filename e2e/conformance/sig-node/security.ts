/** Who a container runs as and what it may do: the security context, and sysctls. */
import assert from 'node:assert/strict';
import type { Json } from '../../cluster.ts';
import type { ConformanceTest, TestScope } from '../framework/conformance-test.ts';
import { expectRefusal } from '../framework/expect.ts';
import { aPod } from '../framework/pods.ts';
import { aScript, outputOf } from '../framework/run-pod.ts';

/** What the program prints of itself when it runs with this security context. */
const prints = (script: string, contexts: { container?: Json; pod?: Json }, expected: RegExp) => async (t: TestScope) => {
  const spec = contexts.pod === undefined ? {} : { securityContext: contexts.pod };
  const container = contexts.container === undefined ? {} : { securityContext: contexts.container };
  assert.match(await outputOf(t, aScript('context', script, { spec, container })), expected);
};

/** Even root may not mount anything in a container without privileges. */
const MOUNT = 'mount -t tmpfs tmpfs /mnt && echo mounted || echo refused';

/** A program that belongs to root and has the setuid bit gains nothing where privileges must not escalate: it runs as who called it. */
async function preventsEscalation(t: TestScope): Promise<void> {
  const volumeMounts = [{ name: 'shared', mountPath: '/shared' }];
  const script = 'cp "$(command -v id)" /shared/id; chmod 4755 /shared/id';
  const [setuid] = aScript('', script, { container: { name: 'setuid', volumeMounts, securityContext: { runAsUser: 0 } } }).spec.containers;
  const output = await outputOf(
    t,
    aScript('escalation', 'ls -ln /shared/id; /shared/id', {
      spec: { initContainers: [setuid], volumes: [{ name: 'shared', emptyDir: {} }] },
      container: { volumeMounts, securityContext: { allowPrivilegeEscalation: false, runAsUser: 1000 } },
    }),
  );
  assert.match(output, /^-rwsr-xr-x 1 0 /);
  assert.match(output, /^uid=1000/m);
  assert.doesNotMatch(output, /euid=/);
}

async function supportsSysctls(t: TestScope): Promise<void> {
  const spec = { securityContext: { sysctls: [{ name: 'kernel.shm_rmid_forced', value: '1' }] } };
  const output = await outputOf(t, aScript('sysctl', 'cat /proc/sys/kernel/shm_rmid_forced', { spec }));
  assert.equal(output, '1\n');
}

async function rejectsInvalidSysctls(t: TestScope): Promise<void> {
  const sysctls = ['foo-', 'kernel.shmmax', 'safe-and-unsafe', 'bar..'].map((name) => ({ name, value: '100000000' }));
  const refused = await expectRefusal(t.resource('v1/pods').create(aPod('sysctl', { spec: { securityContext: { sysctls } } })), {
    reason: 'Invalid',
  });
  for (const [index, { name }] of sysctls.entries())
    assert.equal(
      refused.message.includes(`spec.securityContext.sysctls[${index}].name: Invalid value: "${name}"`),
      ['foo-', 'bar..'].includes(name),
      `${name}: ${refused.message}`,
    );
}

const PREFIX = '[sig-node] Security Context';

export const securityTests: readonly ConformanceTest[] = [
  {
    name: `${PREFIX} When creating a container with runAsUser should run the container with uid 65534 [LinuxOnly] [Conformance] [NodeConformance]`,
    run: prints('id -u', { container: { runAsUser: 65_534 } }, /^65534\n$/),
  },
  {
    name: `${PREFIX} When creating a pod with privileged should run the container as unprivileged when false [LinuxOnly] [Conformance] [NodeConformance]`,
    run: prints(MOUNT, { container: { privileged: false, runAsUser: 0 } }, /^refused$/m),
  },
  {
    name: `${PREFIX} When creating a pod with readOnlyRootFilesystem should run the container with writable rootfs when readOnlyRootFilesystem=false [Conformance] [NodeConformance]`,
    run: prints('echo checked > /checkfile; cat /checkfile', { container: { readOnlyRootFilesystem: false, runAsUser: 0 } }, /^checked\n$/),
  },
  {
    name: `${PREFIX} should support container.SecurityContext.RunAsUser And container.SecurityContext.RunAsGroup [LinuxOnly] [Conformance]`,
    run: prints('id', { container: { runAsUser: 1001, runAsGroup: 2002 } }, /^uid=1001 gid=2002/),
  },
  {
    name: `${PREFIX} should support pod.Spec.SecurityContext.RunAsUser And pod.Spec.SecurityContext.RunAsGroup [LinuxOnly] [Conformance]`,
    run: prints('id', { pod: { runAsUser: 1001, runAsGroup: 2002 } }, /^uid=1001 gid=2002/),
  },
  {
    name: `${PREFIX} when creating containers with AllowPrivilegeEscalation should not allow privilege escalation when false [LinuxOnly] [Conformance] [NodeConformance]`,
    run: preventsEscalation,
  },
  {
    name: '[sig-node] Sysctls [LinuxOnly] should support sysctls [Environment:NotInUserNS] [Conformance] [NodeConformance]',
    run: supportsSysctls,
  },
  { name: '[sig-node] Sysctls [LinuxOnly] should reject invalid sysctls [Conformance] [NodeConformance]', run: rejectsInvalidSysctls },
];
