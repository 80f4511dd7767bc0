/** All conformance tests there are, by the file they are in. A new file is a line here. */
import type { ConformanceTest } from './framework/conformance-test.ts';
import { admissionPolicyTests } from './sig-api-machinery/admission-policies.ts';
import { aggregatorTests } from './sig-api-machinery/aggregator.ts';
import { chunkingTests } from './sig-api-machinery/chunking.ts';
import { conversionTests } from './sig-api-machinery/conversion.ts';
import { customResourceDefinitionTests } from './sig-api-machinery/custom-resource-definitions.ts';
import { discoveryTests } from './sig-api-machinery/discovery.ts';
import { fieldValidationTests } from './sig-api-machinery/field-validation.ts';
import { flowControlTests } from './sig-api-machinery/flow-control.ts';
import { garbageCollectorTests } from './sig-api-machinery/garbage-collector.ts';
import { namespaceTests } from './sig-api-machinery/namespaces.ts';
import { publishOpenApiTests } from './sig-api-machinery/publish-openapi.ts';
import { resourceQuotaTests } from './sig-api-machinery/resource-quotas.ts';
import { storageVersionMigrationTests } from './sig-api-machinery/storage-version-migrations.ts';
import { watcherTests } from './sig-api-machinery/watchers.ts';
import { webhookConfigurationTests } from './sig-api-machinery/webhook-configurations.ts';
import { webhookTests } from './sig-api-machinery/webhooks.ts';
import { cronJobTests } from './sig-apps/cron-jobs.ts';
import { daemonSetTests } from './sig-apps/daemon-sets.ts';
import { deploymentTests } from './sig-apps/deployments.ts';
import { disruptionTests } from './sig-apps/disruption.ts';
import { jobTests } from './sig-apps/jobs.ts';
import { replicaSetTests } from './sig-apps/replica-sets.ts';
import { statefulSetTests } from './sig-apps/stateful-sets.ts';
import { nodeCountTests } from './sig-architecture/nodes.ts';
import { certificateTests } from './sig-auth/certificates.ts';
import { reviewTests } from './sig-auth/reviews.ts';
import { serviceAccountTests } from './sig-auth/service-accounts.ts';
import { guestbookTests } from './sig-cli/guestbook.ts';
import { kubectlTests } from './sig-cli/kubectl.ts';
import { replicationControllerTests } from './sig-cli/replication-controllers.ts';
import { eventTests } from './sig-instrumentation/events.ts';
import { dnsTests } from './sig-network/dns.ts';
import { endpointTests } from './sig-network/endpoints.ts';
import { networkObjectTests } from './sig-network/objects.ts';
import { podTrafficTests } from './sig-network/pod-traffic.ts';
import { proxyTests } from './sig-network/proxy.ts';
import { serviceTests } from './sig-network/services.ts';
import { configurationTests } from './sig-node/configuration.ts';
import { containerTests } from './sig-node/containers.ts';
import { downwardApiTests } from './sig-node/downward-api.ts';
import { dynamicResourceTests } from './sig-node/dynamic-resources.ts';
import { ephemeralContainerTests } from './sig-node/ephemeral-containers.ts';
import { etcHostsTests } from './sig-node/etc-hosts.ts';
import { initContainerTests } from './sig-node/init-containers.ts';
import { lifecycleHookTests } from './sig-node/lifecycle-hooks.ts';
import { nodeObjectTests } from './sig-node/node-objects.ts';
import { podResizeTests } from './sig-node/pod-resize.ts';
import { podTemplateTests } from './sig-node/pod-templates.ts';
import { podTests } from './sig-node/pods.ts';
import { probeTests } from './sig-node/probes.ts';
import { securityTests } from './sig-node/security.ts';
import { taintTests } from './sig-node/taints.ts';
import { variableExpansionTests } from './sig-node/variable-expansion.ts';
import { limitRangeTests } from './sig-scheduling/limit-ranges.ts';
import { predicateTests } from './sig-scheduling/predicates.ts';
import { preemptionTests } from './sig-scheduling/preemption.ts';
import { priorityClassTests } from './sig-scheduling/priority-classes.ts';
import { configVolumeTests } from './sig-storage/config-volumes.ts';
import { downwardVolumeTests } from './sig-storage/downward-volumes.ts';
import { emptyDirTests } from './sig-storage/empty-dirs.ts';
import { storageObjectTests } from './sig-storage/objects.ts';
import { subpathTests } from './sig-storage/subpaths.ts';

export const conformanceTests: readonly ConformanceTest[] = [
  ...admissionPolicyTests,
  ...aggregatorTests,
  ...chunkingTests,
  ...conversionTests,
  ...flowControlTests,
  ...resourceQuotaTests,
  ...webhookConfigurationTests,
  ...webhookTests,
  ...customResourceDefinitionTests,
  ...discoveryTests,
  ...fieldValidationTests,
  ...garbageCollectorTests,
  ...namespaceTests,
  ...publishOpenApiTests,
  ...storageVersionMigrationTests,
  ...watcherTests,
  ...cronJobTests,
  ...daemonSetTests,
  ...deploymentTests,
  ...disruptionTests,
  ...jobTests,
  ...replicaSetTests,
  ...statefulSetTests,
  ...nodeCountTests,
  ...certificateTests,
  ...reviewTests,
  ...serviceAccountTests,
  ...guestbookTests,
  ...kubectlTests,
  ...replicationControllerTests,
  ...configurationTests,
  ...containerTests,
  ...downwardApiTests,
  ...initContainerTests,
  ...probeTests,
  ...variableExpansionTests,
  ...dynamicResourceTests,
  ...ephemeralContainerTests,
  ...etcHostsTests,
  ...lifecycleHookTests,
  ...nodeObjectTests,
  ...podTemplateTests,
  ...podTests,
  ...securityTests,
  ...taintTests,
  ...configVolumeTests,
  ...downwardVolumeTests,
  ...emptyDirTests,
  ...storageObjectTests,
  ...subpathTests,
  ...eventTests,
  ...limitRangeTests,
  ...predicateTests,
  ...preemptionTests,
  ...priorityClassTests,
  ...endpointTests,
  ...networkObjectTests,
  ...serviceTests,
  ...dnsTests,
  ...podTrafficTests,
  ...proxyTests,
  ...podResizeTests,
];
