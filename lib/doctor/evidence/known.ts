import type { Known } from './facts.js';

/** What was read, or why it could not be. */
export async function known<Value>(read: () => Promise<Value>): Promise<Known<Value>> {
  try {
    return { value: await read() };
  } catch (error) {
    return { why: error instanceof Error ? error.message : String(error) };
  }
}
