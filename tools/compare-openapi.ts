/**
 * Compares what Keelson says of its API with what upstream says: the v2 document, the v3 document of every group version, and, with a table of upstream's
 * resources, discovery. Prints the differences in groups; fails on any that `openapi-differences.ts` does not explain.
 *
 *     npm run compare-openapi -- path/to/upstream/swagger.json [path/to/api-resources.tsv]
 *
 * Only stable versions are compared. Upstream's files are not part of the repository.
 */
import { readFileSync } from 'node:fs';
import { createDiscovery } from '../apiserver/discovery/discovery.ts';
import { createOpenApi } from '../apiserver/openapi/openapi.ts';
import { createResourceRegistry } from '../apiserver/resource-registry.ts';
import { resourceDefinitions } from '../apiserver/resources/index.ts';
import { reviewDefinitions } from '../apiserver/review-definitions.ts';
import { explanations } from './openapi-differences.ts';
import { type DocumentFacts, factsOf, isRecord, recordAt } from './openapi-document.ts';

/** `/api/v1/…`, `/apis/apps/v1/…`: what is not alpha or beta, and the roots of groups. */
const STABLE_PATH = /^\S+ \/(api\/v1|apis\/[a-z0-9.]+\/v\d+)\/./;
const UNSTABLE_MODEL = /\.v\d+(alpha|beta)\d+\./;

/** Facts that are lists of words. */
const LISTS: ReadonlySet<string> = new Set(['consumes', 'parameters', 'produces', 'responses']);

/** How many differences of a group are shown; the count is always told. */
const SHOWN_MAX = 4_000;

/** Nothing is aggregated here. */
const NO_SERVERS: readonly [] = [];

const [upstreamPath, resourcesPath] = process.argv.slice(2);
if (upstreamPath === undefined) {
  process.stderr.write('usage: npm run compare-openapi -- path/to/upstream/swagger.json [path/to/api-resources.tsv]\n');
  process.exit(2);
}

const registry = createResourceRegistry([...resourceDefinitions, ...reviewDefinitions]);
const openApi = createOpenApi(registry, () => NO_SERVERS);
const upstream = stable(factsOf(readJson(upstreamPath)));
const groups: readonly (readonly [string, readonly string[]])[] = [
  ['v2', compare(factsOf(JSON.parse(Buffer.concat(openApi.v2('application/json').pieces).toString('utf8'))), upstream)],
  ['v3', compareV3(upstream)],
  ['discovery', resourcesPath === undefined ? [] : compareDiscovery(readFileSync(resourcesPath, 'utf8'))],
];
process.exit(report(groups) ? 0 : 1);

function readJson(path: string): unknown {
  return JSON.parse(readFileSync(path, 'utf8'));
}

function stable({ models, operations }: DocumentFacts): DocumentFacts {
  return {
    models: new Map([...models].filter(([name]) => !UNSTABLE_MODEL.test(name))),
    operations: new Map([...operations].filter(([name]) => STABLE_PATH.test(name))),
  };
}

function compare(ours: DocumentFacts, theirs: DocumentFacts): readonly string[] {
  return [...compareModels(ours, theirs, true), ...compareOperations(ours, theirs, true)];
}

function compareModels(ours: DocumentFacts, theirs: DocumentFacts, isWhole: boolean): readonly string[] {
  const names = new Set([...ours.models.keys(), ...(isWhole ? theirs.models.keys() : [])]);
  return [...names].sort().flatMap((name) => {
    const [own, other] = [ours.models.get(name), theirs.models.get(name)];
    if (own === undefined) return [`model ${name}: missing`];
    if (other === undefined) return [`model ${name}: only here`];
    return [
      ...compareRecords(own.whole, other.whole).map((text) => `model ${name}: ${text}`),
      ...compareRecords(own.fields, other.fields).map((text) => `model ${name}: field ${text}`),
    ];
  });
}

function compareOperations(ours: DocumentFacts, theirs: DocumentFacts, isWhole: boolean): readonly string[] {
  const names = new Set([...ours.operations.keys(), ...(isWhole ? theirs.operations.keys() : [])]);
  return [...names].sort().flatMap((name) => {
    const [own, other] = [ours.operations.get(name), theirs.operations.get(name)];
    if (own === undefined) return [`operation ${name}: missing`];
    if (other === undefined) return [`operation ${name}: only here`];
    return compareRecords(own, other).map((text) => `operation ${name}: ${text}`);
  });
}

