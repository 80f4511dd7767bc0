/** Why a pod got no node, in upstream's words: `0/3 nodes are available: 1 node(s) were unschedulable, 2 Insufficient cpu.` */
export function failureMessage(nodeCount: number, rejections: ReadonlyMap<string, number>): string {
  if (nodeCount === 0) return 'no nodes available to schedule pods';
  const reasons = [...rejections].map(([reason, count]) => `${count} ${reason}`).sort();
  return `0/${nodeCount} nodes are available: ${reasons.join(', ')}.`;
}
