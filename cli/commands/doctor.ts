/** `keelson doctor`: what this machine has and lacks for a cluster, one line each with what to do. Gives whether nothing is in the way. */
import { type Finding, judgeMachine } from '../doctor/judge-machine.ts';
import { findMachineHealth } from '../doctor/machine-health.ts';
import type { Progress } from '../progress.ts';

const MARKS: Readonly<Record<Finding['level'], string>> = { ok: '✓', hint: '!', problem: '✗' };

export async function runDoctor(progress: Progress): Promise<boolean> {
  const findings = judgeMachine(await findMachineHealth());
  for (const finding of findings) progress.text(renderFinding(finding));
  return findings.every(({ level }) => level !== 'problem');
}

export function renderFinding({ level, matter, text, todo }: Finding): string {
  const line = `${MARKS[level]} ${matter.padEnd(16)}${text}`;
  return todo === undefined ? line : `${line}\n${''.padEnd(18)}→ ${todo}`;
}
