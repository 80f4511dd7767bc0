import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PodAffinityTerm } from '#api/generated/types.ts';
import type { NodeInfo } from '../node-info.ts';
import { fits } from '../plugin.ts';
import type { PodInfo } from '../pod-info.ts';
import { aNodeInfo, aPodInfo, aSnapshot } from '../testing/builders.ts';
import { createInterPodAffinity } from './inter-pod-affinity.ts';

const plugin = createInterPodAffinity((namespace) => ({ team: namespace === 'default' ? 'ours' : 'theirs' }));

function reasonsOn(pod: PodInfo, nodes: readonly NodeInfo[]): readonly string[] {
  const cycle = plugin.prepare?.(pod, aSnapshot(nodes));
  return nodes.map((node) => {
    const verdict = cycle?.filter?.(node) ?? fits;
    return verdict.fits ? '' : verdict.reasons.join();
  });
}

const term = (app: string, topologyKey = 'zone'): PodAffinityTerm => ({ topologyKey, labelSelector: { matchLabels: { app } } });
const require = (kind: 'podAffinity' | 'podAntiAffinity', ...terms: readonly PodAffinityTerm[]) => ({
  affinity: { [kind]: { requiredDuringSchedulingIgnoredDuringExecution: terms } },
});
const prefer = (kind: 'podAffinity' | 'podAntiAffinity', podAffinityTerm: PodAffinityTerm) => ({
  affinity: { [kind]: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 10, podAffinityTerm }] } },
});

const db = { labels: { app: 'db' } };
const east = (pods: Parameters<typeof aNodeInfo>[1] = [], name = 'east-1') => aNodeInfo({ name, labels: { zone: 'east' } }, pods);
const west = (pods: Parameters<typeof aNodeInfo>[1] = []) => aNodeInfo({ name: 'west-1', labels: { zone: 'west' } }, pods);
const nowhere = aNodeInfo({ name: 'nowhere' });

test('a pod goes where those are that it must be with, in the same topology rather than on the same node', () => {
  const pod = aPodInfo(require('podAffinity', term('db')));
  const unmet = "node(s) didn't match pod affinity rules";
  assert.deepEqual(reasonsOn(pod, [east([db]), east([], 'east-2'), west(), nowhere]), ['', '', unmet, unmet]);
});

test('the first of a group that wants to be together may go anywhere with the label', () => {
  const pod = aPodInfo({ labels: { app: 'web' }, ...require('podAffinity', term('web')) });
  assert.deepEqual(reasonsOn(pod, [east(), nowhere]), ['', "node(s) didn't match pod affinity rules"]);
});

test('a pod keeps away from those it must not be with; a node without the label is no place to meet', () => {
  const pod = aPodInfo(require('podAntiAffinity', term('db')));
  assert.deepEqual(reasonsOn(pod, [east([db]), west(), nowhere]), ["node(s) didn't match pod anti-affinity rules", '', '']);
});

test('a running pod keeps newcomers away', () => {
  const hermit = { labels: { app: 'hermit' }, ...require('podAntiAffinity', term('web')) };
  const pod = aPodInfo({ labels: { app: 'web' } });
  assert.deepEqual(reasonsOn(pod, [east([hermit]), west()]), ["node(s) didn't satisfy existing pods anti-affinity rules", '']);
});

test('a pod that nothing speaks of is not filtered at all', () => {
  assert.equal(plugin.prepare?.(aPodInfo(), aSnapshot([east([db])]))?.filter, undefined);
  assert.equal(plugin.prepare?.(aPodInfo(), aSnapshot([east([db])]))?.prepareScore?.([]), undefined);
});

test('a namespace selector reaches pods of other namespaces, and only those', () => {
  const pod = aPodInfo(require('podAntiAffinity', { ...term('db'), namespaceSelector: { matchLabels: { team: 'theirs' } } }));
  assert.deepEqual(reasonsOn(pod, [east([db])]), ['']);
  const everywhere = aPodInfo(require('podAntiAffinity', { ...term('db'), namespaceSelector: {} }));
  assert.deepEqual(reasonsOn(everywhere, [east([db])]), ["node(s) didn't match pod anti-affinity rules"]);
});

test('wishes pull and push, from either side', () => {
  const scores = (pod: PodInfo, nodes: readonly NodeInfo[]) => {
    const scorer = plugin.prepare?.(pod, aSnapshot(nodes))?.prepareScore?.(nodes);
    return scorer?.normalise?.(nodes.map((node) => scorer.score(node)));
  };
  assert.deepEqual(scores(aPodInfo(prefer('podAffinity', term('db'))), [east([db]), west()]), [100, 0]);
  assert.deepEqual(scores(aPodInfo(prefer('podAntiAffinity', term('db'))), [east([db]), west()]), [0, 100]);
  const pusher = { labels: { app: 'pusher' }, ...prefer('podAntiAffinity', term('web')) };
  assert.deepEqual(scores(aPodInfo({ labels: { app: 'web' } }), [east([pusher]), west()]), [0, 100]);
});
