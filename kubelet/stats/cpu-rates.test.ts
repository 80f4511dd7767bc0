/** Rates of processor time, whoever asks how often. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseBaseline, createCpuRates } from './cpu-rates.ts';

const at = (seconds: number, cpuNanos = 0) => ({ atMs: seconds * 1000, cpuNanos });

const cases = [
  { it: 'the newest moment that is long enough ago', samples: [at(0), at(30), at(44), at(55)], now: 60, chosen: 44 },
  { it: 'the oldest moment where all are recent', samples: [at(50), at(55)], now: 60, chosen: 50 },
  { it: 'no moment that is too long ago', samples: [at(0)], now: 61, chosen: undefined },
  { it: 'no moment that is only just past', samples: [at(59.5)], now: 60, chosen: undefined },
];
for (const { it, samples, now, chosen } of cases) {
  test(`a rate is taken since ${it}`, () => {
    assert.equal(chooseBaseline(samples, now * 1000)?.atMs, chosen === undefined ? undefined : chosen * 1000);
  });
}

test('a thing that is young has a rate since its start', () => {
  const rates = createCpuRates();
  rates.note('c', at(10, 5e9), 0);
  assert.deepEqual(rates.find('c'), { nanoCores: 5e8, windowMs: 10_000 });
});

test('a thing nobody has asked about lately has none, until it is looked at twice', () => {
  const rates = createCpuRates();
  rates.note('c', at(1000, 50e9), 0);
  assert.equal(rates.find('c'), undefined);
  rates.note('c', at(1001, 50.25e9), 0);
  assert.deepEqual(rates.find('c'), { nanoCores: 25e7, windowMs: 1000 });
});

test('who asks every 15 s gets the rate over 15 s', () => {
  const rates = createCpuRates();
  for (const seconds of [1000, 1015, 1030]) rates.note('c', at(seconds, seconds * 1e8), 0);
  assert.deepEqual(rates.find('c'), { nanoCores: 1e8, windowMs: 15_000 });
});

test('what is gone is forgotten', () => {
  const rates = createCpuRates();
  rates.note('c', at(10, 5e9), 0);
  rates.keep(new Set(['d']));
  assert.equal(rates.find('c'), undefined);
});
