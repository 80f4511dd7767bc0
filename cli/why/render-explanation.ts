/** The scheduler's explanation as lines: the sentence of the pod's event, then a line per node and plugin. Pure. */
import type { Explanation, NodeVerdict } from '../../scheduler/explain-pod.ts';

/** `wasTried`: the scheduler has looked at the pod at least once. */
export function renderExplanation(pod: string, explanation: Explanation, wasTried: boolean): readonly string[] {
  switch (explanation.kind) {
    case 'foreign':
      return [
        `${pod} has no node: it waits for a scheduler called ${explanation.schedulerName}, and no profile of Keelson's has that name.`,
        `Start one, or create the pod without spec.schedulerName.`,
      ];
    case 'held-back':
      return [`${pod} has no node: ${explanation.reasons.join('; ')}.`, 'It is tried once all of its spec.schedulingGates are removed.'];
    case 'judged':
      return renderVerdicts(pod, explanation, wasTried);
  }
}

function renderVerdicts(
  pod: string,
  { message, nodes, preemption }: Extract<Explanation, { kind: 'judged' }>,
  wasTried: boolean,
): readonly string[] {
  const width = Math.max(0, ...nodes.map(({ nodeName }) => nodeName.length));
  const table = nodes.flatMap((verdict) => renderNode(verdict, width));
  if (message === '') {
    const why = wasTried
      ? 'it will be bound with its next attempt'
      : 'the scheduler has not looked at it yet; is it running? npx keelson status';
    return [`${pod} has no node, but one would do now: ${why}.`, '', ...table];
  }
  if (preemption === undefined) return [`${pod} has no node: ${message}`, '', ...table];
  const making = `On ${preemption.nodeName} it would fit if these left, which have a lower priority: ${preemption.victims.join(', ')}`;
  return [`${pod} has no node: ${message}`, '', ...table, '', making];
}

function renderNode({ nodeName, rejections }: NodeVerdict, width: number): readonly string[] {
  const reasons = rejections.length === 0 ? ['would do'] : rejections.map(({ plugin, reasons: why }) => `${plugin}: ${why.join(', ')}`);
  return reasons.map((reason, index) => `  ${(index === 0 ? nodeName : '').padEnd(width)}  ${reason}`);
}
