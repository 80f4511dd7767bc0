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
import { limitRangeTests } from './sig-scheduling/limit-ranges.ts';
import { predicateTests } from './sig-scheduling/predicates.ts';
import { priorityClassTests } from './sig-scheduling/priority-classes.ts';

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
  ...eventTests,
  ...limitRangeTests,
  ...predicateTests,
  ...priorityClassTests,
];
