import { inspect } from 'node:util';

/** The longest text that is kept. A message may contain the whole input of a handler. */
const MAX_LENGTH = 2_000;

/** An error in one line, as the pipeline of the handler made it. Never throws, whatever the error is. */
export function describeFailure(reason: unknown): string {
  return textOf(reason).slice(0, MAX_LENGTH);
}

function textOf(reason: unknown): string {
  try {
    const { message } = (reason ?? {}) as { message?: unknown };
    if (typeof message === 'string') return message;
    return typeof reason === 'string' ? reason : (JSON.stringify(reason) ?? String(reason));
  } catch {
    return inspected(reason);
  }
}

/** What has no JSON: a cycle, a BigInt, a toJSON that throws. */
function inspected(reason: unknown): string {
  try {
    return inspect(reason, { depth: 2, breakLength: Infinity, customInspect: false });
  } catch {
    return 'a failure that cannot be printed';
  }
}
