/** The list of controllers: what runs in a controller manager, and under which name each one writes events. A new one is a file and a line. */
import { type ControllerDeps, runController } from '#client/controller.ts';
import { certificateApprovingController } from './certificate-approving.ts';
import { certificateCleaningController } from './certificate-cleaning.ts';
import type { SigningAuthority } from './certificate-requests/certificate-request.ts';
import { certificateSigningController } from './certificate-signing.ts';
import { claimBinder } from './claim-binder.ts';
import { claimExpansionController } from './claim-expansion.ts';
import { ephemeralVolumeController } from './claim-of-ephemeral-volume.ts';
import { clusterRoleAggregationController } from './cluster-role-aggregation.ts';
import { cronJobController } from './cron-job.ts';
import { daemonSetController } from './daemon-set.ts';
import { deploymentController } from './deployment.ts';
import { disruptionController } from './disruption.ts';
import { endpointSliceController } from './endpoint-slice.ts';
import { endpointSliceMirroringController } from './endpoint-slice-mirroring.ts';
import { endpointsController } from './endpoints.ts';
import { garbageCollector } from './garbage-collector.ts';
import { horizontalPodAutoscalerController } from './horizontal-pod-autoscaler.ts';
import { jobController } from './job.ts';
import { jobTrackingController } from './job-tracking.ts';
import { namespaceController } from './namespace.ts';
import { nodeIpamController } from './node-ipam.ts';
import { nodeLifecycleController } from './node-lifecycle.ts';
import { attachmentController } from './persistent-volume-attachment.ts';
import { podGarbageController } from './pod-garbage-collector.ts';
import { replicaSetController } from './replica-set.ts';
import { replicationControllerController } from './replication-controller.ts';
import { resourceClaimController } from './resource-claim.ts';
import { podResourceClaimController } from './resource-claim-of-pod.ts';
import { resourceQuotaController } from './resource-quota.ts';
import { rootCaPublisher } from './root-ca-publisher.ts';
import { serviceAccountController } from './service-account.ts';
import { serviceAccountTokenController } from './service-account-token.ts';
import type { SharedCaches } from './shared-caches.ts';
import { staleDisruptionController } from './stale-disruption.ts';
import { statefulSetController } from './stateful-set.ts';
import { claimProtectionController, volumeProtectionController } from './storage-protection.ts';
import { storageVersionMigrationController } from './storage-version-migration.ts';
import { taintEvictionController } from './taint-eviction.ts';
import { ttlAfterFinishedController } from './ttl-after-finished.ts';
import { validatingPolicyStatusController } from './validating-admission-policy.ts';
import { volumeBinder } from './volume-binder.ts';

export interface ControllersConfig {
  /** What the nodes' pod ranges are taken from: `10.244.0.0/16`. */
  readonly clusterCidr: string;
  /** PEM of the authority by which programs in pods know the API server. */
  readonly rootCa: string;
  /** What signs certificate requests; absent: they wait. */
  readonly signingAuthority?: SigningAuthority;
  /** PEM of what signs service account tokens in Secrets; absent: such Secrets stay empty. */
  readonly serviceAccountKey?: string;
}

export interface ControllerEntry {
  /** The `source.component` of its events, as upstream calls it. */
  readonly component: string;
  run(deps: ControllerDeps, signal: AbortSignal): Promise<void>;
}