function compareRecords(own: Readonly<Record<string, string>>, other: Readonly<Record<string, string>>): readonly string[] {
  const names = new Set([...Object.keys(own), ...Object.keys(other)]);
  return [...names].sort().flatMap((name) => {
    const [here, there] = [own[name] ?? '', other[name] ?? ''];
    if (here === there) return [];
    return LISTS.has(name) ? compareWords(name, here, there) : [`${name}: here ${here || 'nothing'}, there ${there || 'nothing'}`];
  });
}

/** Word by word, so that each can be explained by itself. */
function compareWords(name: string, here: string, there: string): readonly string[] {
  const [own, other] = [here.split(' '), there.split(' ')];
  return [
    ...other.filter((word) => word !== '' && !own.includes(word)).map((word) => `${name}: lacks ${word}`),
    ...own.filter((word) => word !== '' && !other.includes(word)).map((word) => `${name}: has ${word} besides`),
  ];
}

/** Each document by itself: together they must say what the one document of v2 says. */
function compareV3(theirs: DocumentFacts): readonly string[] {
  return Object.keys(recordAt(openApi.index(), 'paths')).flatMap((path) => {
    const ours = factsOf(openApi.v3(`/openapi/v3/${path}`));
    return [...compareModels(ours, theirs, false), ...compareOperations(ours, theirs, false)].map((text) => `${path}: ${text}`);
  });
}

/** Lines of `group version kind plural namespaced verbs subresources`. */
function compareDiscovery(table: string): readonly string[] {
  const theirs = new Map(
    table
      .split('\n')
      .slice(1)
      .map((line) => line.split('\t'))
      .filter(([, version = '']) => /^v\d+$/.test(version))
      .flatMap((columns) => describedRows(columns)),
  );
  const ours = new Map(registry.all().flatMap(({ type: { group, version } }) => [...discovered(group, version)]));
  return [...new Set([...ours.keys(), ...theirs.keys()])]
    .sort()
    .filter((name) => ours.get(name) !== theirs.get(name))
    .map((name) => `${name}: here ${ours.get(name) ?? 'missing'}, there ${theirs.get(name) ?? 'nothing'}`);
}

function describedRows([group = '', version = '', kind = '', plural = '', namespaced = '', verbs = '', parts = '']: readonly string[]) {
  const scope = namespaced === 'true' ? 'Namespaced' : 'Cluster';
  const where = `${group === 'core' ? '' : `${group}/`}${version} ${plural}`;
  const rows: (readonly [string, string])[] = [[where, `${kind} ${scope} ${verbs}`]];
  for (const [, name = '', gvk = '', partVerbs = ''] of parts.matchAll(/([a-z]+)\(([^)]*)\)\[([^\]]*)\]/g)) {
    rows.push([`${where}/${name}`, `${gvk.split('.').at(-1) ?? ''} ${scope} ${partVerbs}`]);
  }
  return rows;
}

function discovered(group: string, version: string): ReadonlyMap<string, string> {
  const path = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
  const found = createDiscovery({ resources: registry, known: () => NO_SERVERS, serverAddress: 'localhost' }).find(path, undefined);
  const { resources } = recordAt(found === undefined ? undefined : JSON.parse(found.body.toString()));
  const rows = (Array.isArray(resources) ? resources : []).filter(isRecord).map((resource) => {
    const verbs = Array.isArray(resource.verbs) ? resource.verbs.map(String).sort().join(',') : '';
    const scope = resource.namespaced === true ? 'Namespaced' : 'Cluster';
    return [`${group === '' ? '' : `${group}/`}${version} ${String(resource.name)}`, `${String(resource.kind)} ${scope} ${verbs}`] as const;
  });
  return new Map(rows);
}

/** Whether everything is explained. */
function report(all: readonly (readonly [string, readonly string[]])[]): boolean {
  let unexplained = 0;
  const used = new Map<string, number>();
  for (const [group, differences] of all) {
    const open = differences.filter((text) => {
      const explanation = explanations.find(({ pattern }) => pattern.test(text));
      if (explanation !== undefined) used.set(explanation.why, (used.get(explanation.why) ?? 0) + 1);
      return explanation === undefined;
    });
    unexplained += open.length;
    process.stdout.write(`${group}: ${differences.length} differences, ${open.length} of them unexplained\n`);
    for (const text of open.slice(0, SHOWN_MAX)) process.stdout.write(`  ${text}\n`);
  }
  process.stdout.write('explained:\n');
  for (const [why, count] of used) process.stdout.write(`  ${count} × ${why}\n`);
  return unexplained === 0;
}
