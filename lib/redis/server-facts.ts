import { serverOf, tooOld } from './connection/server-info.js';

/** The policy by which Redis removes keys when memory is short; undefined where it removes none, or does not say it. */
export function evictionPolicy(policy: string | undefined): string | undefined {
  return policy === undefined || policy === 'noeviction' ? undefined : policy;
}

/** Whether what was accepted is written to a file at once; true where Redis does not say it. */
export function hasAppendOnlyFile(aofEnabled: string | undefined): boolean {
  return aofEnabled !== '0';
}

/** Why this server is too old; undefined when it is not, or does not say what it is. */
export function oldestServer(info: Readonly<Record<string, string>>): string | undefined {
  const text = Object.entries(info)
    .map(([name, value]) => `${name}:${value}`)
    .join('\n');
  return tooOld(serverOf(text))?.message.replace(/^\[\w+\] /, '');
}

/** The fields of an answer to INFO or CLUSTER INFO. */
export function fieldsOf(info: string): Readonly<Record<string, string>> {
  const lines = info.split(/\r?\n/).filter((line) => line.includes(':') && !line.startsWith('#'));
  return Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]),
  );
}
