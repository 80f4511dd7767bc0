/**
 * The image that pods of conformance tests run, named here and nowhere else. Upstream's tests use agnhost from a registry; ours run small
 * programs on Node.js, which the hello image has. Point it at any image with Node.js 24 or newer by KEELSON_CONFORMANCE_IMAGE.
 */
export const WORKLOAD_IMAGE = process.env.KEELSON_CONFORMANCE_IMAGE ?? 'keelson/hello:v1';

/** A second one, for tests that change a pod's image. */
export const OTHER_IMAGE = process.env.KEELSON_CONFORMANCE_OTHER_IMAGE ?? 'keelson/hello:v2';

/** Runs until it is told to stop, and then stops at once. */
export const IDLE_COMMAND: readonly string[] = [
  'node',
  '-e',
  'process.once("SIGTERM", () => process.exit(0)); setInterval(() => {}, 3600_000)',
];
