/**
 * What a pod's and a container's security contexts ask for, as the runtime is told. Pure. The container's own word wins over the pod's. Throws `ConfigError`
 * where the pod asks for what this image cannot give. Source: https://kubernetes.io/docs/tasks/configure-pod-container/security-context/ and upstream's
 * pkg/kubelet/kuberuntime/security_context.go.
 */
import type { Container, Pod } from '#api/generated/types.ts';
import { ConfigError } from './environment.ts';
import type { ContainerSpec, ImageInfo, SecurityProfile } from './runtime/container-runtime.ts';

type SecuritySpec = Pick<
  ContainerSpec,
  | 'user'
  | 'supplementalGroups'
  | 'isPrivileged'
  | 'hasReadOnlyRoot'
  | 'mayGainPrivileges'
  | 'capabilitiesAdded'
  | 'capabilitiesDropped'
  | 'seccomp'
  | 'appArmor'
  | 'seLinux'
  | 'seesAllOfProc'
>;

export function containerSecurity(pod: Pod, container: Container, image: ImageInfo): SecuritySpec {
  const podContext = pod.spec.securityContext ?? {};
  const own = container.securityContext ?? {};
  const user = userOf(pod, container, image);
  const fsGroup = podContext.fsGroup === undefined ? [] : [podContext.fsGroup];
  return {
    ...(user === undefined ? {} : { user }),
    supplementalGroups: [...(podContext.supplementalGroups ?? []), ...fsGroup],
    isPrivileged: own.privileged === true,
    hasReadOnlyRoot: own.readOnlyRootFilesystem === true,
    mayGainPrivileges: own.privileged === true || own.allowPrivilegeEscalation !== false,
    capabilitiesAdded: own.capabilities?.add ?? [],
    capabilitiesDropped: own.capabilities?.drop ?? [],
    seccomp: profileOf(own.seccompProfile ?? podContext.seccompProfile),
    appArmor: profileOf(own.appArmorProfile ?? podContext.appArmorProfile),
    seLinux: { ...podContext.seLinuxOptions, ...own.seLinuxOptions },
    seesAllOfProc: own.procMount === 'Unmasked',
  };
}

/** `user` or `user:group`; undefined: whoever the image says. */
function userOf(pod: Pod, container: Container, image: ImageInfo): string | undefined {
  const podContext = pod.spec.securityContext ?? {};
  const own = container.securityContext ?? {};
  const runAsUser = own.runAsUser ?? podContext.runAsUser;
  const runAsGroup = own.runAsGroup ?? podContext.runAsGroup;
  if (own.runAsNonRoot ?? podContext.runAsNonRoot) throwIfRoot(runAsUser, image, pod, container);
  if (runAsGroup === undefined) return runAsUser === undefined ? undefined : String(runAsUser);
  // A group without a user keeps the image's user.
  return `${runAsUser ?? (image.user.split(':')[0] || '0')}:${runAsGroup}`;
}

function throwIfRoot(runAsUser: number | undefined, image: ImageInfo, { metadata }: Pod, container: Container): void {
  const who = `(pod: "${metadata.name}_${metadata.namespace ?? ''}(${metadata.uid})", container: ${container.name})`;
  const imageUser = image.user.split(':')[0] ?? '';
  if (runAsUser === 0) throw new ConfigError(`container's runAsUser breaks non-root policy ${who}`);
  if (runAsUser !== undefined) return;
  if (imageUser === '' || imageUser === '0') throw new ConfigError(`container has runAsNonRoot and image will run as root ${who}`);
  if (/^\d+$/.test(imageUser)) return;
  const message = `container has runAsNonRoot and image has non-numeric user (${imageUser}), cannot verify user is non-root`;
  throw new ConfigError(`${message} ${who}`);
}

/** Without a word about it the engine's own profile holds, as with upstream's `--seccomp-default`. */
function profileOf(profile: { readonly type: string; readonly localhostProfile?: string } | undefined): SecurityProfile {
  if (profile?.type === 'Unconfined') return { type: 'unconfined' };
  return profile?.type === 'Localhost' ? { type: 'localhost', name: profile.localhostProfile ?? '' } : { type: 'default' };
}
