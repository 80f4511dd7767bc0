/** What doctor says of a machine. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renderFinding } from '../commands/doctor.ts';
import { judgeMachine, type MachineHealth } from './judge-machine.ts';

const NOW_MS = Date.UTC(2026, 5, 1);
const DAY_MS = 24 * 60 * 60 * 1000;

function aHealthyMachine(changes: Partial<MachineHealth> = {}): MachineHealth {
  return {
    nowMs: NOW_MS,
    engine: 'running',
    engineVersion: '28.5.0',
    composeVersion: '2.40.0',
    setup: { actions: [], missing: [] },
    engineTimeMs: NOW_MS,
    memoryBytes: 8 * 2 ** 30,
    diskBytesFree: 50 * 2 ** 30,
    inotifyInstances: 1024,
    isClusterRunning: false,
    podContainers: 0,
    portHolder: undefined,
    certificateEndMs: undefined,
    ...changes,
  };
}

test('a healthy machine has nothing but good findings', () => {
  assert.deepEqual([...new Set(judgeMachine(aHealthyMachine()).map(({ level }) => level))], ['ok']);
});

const cases: readonly { it: string; changes: Partial<MachineHealth>; level: string; line: RegExp }[] = [
  { it: 'no engine', changes: { engine: 'absent' }, level: 'problem', line: /Docker engine +is not installed\n.*keelson setup/ },
  { it: 'an old compose', changes: { composeVersion: '2.6.0' }, level: 'problem', line: /2\.6\.0 is older than 2\.20/ },
  { it: 'a taken port', changes: { portHolder: 'the container kind' }, level: 'problem', line: /taken by the container kind/ },
  { it: 'a full disk', changes: { diskBytesFree: 2 ** 30 }, level: 'problem', line: /1\.0 GiB free/ },
  { it: 'little memory', changes: { memoryBytes: 2 ** 30 }, level: 'problem', line: /1\.0 GiB for the engine/ },
  { it: 'a clock that slept', changes: { engineTimeMs: NOW_MS - 3_600_000 }, level: 'problem', line: /off by 60 min 00 s/ },
  { it: 'few inotify instances', changes: { inotifyInstances: 128 }, level: 'hint', line: /128 instances/ },
  { it: 'pods without a cluster', changes: { podContainers: 3 }, level: 'hint', line: /3 containers.*\n.*keelson down/ },
  { it: 'certificates about to end', changes: { certificateEndMs: NOW_MS + 5 * DAY_MS }, level: 'hint', line: /end in 5 days/ },
  {
    it: 'certificates that have ended',
    changes: { certificateEndMs: NOW_MS - DAY_MS },
    level: 'problem',
    line: /have ended\n.*--keep-data/,
  },
];

for (const { it, changes, level, line } of cases) {
  test(`doctor names ${it} as a ${level} with what to do`, () => {
    const findings = judgeMachine(aHealthyMachine(changes)).filter((finding) => finding.level !== 'ok');
    assert.deepEqual(
      findings.map((finding) => finding.level),
      [level],
    );
    assert.match(findings.map(renderFinding).join('\n'), line);
  });
}
