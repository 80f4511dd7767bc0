/** Writes so many lines of a log, one each so many milliseconds: `node write-lines.ts 100 200`. For tests of logs. */
const [lines = 100, intervalMs = 200] = process.argv.slice(2).map(Number);
let written = 0;

const timer = setInterval(() => {
  written += 1;
  console.log(`${new Date().toISOString()} ${written} GET /api/v1/namespaces/kube-system/pods/line-${written} 200`);
  if (written === lines) clearInterval(timer);
}, intervalMs);
process.once('SIGTERM', () => process.exit(0));
