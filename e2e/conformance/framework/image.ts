/**
 * The image that pods of conformance tests run, named here and nowhere else. Upstream's tests use agnhost from a registry; ours run small
 * programs on Node.js and one-liners for a shell, which the hello image has: Debian with Node.js as its entry point, and a server that says when it listens
 * on port 8080. Point it at another one like it by KEELSON_CONFORMANCE_IMAGE.
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
