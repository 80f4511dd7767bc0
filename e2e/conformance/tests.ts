/** All conformance tests there are, by the file they are in. A new file is a line here. */
import type { ConformanceTest } from './framework/conformance-test.ts';
import { chunkingTests } from './sig-api-machinery/chunking.ts';
import { customResourceDefinitionTests } from './sig-api-machinery/custom-resource-definitions.ts';
import { discoveryTests } from './sig-api-machinery/discovery.ts';
import { fieldValidationTests } from './sig-api-machinery/field-validation.ts';
import { garbageCollectorTests } from './sig-api-machinery/garbage-collector.ts';
import { namespaceTests } from './sig-api-machinery/namespaces.ts';
import { publishOpenApiTests } from './sig-api-machinery/publish-openapi.ts';
import { watcherTests } from './sig-api-machinery/watchers.ts';
import { guestbookTests } from './sig-cli/guestbook.ts';
import { kubectlTests } from './sig-cli/kubectl.ts';
import { replicationControllerTests } from './sig-cli/replication-controllers.ts';

export const conformanceTests: readonly ConformanceTest[] = [
  ...chunkingTests,
  ...customResourceDefinitionTests,
  ...discoveryTests,
  ...fieldValidationTests,
  ...garbageCollectorTests,
  ...namespaceTests,
  ...publishOpenApiTests,
  ...watcherTests,
  ...guestbookTests,
  ...kubectlTests,
  ...replicationControllerTests,
];
