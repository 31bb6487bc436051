import { spawn } from 'node:child_process';
import { join } from 'node:path';

import { jest } from '@jest/globals';
import { Logger } from '@nestjs/common';

import { runProgram } from '../../lib/cli/program.js';
import { forgetProcess, watchProcess } from '../../tools/watchdog.mjs';
import { buildLibrary } from './built.js';

export interface Outcome {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs one command line as a person does, without a terminal. */
export type Cli = (
  args: readonly string[],
  options?: {
    readonly url?: string;
    readonly input?: string;
    readonly env?: Readonly<Record<string, string>>;
  },
) => Promise<Outcome>;

/** Where the packages in `missing` are not installed. */
export async function buildCli(
  redis: string,
  { missing = [] }: { missing?: readonly string[] } = {},
): Promise<Cli> {
  const main = join(await buildLibrary({ missing }), 'cli', 'main.js');
  return (args, { url = redis, input = '', env = {} } = {}) => {
    const environment = {
      ...process.env,
      NODE_OPTIONS: '',
      NODE_NO_WARNINGS: '1',
      HYDRA_REDIS_URL: url,
      ...env,
    };
    const child = spawn(process.execPath, [main, ...args], { env: environment });
    watchProcess(child.pid!);
    const texts = { out: '', err: '' };
    child.stdout.on('data', (chunk: Buffer) => (texts.out += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (texts.err += chunk.toString()));
    child.stdin.end(input);
    return new Promise((resolve) => {
      child.once('close', (code) => {
        forgetProcess(child.pid!);
        resolve({ code, ...texts });
      });
    });
  };
}

/** As {@link buildCli}, without processes of their own, which take ten times as long: no input, one command line at a time. */
export function cliInProcess(redis: string): Cli {
  return async (args, { url = redis, env = {} } = {}) => {
    const variables = { HYDRA_REDIS_URL: url, ...env };
    const before = { ...process.env };
    Object.assign(process.env, variables);
    try {
      return await runInProcess(args);
    } finally {
      for (const name of Object.keys(variables)) {
        delete process.env[name];
        if (before[name] !== undefined) process.env[name] = before[name];
      }
    }
  };
}

/** Without a process of its own, which takes ten times as long. */
export async function runInProcess(args: readonly string[]): Promise<Outcome> {
  const texts = { out: '', err: '' };
  const streams = { out: process.stdout, err: process.stderr };
  const spies = (['out', 'err'] as const).map((name) =>
    jest.spyOn(streams[name], 'write').mockImplementation((text) => {
      texts[name] += String(text);
      return true;
    }),
  );
  // As the program itself does: what connections log is not a command's.
  Logger.overrideLogger(false);
  try {
    return { code: await runProgram(args), ...texts };
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}
