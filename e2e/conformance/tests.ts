/** All conformance tests there are, by the file they are in. A new file is a line here. */
import type { ConformanceTest } from './framework/conformance-test.ts';
import { watcherTests } from './sig-api-machinery/watchers.ts';

export const conformanceTests: readonly ConformanceTest[] = [...watcherTests];
