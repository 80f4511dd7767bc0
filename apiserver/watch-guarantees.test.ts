/** The guarantees of a watch, on the storage in memory. */
import { createMemoryStorage } from './storage/memory-storage.ts';
import { describeWatchGuarantees } from './testing/watch-guarantees.ts';

describeWatchGuarantees('memory', [1], async () => createMemoryStorage());
