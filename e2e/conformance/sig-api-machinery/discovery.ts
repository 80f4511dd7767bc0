/** Discovery, plain and aggregated, the server's version, and a table that cannot be had. */
import assert from 'node:assert/strict';
import type { Json } from '../../cluster.ts';
import type { ConformanceTest, TestScope } from '../framework/conformance-test.ts';
import { aDefinition, define } from '../framework/definition.ts';
import { eventually } from '../framework/expect.ts';
import { coreResource, type GroupVersionResource, groupedResources } from './builtin-resources.ts';

const AGGREGATED = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';
/** What client-go's discovery client asks for: aggregated in its newest form, else as it always was. */
const CLIENT_ACCEPT = `${AGGREGATED},application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json`;
/** Groups of tests that run beside this one come and go. */
const TEST_GROUP = /\.example\.com$/;

async function preferredVersionIsServed(t: TestScope): Promise<void> {
  const { groups } = await t.cluster.request({ path: '/apis/' });
  assert.notEqual(groups.length, 0);
  for (const { name } of groups.filter((group: Json) => !TEST_GROUP.test(group.name))) {
    const group = await t.cluster.request({ path: `/apis/${name}/` });
    const versions = group.versions.map(({ groupVersion }: Json) => groupVersion);
    assert.ok(versions.includes(group.preferredVersion.groupVersion), `${name}: ${JSON.stringify(group)}`);
  }
}

async function locatesResources(t: TestScope): Promise<void> {
  for (const { group, version, resource } of [coreResource, ...groupedResources]) {
    const path = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
    const list = await t.cluster.request({ path });
    assert.equal(list.kind, 'APIResourceList');
    assert.equal(list.groupVersion, group === '' ? version : `${group}/${version}`);
    assert.ok(
      list.resources.some(({ name }: Json) => name === resource),
      `${path} has ${resource}`,
    );
  }
}

function isIn(groups: readonly Json[], { group, version, resource }: GroupVersionResource): boolean {
  const versions = groups.filter(({ metadata }) => (metadata.name ?? '') === group).flatMap((found) => found.versions);
  return versions.some((found: Json) => found.version === version && found.resources.some((listed: Json) => listed.resource === resource));
}

async function aggregatedGroups(t: TestScope, path: string, accept: string): Promise<readonly Json[]> {
  const { statusCode, headers, text } = await t.cluster.send({ path, accept });
  assert.equal(statusCode, 200, text);
  assert.match(String(headers['content-type']), /as="?APIGroupDiscoveryList/);
  const list: Json = JSON.parse(text);
  assert.equal(list.kind, 'APIGroupDiscoveryList');
  assert.equal(list.apiVersion, 'apidiscovery.k8s.io/v2');
  return list.items;
}

const aggregates = (accept: string) => async (t: TestScope) => {
  const groups = await aggregatedGroups(t, '/apis', accept);
  for (const expected of groupedResources) assert.ok(isIn(groups, expected), `/apis has ${JSON.stringify(expected)}`);
  const core = await aggregatedGroups(t, '/api', accept);
  assert.ok(isIn(core, coreResource), '/api has namespaces');
};

const aggregatesDefinitions = (accept: string) => async (t: TestScope) => {
  const { group, plural } = await define(t, aDefinition(t));
  const expected = { group, version: 'v1', resource: plural };
  await eventually('the resource is in aggregated discovery', async () => isIn(await aggregatedGroups(t, '/apis', accept), expected));
};

async function findsServerVersion(t: TestScope): Promise<void> {
  const version = await t.cluster.request({ path: '/version' });
  // Some distributions add a plus sign for what they changed; both parts are a number in front of it.
  assert.match(version.major, /^\d+$/);
  assert.match(version.minor, /^\d+\+?$/);
}

async function refusesTableOfReview(t: TestScope): Promise<void> {
  const review = {
    kind: 'SelfSubjectAccessReview',
    apiVersion: 'authorization.k8s.io/v1',
    spec: { nonResourceAttributes: { path: '/', verb: 'get' } },
  };
  const { statusCode } = await t.cluster.send({
    method: 'POST',
    path: '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
    body: review,
    accept: 'application/json;as=Table;v=v1;g=meta.k8s.io',
  });
  assert.equal(statusCode, 406);
}

export const discoveryTests: readonly ConformanceTest[] = [
  {
    name: '[sig-api-machinery] Discovery should validate PreferredVersion for each APIGroup [Conformance]',
    run: preferredVersionIsServed,
  },
  {
    name: '[sig-api-machinery] Discovery should locate the groupVersion and a resource within each APIGroup [Conformance]',
    run: locatesResources,
  },
  {
    name: '[sig-api-machinery] AggregatedDiscovery should support raw aggregated discovery endpoint Accept headers [Conformance]',
    run: aggregates(AGGREGATED),
  },
  {
    name: '[sig-api-machinery] AggregatedDiscovery should support raw aggregated discovery request for CRDs [Conformance]',
    run: aggregatesDefinitions(AGGREGATED),
  },
  {
    name: '[sig-api-machinery] AggregatedDiscovery should support aggregated discovery interface [Conformance]',
    run: aggregates(CLIENT_ACCEPT),
  },
  {
    name: '[sig-api-machinery] AggregatedDiscovery should support aggregated discovery interface for CRDs [Conformance]',
    run: aggregatesDefinitions(CLIENT_ACCEPT),
  },
  { name: '[sig-api-machinery] server version should find the server version [Conformance]', run: findsServerVersion },
  {
    name: '[sig-api-machinery] Servers with support for Table transformation should return a 406 for a backend which does not implement metadata [Conformance]',
    run: refusesTableOfReview,
  },
];