export function listControllers(caches: SharedCaches, config: ControllersConfig): readonly ControllerEntry[] {
  const { clusterCidr, rootCa } = config;
  const collector = garbageCollector({ caches: caches.all, client: caches.client });
  return [
    { component: 'deployment-controller', run: (deps, signal) => runController(deploymentController(caches), deps, signal) },
    { component: 'replicaset-controller', run: (deps, signal) => runController(replicaSetController(caches), deps, signal) },
    { component: 'replication-controller', run: (deps, signal) => runController(replicationControllerController(caches), deps, signal) },
    { component: 'statefulset-controller', run: (deps, signal) => runController(statefulSetController(caches), deps, signal) },
    { component: 'daemonset-controller', run: (deps, signal) => runController(daemonSetController(caches), deps, signal) },
    { component: 'job-controller', run: (deps, signal) => runController(jobController(caches), deps, signal) },
    { component: 'job-controller', run: (deps, signal) => runController(jobTrackingController(caches), deps, signal) },
    { component: 'cronjob-controller', run: (deps, signal) => runController(cronJobController(caches), deps, signal) },
    { component: 'ttl-after-finished-controller', run: (deps, signal) => runController(ttlAfterFinishedController(caches), deps, signal) },
    { component: 'controllermanager', run: (deps, signal) => runController(disruptionController(caches), deps, signal) },
    {
      component: 'horizontal-pod-autoscaler',
      run: (deps, signal) => runController(horizontalPodAutoscalerController(caches), deps, signal),
    },
    { component: 'controllermanager', run: (deps, signal) => runController(staleDisruptionController(caches), deps, signal) },
    { component: 'endpoint-slice-controller', run: (deps, signal) => runController(endpointSliceController(caches), deps, signal) },
    {
      component: 'endpoint-slice-mirroring-controller',
      run: (deps, signal) => runController(endpointSliceMirroringController(caches), deps, signal),
    },
    { component: 'endpoint-controller', run: (deps, signal) => runController(endpointsController(caches), deps, signal) },
    { component: 'resource_claim', run: (deps, signal) => runController(podResourceClaimController(caches), deps, signal) },
    { component: 'resource_claim', run: (deps, signal) => runController(resourceClaimController(caches), deps, signal) },
    { component: 'resourcequota-controller', run: (deps, signal) => runController(resourceQuotaController(caches), deps, signal) },
    { component: 'persistentvolume-controller', run: (deps, signal) => runController(claimBinder(caches), deps, signal) },
    { component: 'persistentvolume-controller', run: (deps, signal) => runController(volumeBinder(caches), deps, signal) },
    { component: 'attachdetach-controller', run: (deps, signal) => runController(attachmentController(caches), deps, signal) },
    { component: 'volume_expand', run: (deps, signal) => runController(claimExpansionController(caches), deps, signal) },
    { component: 'ephemeral_volume', run: (deps, signal) => runController(ephemeralVolumeController(caches), deps, signal) },
    { component: 'pvc-protection-controller', run: (deps, signal) => runController(claimProtectionController(caches), deps, signal) },
    { component: 'pv-protection-controller', run: (deps, signal) => runController(volumeProtectionController(caches), deps, signal) },
    { component: 'namespace-controller', run: (deps, signal) => runController(namespaceController(caches), deps, signal) },
    { component: 'serviceaccount-controller', run: (deps, signal) => runController(serviceAccountController(caches), deps, signal) },
    { component: 'root-ca-cert-publisher', run: (deps, signal) => runController(rootCaPublisher(caches, rootCa), deps, signal) },
    {
      component: 'clusterrole-aggregation-controller',
      run: (deps, signal) => runController(clusterRoleAggregationController(caches), deps, signal),
    },
    { component: 'csrapproving', run: (deps, signal) => runController(certificateApprovingController(caches), deps, signal) },
    { component: 'csrcleaner', run: (deps, signal) => runController(certificateCleaningController(caches), deps, signal) },
    ...signers(caches, config),
    { component: 'cidrAllocator', run: (deps, signal) => runController(nodeIpamController(caches, clusterCidr), deps, signal) },
    { component: 'node-controller', run: (deps, signal) => runController(nodeLifecycleController(caches), deps, signal) },
    { component: 'taint-eviction-controller', run: (deps, signal) => runController(taintEvictionController(caches), deps, signal) },
    { component: 'pod-garbage-collector', run: (deps, signal) => runController(podGarbageController(caches), deps, signal) },
    {
      component: 'validatingadmissionpolicy-status-controller',
      run: (deps, signal) => runController(validatingPolicyStatusController(caches), deps, signal),
    },
    {
      component: 'storage-version-migrator-controller',
      run: (deps, signal) => runController(storageVersionMigrationController(caches), deps, signal),
    },
    { component: 'garbage-collector-controller', run: (deps, signal) => runController(collector, deps, signal) },
  ];
}

/** Those that need a key which was not handed over are not there. */
function signers(caches: SharedCaches, { rootCa, signingAuthority, serviceAccountKey }: ControllersConfig): readonly ControllerEntry[] {
  const entries: ControllerEntry[] = [];
  if (signingAuthority !== undefined) {
    const definition = certificateSigningController(caches, signingAuthority);
    entries.push({ component: 'csrsigning', run: (deps, signal) => runController(definition, deps, signal) });
  }
  if (serviceAccountKey !== undefined) {
    const definition = serviceAccountTokenController(caches, { rootCa, serviceAccountKey });
    entries.push({ component: 'serviceaccount-token-controller', run: (deps, signal) => runController(definition, deps, signal) });
  }
  return entries;
}
