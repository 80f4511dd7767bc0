/** Figures are printed for people and for programs. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { median, renderJsonLine, renderTable } from './figure.ts';

const figure = {
  bench: 'pod-start',
  figure: 'POST to Running, median',
  value: 333.333,
  unit: 'ms',
  peer: { name: 'two bare containers', value: 300 },
};

test('a figure becomes one JSON object with its ratio', () => {
  assert.deepEqual(JSON.parse(renderJsonLine(figure)), {
    bench: 'pod-start',
    figure: 'POST to Running, median',
    value: 333,
    unit: 'ms',
    peer: 'two bare containers',
    peerValue: 300,
    ratio: 1.11,
  });
});

test('a figure without a peer has no ratio', () => {
  const { peer, ...alone } = figure;
  assert.equal('ratio' in JSON.parse(renderJsonLine(alone)), false);
});

test('a figure of which more is better has met its target when it is not below it', () => {
  const verdict = (value: number) =>
    JSON.parse(renderJsonLine({ bench: 'scheduler', figure: 'basic', value, unit: 'pods/s', target: { atLeast: 340, goal: 680 } })).target;
  assert.deepEqual([verdict(700), verdict(500), verdict(300)], ['goal', 'met', 'missed']);
});

test('the table lines its columns up', () => {
  const [header = '', row = ''] = renderTable([figure]).split('\n');
  assert.equal(header.indexOf('unit'), row.indexOf('ms'));
});

test('the median of an even count lies between the middle two', () => {
  assert.equal(median([4, 1, 3, 2]), 2.5);
  assert.equal(median([9, 1, 5]), 5);
});
