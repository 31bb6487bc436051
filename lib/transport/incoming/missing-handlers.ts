import { HydraError } from '../../hydra-error.js';
import { nearNames } from '../../options/names.js';
import type { Context } from '../../redis/context.js';
import { listed } from '../../runtime/listed.js';

/** Patterns that are named in one error. */
const MAX_NAMED = 5;
/** What is asked for comes from outside: hints are found for so many patterns of so many letters, and are kept. */
const MAX_KEPT = 100;
const MAX_LETTERS = 200;

/** Calls whose pattern no handler has: the caller is told which there are, and the log of this process that somebody asks. */
export class MissingHandlers {
  private readonly hints = new Map<string, string>();

  constructor(
    private readonly context: Pick<Context, 'address' | 'log'>,
    private readonly patterns: () => readonly string[],
  ) {}

  error(pattern: string): HydraError {
    const { address, log } = this.context;
    // It comes from outside, and the log keeps its topics.
    const shown = pattern.length > MAX_LETTERS ? `${pattern.slice(0, MAX_LETTERS)}…` : pattern;
    const what = `"${shown}" has no handler at ${address}${this.hintFor(pattern)}`;
    log.warn(`no handler: ${shown}`, `a call was refused: ${what}`);
    return new HydraError('NO_HANDLER', what);
  }

  private hintFor(pattern: string): string {
    const known = this.hints.get(pattern);
    if (known !== undefined) return known;
    if (this.hints.size >= MAX_KEPT || pattern.length > MAX_LETTERS) return '';
    const hint = this.findHint(pattern);
    this.hints.set(pattern, hint);
    return hint;
  }

  private findHint(pattern: string): string {
    const all = this.patterns();
    const near = nearNames(pattern, all).slice(0, MAX_NAMED);
    if (near.length > 0) return `: did you mean ${near.map(quoted).join(' or ')}?`;
    if (all.length === 0) return ', which has no handlers of calls';
    return `, which handles ${listed(all.map(quoted))}`;
  }
}

function quoted(name: string): string {
  return `"${name}"`;
}
