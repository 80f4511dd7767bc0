/**
 * The oldest way back: a Deployment whose annotation `deprecated.deployment.rollback.to` names a revision gets that revision's template, or the one before the present for
 * `0`, and loses the annotation. `kubectl rollout undo` writes the template itself. Pure. Upstream: pkg/controller/deployment/rollback.go, whose words these are.
 */
import { deployments } from '#api/generated/resources.ts';
import type { Deployment, ReplicaSet } from '#api/generated/types.ts';
import { type Action, update } from '#client/apply-actions.ts';
import { isSameTemplate, POD_TEMPLATE_HASH_LABEL } from '../pod-template.ts';
import { inheritedFrom, ROLLBACK_TO, revisionOf, withoutInherited } from './deployment-annotations.ts';
import { allReplicaSets, type Rollout } from './rollout.ts';

/** The revision to go back to; undefined when none is asked for. */
export function rollbackTarget({ metadata }: Deployment): bigint | undefined {
  const text = metadata.annotations?.[ROLLBACK_TO];
  return text !== undefined && /^-?\d+$/.test(text) ? BigInt(text) : undefined;
}

export function rollBack(rollout: Rollout, asked: bigint): readonly Action[] {
  const { deployment } = rollout;
  const all = allReplicaSets(rollout);
  const revision = asked === 0n ? lastRevision(all) : asked;
  if (revision === 0n)
    return [tell(deployment, 'RevisionNotFound', 'Unable to find last revision.'), update(deployments, cleared(deployment))];
  const target = all.find((replicaSet) => revisionOf(replicaSet) === revision);
  if (target === undefined) {
    return [tell(deployment, 'RevisionNotFound', 'Unable to find the revision to rollback to.'), update(deployments, cleared(deployment))];
  }
  if (isSameTemplate(target.spec.template, deployment.spec.template)) {
    const message = `The rollback revision contains the same template as current deployment "${deployment.metadata.name}"`;
    return [tell(deployment, 'TemplateUnchanged', message), update(deployments, cleared(deployment))];
  }
  const message = `Rolled back deployment "${deployment.metadata.name}" to revision ${revision}`;
  return [
    {
      verb: 'update',
      type: deployments,
      object: restored(cleared(deployment), target),
      announce: { regarding: deployment, done: { reason: 'DeploymentRollback', message } },
    },
  ];
}

/** The second highest: that of before the present one. */
function lastRevision(replicaSets: readonly ReplicaSet[]): bigint {
  const [, last = 0n] = replicaSets.map(revisionOf).toSorted((left, right) => (left > right ? -1 : left < right ? 1 : 0));
  return last;
}

function cleared({ metadata, ...deployment }: Deployment): Deployment {
  const { [ROLLBACK_TO]: _asked, ...annotations } = metadata.annotations ?? {};
  return { ...deployment, metadata: { ...metadata, annotations } };
}

/** Template and annotations of then. */
function restored(deployment: Deployment, { metadata, spec }: ReplicaSet): Deployment {
  const { metadata: ofPods, ...pods } = spec.template ?? {};
  const { [POD_TEMPLATE_HASH_LABEL]: _hash, ...labels } = ofPods?.labels ?? {};
  const template = { ...pods, metadata: { ...ofPods, labels } };
  const annotations = { ...withoutInherited(deployment.metadata.annotations), ...inheritedFrom(metadata.annotations) };
  return { ...deployment, metadata: { ...deployment.metadata, annotations }, spec: { ...deployment.spec, template } };
}

function tell(deployment: Deployment, reason: string, message: string): Action {
  return { verb: 'event', regarding: deployment, type: 'Warning', reason: `DeploymentRollback${reason}`, message };
}
