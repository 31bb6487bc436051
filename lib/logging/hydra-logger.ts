import { ConsoleLogger, type LoggerService, type LogLevel } from '@nestjs/common';

import { encodeLogEntry, type LogEntry } from '../protocol/records.js';
import type { Context } from '../redis/context.js';
import { currentTrace, type TraceIds } from '../runtime/trace-source.js';
import { LogBuffer, type LogCounts } from './log-buffer.js';
import { RunningLevel } from './running-level.js';
import { createRedaction, type Redact } from './log-redaction.js';

/** Nest's levels by the words Hydra 1.9 and its tools use, most urgent first. */
const WORDS = {
  fatal: 'fatal',
  error: 'error',
  warn: 'warn',
  log: 'info',
  debug: 'debug',
  verbose: 'trace',
} as const satisfies Record<LogLevel, string>;
const LEVELS = Object.keys(WORDS) as readonly LogLevel[];
/** A longer text is cut off. */
const MAX_TEXT = 8_000;

/**
 * A Nest logger that also keeps this instance's last lines in Redis, `logging.maxEntries` of them, where hydra-cli, hydra-router and
 * `discovery.logs()` read them, even after the process was killed.
 *
 * ```ts
 * const app = await NestFactory.create(AppModule, { bufferLogs: true });
 * app.useLogger(app.get(HydraLogger));                        // to the console and to Redis
 * app.useLogger(app.get(HydraLogger).wrap(app.get(Logger)));  // to your own logger and to Redis
 * ```
 *
 * Lines are gathered for `logging.flushMs` and written together. Logging never waits and never fails: with Redis away, or
 * above the limits, lines are left out and counted.
 *
 * @publicApi
 */
export class HydraLogger implements LoggerService {
  private inner: LoggerService = new ConsoleLogger();
  private readonly buffer: LogBuffer;
  private readonly redact: Redact;
  private readonly level: RunningLevel;

  constructor(private readonly context: Pick<Context, 'id' | 'redis' | 'keys' | 'options' | 'clock'>) {
    const { id, keys, options } = context;
    const gap = (lines: number) =>
      this.entry('warn', `${lines} lines were not kept`, { context: 'HydraLogger' });
    this.buffer = new LogBuffer(context, { key: keys.healthLog(options.service, id), gap });
    this.redact = createRedaction(options.logging.redact);
    this.level = new RunningLevel(context);
  }

  /** Passes lines to this logger instead of Nest's console logger, and keeps them in Redis. */
  wrap(logger: LoggerService): this {
    this.inner = logger;
    return this;
  }

  /** How many lines were kept, and how many were not. */
  get counts(): LogCounts {
    return this.buffer.counts;
  }

  /** Keeps and passes on a line of the level `log`: a message of any type, then perhaps more of them, and last the context. */
  log(message: unknown, ...rest: unknown[]): void {
    this.take('log', message, rest);
  }

  /** As `log`, on the level `error`; a stack may stand before the context. */
  error(message: unknown, ...rest: unknown[]): void {
    this.take('error', message, rest);
  }

  /** As `log`, on the level `warn`. */
  warn(message: unknown, ...rest: unknown[]): void {
    this.take('warn', message, rest);
  }

  /** As `log`, on the level `debug`. */
  debug(message: unknown, ...rest: unknown[]): void {
    this.take('debug', message, rest);
  }

  /** As `log`, on the level `verbose`. */
  verbose(message: unknown, ...rest: unknown[]): void {
    this.take('verbose', message, rest);
  }

  /** Written at once: the process may be about to end. */
  fatal(message: unknown, ...rest: unknown[]): void {
    this.take('fatal', message, rest);
    void this.buffer.flush();
  }

  /** Of the wrapped logger; what is kept in Redis, `logging.level` decides. */
  setLogLevels(levels: LogLevel[]): void {
    this.inner.setLogLevels?.(levels);
  }

  /** Looks for no other level any more. @internal */
  close(): void {
    this.level.close();
  }

  /** Writes what is gathered. Never throws. */
  flush(): Promise<void> {
    return this.buffer.flush();
  }

  private take(level: LogLevel, message: unknown, rest: readonly unknown[]): void {
    try {
      const said: unknown = this.inner[level]?.(message, ...rest);
      if (said instanceof Promise) said.catch(() => undefined);
    } catch {
      // The wrapped logger failed. The caller must not notice this, and the line is still kept.
    }
    this.keep(level, message, rest);
  }

  private keep(level: LogLevel, message: unknown, rest: readonly unknown[]): void {
    if (LEVELS.indexOf(level) > LEVELS.indexOf(this.level.current)) return;
    // Nest's order of arguments: after the message a stack (for errors), and last the context.
    const texts = rest.filter((value) => typeof value === 'string');
    const context = texts.at(-1)?.includes('\n') ? undefined : texts.at(-1);
    const stack = texts.find((text) => text.includes('\n    at '));
    this.buffer.add(() => {
      try {
        return this.entry(level, cut(this.redact(message)), {
          ...(context !== undefined && { context: String(cut(this.redact(context))) }),
          ...(stack !== undefined && { stack: String(cut(this.redact(stack))) }),
        });
      } catch {
        // A getter of the logged value threw. The caller must not notice this.
        return this.entry(level, '[unreadable message]');
      }
    });
  }

  private entry(level: LogLevel, message: unknown, more: Pick<LogEntry, 'context' | 'stack'> = {}): string {
    return encodeLogEntry({
      timestamp: new Date(this.context.clock.now()).toISOString(),
      service: this.context.options.service,
      level: WORDS[level],
      pid: process.pid,
      message,
      ...more,
      ...traceOf(currentTrace()),
    });
  }
}

function traceOf(around: TraceIds | undefined): Pick<LogEntry, 'traceId' | 'spanId'> {
  return around ? { traceId: around.traceId, spanId: around.spanId } : {};
}

function cut(value: unknown): unknown {
  if (typeof value === 'string') return value.length > MAX_TEXT ? `${value.slice(0, MAX_TEXT)}…` : value;
  const text = JSON.stringify(value) ?? '';
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : value;
}
