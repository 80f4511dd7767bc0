/** Which Secrets a pod uses that its service account does not name: the rule of the annotation `kubernetes.io/enforce-mountable-secrets`. Pure. Source: as `service-account.ts`. */
import type { Container, PodSpec, ServiceAccount } from '#api/generated/types.ts';

/** Undefined while all are named; else what is wrong, in upstream's words. */
export function findUnreferenced(spec: PodSpec, account: ServiceAccount): string | undefined {
  const known = new Set((account.secrets ?? []).map(({ name }) => name));
  const pulled = new Set((account.imagePullSecrets ?? []).map(({ name }) => name));
  const not = `is not allowed because service account ${account.metadata.name} does not reference that`;
  for (const { secret } of spec.volumes ?? []) {
    if (secret?.secretName !== undefined && !known.has(secret.secretName)) {
      return `volume with secret.secretName="${secret.secretName}" ${not} secret`;
    }
  }
  const container = [
    ...containersOf('init container', spec.initContainers),
    ...containersOf('container', spec.containers),
    ...containersOf('ephemeral container', spec.ephemeralContainers),
  ].find(({ secretName }) => !known.has(secretName));
  if (container !== undefined) return `${container.user} referencing secret.secretName="${container.secretName}" ${not} secret`;
  const index = (spec.imagePullSecrets ?? []).findIndex(({ name }) => !pulled.has(name));
  return index < 0 ? undefined : `imagePullSecrets[${index}].name="${spec.imagePullSecrets?.[index]?.name}" ${not} imagePullSecret`;
}

function containersOf(what: string, containers: readonly Pick<Container, 'name' | 'env' | 'envFrom'>[] = []) {
  return containers.flatMap(({ name, env = [], envFrom = [] }) => [
    ...env.flatMap((variable) => {
      const secretName = variable.valueFrom?.secretKeyRef?.name;
      return secretName === undefined ? [] : [{ user: `${what} ${name} with envVar ${variable.name}`, secretName }];
    }),
    ...envFrom.flatMap(({ secretRef }) =>
      secretRef?.name === undefined ? [] : [{ user: `${what} ${name} with envFrom`, secretName: secretRef.name }],
    ),
  ]);
}
