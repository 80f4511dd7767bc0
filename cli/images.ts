/**
 * Knows which images are ours and whether they are current: each carries a label with the hash of what it was made from, so a start that
 * finds them current asks the builder nothing, which also means that it needs no network.
 */
import { createHash } from 'node:crypto';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildServices } from './compose.ts';
import { run } from './process.ts';
import type { Say } from './progress.ts';
import { projectRoot } from './project.ts';

const HASH_LABEL = 'keelson.dev/source';

interface OwnImage {
  readonly reference: string;
  /** The compose service that builds it. */
  readonly service: string;
  /** What docker-compose.yml calls its hash. */
  readonly variable: string;
  /** Its sources; those of keelson/keelson:dev must be what .dockerignore lets through. */
  readonly sources: readonly string[];
}

const COMPONENT_FOLDERS = 'api,component,client,apiserver,scheduler,controller-manager,kubelet,kube-proxy,dns,metrics,bootstrap';

const ownImages: readonly OwnImage[] = [
  {
    reference: 'keelson/keelson:dev',
    service: 'bootstrap',
    variable: 'KEELSON_SOURCE_HASH',
    sources: ['package.json', 'package-lock.json', '.dockerignore', 'images/keelson/*', `{${COMPONENT_FOLDERS}}/**/*`],
  },
  { reference: 'keelson/etcd:dev', service: 'etcd', variable: 'KEELSON_ETCD_HASH', sources: ['images/etcd/*'] },
  { reference: 'keelson/hello:v1', service: 'hello-v1', variable: 'KEELSON_HELLO_HASH', sources: ['images/hello/*'] },
  { reference: 'keelson/hello:v2', service: 'hello-v2', variable: 'KEELSON_HELLO_HASH', sources: ['images/hello/*'] },
];

/** Builds what is missing or older than its sources and says what that was. */
export async function applyImages(say: Say): Promise<string> {
  const hashes = new Map(ownImages.map((image) => [image.variable, hashSources(image.sources)]));
  const labels = await findHashLabels();
  const stale = ownImages.filter((image) => labels.get(image.reference) !== hashes.get(image.variable));
  if (stale.length === 0) return 'current';
  const names = stale.map((image) => image.reference.replace(/^keelson\//, '')).join(', ');
  say(`building ${names}`);
  await buildServices(
    stale.map((image) => image.service),
    Object.fromEntries(hashes),
  );
  // What the new ones replaced, where no container uses it any more.
  await run('docker', ['image', 'prune', '--force', '--filter', `label=${HASH_LABEL}`]);
  return `built ${names}`;
}

/** The hash each image was built with; an image that is not there is not in the map. */
async function findHashLabels(): Promise<ReadonlyMap<string, string>> {
  const format = `{{index .RepoTags 0}} {{index .Config.Labels "${HASH_LABEL}"}}`;
  const entries = await Promise.all(
    ownImages.map(async ({ reference }) => {
      const answer = await run('docker', ['image', 'inspect', '--format', format, reference]);
      return [reference, answer.stdout.trim().split(' ')[1]] as const;
    }),
  );
  return new Map(entries.flatMap(([reference, hash]) => (hash === undefined ? [] : [[reference, hash] as const])));
}

function hashSources(patterns: readonly string[]): string {
  const files = globSync([...patterns], { cwd: projectRoot, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter(isInImage)
    .sort();
  const hash = createHash('sha256');
  for (const file of files)
    hash
      .update(`${file.slice(projectRoot.length)}\0`)
      .update(readFileSync(file))
      .update('\0');
  return hash.digest('hex').slice(0, 16);
}

/** The exclusions of .dockerignore. */
function isInImage(file: string): boolean {
  return !file.endsWith('.test.ts') && !/\/(testing|testdata)\//.test(file);
}
