/** What the user reads, in 80 columns, on a terminal and in a log. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createFakeClock } from '#component/testing/fake-clock.ts';
import { createProgress, formatDuration, renderStep } from './progress.ts';

function aTerminal(isTTY: boolean) {
  let text = '';
  return { isTTY, write: (more: string) => (text += more), text: () => text };
}

test('a step is one line with its duration at the right edge', () => {
  const line = renderStep('✓', 'nodes', 'all Ready', 1_234);
  assert.match(line, /^✓ nodes {11}all Ready {2,}1\.2 s$/);
  assert.equal(line.length, 79);
});

test('a detail that does not fit is cut', () => {
  const line = renderStep('✓', 'nodes', 'x'.repeat(200), 100);
  assert.equal(line.length, 79);
  assert.match(line, /x… 0\.1 s$/);
});

test('in a log a long step says so, and nothing is coloured', async () => {
  const terminal = aTerminal(false);
  await createProgress(terminal, createFakeClock()).step('images', async (say) => {
    say('building');
    return 'built';
  });
  assert.match(terminal.text(), /^… images {10}building\n✓ images {10}built +0\.0 s\n$/);
});

test('on a terminal the outcome replaces what was said', async () => {
  const terminal = aTerminal(true);
  await createProgress(terminal, createFakeClock()).step('images', async () => 'built');
  assert.ok(terminal.text().includes('\r\u001b[K'));
  assert.ok(terminal.text().endsWith('0.0 s\n'));
});

test('a failed step is shown as failed and the failure goes on', async () => {
  const terminal = aTerminal(false);
  const step = createProgress(terminal, createFakeClock()).step('images', () => Promise.reject(new Error('no disk')));
  await assert.rejects(step, /no disk/);
  assert.match(terminal.text(), /^✗ images {10}failed/);
});

for (const [durationMs, text] of [
  [90, '0.1 s'],
  [59_900, '59.9 s'],
  [125_000, '2 min 05 s'],
] as const) {
  test(`${durationMs} ms reads ${text}`, () => assert.equal(formatDuration(durationMs), text));
}
