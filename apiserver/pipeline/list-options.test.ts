import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isReason } from '#api/meta/status.ts';
import { parseListOptions, parseWatchOptions } from './list-options.ts';

const lists = [
  { query: '', state: 'newest' },
  { query: 'resourceVersion=0', state: 'any' },
  { query: 'resourceVersion=7', state: 'atLeast' },
  { query: 'resourceVersion=7&limit=5', state: 'exactly' },
  { query: 'resourceVersion=7&limit=5&resourceVersionMatch=NotOlderThan', state: 'atLeast' },
  { query: 'resourceVersion=7&resourceVersionMatch=Exact', state: 'exactly' },
];
for (const { query, state } of lists) {
  test(`a list with "${query}" is of the state: ${state}`, () =>
    assert.equal(parseListOptions(new URLSearchParams(query)).at.state, state));
}

const refusedLists = [
  'resourceVersionMatch=Exact',
  'resourceVersion=0&resourceVersionMatch=Exact',
  'resourceVersion=7&resourceVersionMatch=Sometimes',
  'continue=x&resourceVersion=7',
  'continue=x&resourceVersionMatch=Exact&resourceVersion=7',
  'sendInitialEvents=true',
  'resourceVersion=-1',
  'limit=many',
];
for (const query of refusedLists) {
  test(`a list with "${query}" is refused`, () => {
    assert.throws(
      () => parseListOptions(new URLSearchParams(query)),
      (error) => isReason(error, 'BadRequest', 'Invalid'),
    );
  });
}

const refusedWatches = [
  'sendInitialEvents=true',
  'sendInitialEvents=true&resourceVersionMatch=Exact',
  'resourceVersionMatch=NotOlderThan&resourceVersion=1',
];
for (const query of refusedWatches) {
  test(`a watch with "${query}" is refused`, () => {
    assert.throws(
      () => parseWatchOptions(new URLSearchParams(query)),
      (error) => isReason(error, 'Invalid'),
    );
  });
}
