/** Structured logs, one JSON line per decision on standard output (pino). Pure code does not log. */
import { type Logger as PinoLogger, pino } from 'pino';

export type Logger = PinoLogger;

/** An expected failure (it has a `reason`) says all in its message; where an unexpected one came from is in its stack. */
function describeError(error: Error): object {
  if (!('reason' in error)) return pino.stdSerializers.err(error);
  return { type: error.name, reason: error.reason, message: error.message };
}

/** `level` is one of pino's: `trace`, `debug`, `info`, `warn`, `error`, `fatal`, `silent`. */
export function createLogger(component: string, level: string): Logger {
  return pino({
    level,
    base: { component },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    serializers: { err: describeError },
  });
}

/** For tests that do not look at logs. */
export const silentLogger: Logger = pino({ level: 'silent' });
