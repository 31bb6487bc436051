import { execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';

import { MemoryRedis } from '../../lib/testing/memory-redis.js';
import { atEnd } from '../support/at-end.js';
import { eventually } from '../support/eventually.js';

const run = promisify(execFile);

/** It comes with every Redis; a machine that has a Redis elsewhere, as in a container, may be without. */
const hasCli = spawnSync('redis-cli', ['--version']).status === 0;
const withCli = hasCli ? describe : describe.skip;

let address: readonly string[];

beforeAll(async () => {
  const memory = new MemoryRedis();
  atEnd(() => memory.close());
  const { hostname, port } = new URL(await memory.listen());
  address = ['-h', hostname, '-p', port];
});

async function cli(...args: readonly string[]): Promise<string> {
  return (await run('redis-cli', [...address, ...args])).stdout.trim();
}

interface Piped {
  readonly text: () => string;
  /** Resolves with the exit code once its input ends, or it is told to. */
  readonly end: (input?: string) => Promise<unknown>;
}

/** One that is read while it runs. */
function start(...args: readonly string[]): Piped {
  const child = spawn('redis-cli', [...address, ...args]);
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const ended = once(child, 'close');
  atEnd(() => void child.kill('SIGKILL'));
  const end = async (input?: string) => {
    if (input === undefined) child.kill('SIGTERM');
    else child.stdin.end(input);
    return (await ended)[0] as unknown;
  };
  return { text: () => text, end };
}

withCli(`redis-cli on a Redis in memory${hasCli ? '' : ' (there is no redis-cli on the PATH)'}`, () => {
  it.each(['-2', '-3'])('reads and writes, RESP version %s', async (version) => {
    expect(await cli(version, 'PING')).toBe('PONG');
    expect(await cli(version, 'DEL', 'h')).toMatch(/^\d$/);
    expect(await cli(version, 'HSET', 'h', 'a', '1', 'b', '2')).toBe('2');
    expect((await cli(version, 'HGETALL', 'h')).split(/\s/)).toEqual(['a', '1', 'b', '2']);
    expect(await cli(version, 'ZADD', 'z', '1.5', 'm')).toMatch(/^[01]$/);
    expect(await cli(version, '--json', 'ZSCORE', 'z', 'm')).toMatch(/^"?1\.5"?$/);
    expect(await cli(version, 'GET', 'nosuch')).toBe('');
    expect(await cli(version, 'NOSUCH')).toContain('ERR unknown command');
  });

  it('has a map in RESP3, and a list in RESP2', async () => {
    await cli('HSET', 'one', 'a', '1');
    expect(JSON.parse(await cli('-3', '--json', 'HGETALL', 'one'))).toEqual({ a: '1' });
    expect(JSON.parse(await cli('-3', '--json', 'HELLO'))).toMatchObject({ proto: 3, version: '7.0.15' });
  });

  it('runs scripts, with keys and errors', async () => {
    expect(await cli('EVAL', 'return { KEYS[1], ARGV[1], 3 }', '1', 'k', 'v')).toBe('k\nv\n3');
    const sha = await cli('SCRIPT', 'LOAD', "return redis.call('INCR', KEYS[1])");
    expect(await cli('EVALSHA', sha, '1', 'count')).toBe('1');
    expect(await cli('EVAL', "return redis.call('LPUSH', 'count', 'a')", '0')).toContain('WRONGTYPE');
  });

  it.each(['-2', '-3'])('hears what is published, RESP version %s', async (version) => {
    const channel = `news${version}`;
    const subscriber = start(version, 'SUBSCRIBE', channel);
    await eventually(async () => (await cli('PUBLISH', channel, 'hello')) === '1', { what: 'a subscriber' });
    await eventually(() => subscriber.text().includes('hello'), { what: 'the message' });
    expect(subscriber.text().split('\n')).toEqual(expect.arrayContaining(['subscribe', 'message', channel]));
    await subscriber.end();
  });

  it('watches what others send by MONITOR', async () => {
    const watching = start('MONITOR');
    await eventually(() => watching.text().includes('OK'), { what: 'the OK' });
    await cli('SET', 'watched', 'a "quoted" value');
    await eventually(() => watching.text().includes('"SET" "watched" "a \\"quoted\\" value"'), {
      what: 'the command',
    });
    await watching.end();
  });

  it('takes thousands of commands by --pipe', async () => {
    const commands = Array.from({ length: 5_000 }, (_, n) => `SET piped:${n} ${n}\r\n`);
    const piping = start('--pipe');
    expect(await piping.end(commands.join(''))).toBe(0);
    expect(piping.text()).toContain('errors: 0, replies: 5000');
    expect(await cli('EVAL', "return #redis.call('KEYS', 'piped:*')", '0')).toBe('5000');
  });

  it('scans, and says what there is: --scan, --bigkeys, INFO', async () => {
    await cli('RPUSH', 'scanned:list', 'a', 'b', 'c');
    expect(await cli('--scan', '--pattern', 'scanned:*')).toBe('scanned:list');
    expect(await cli('--bigkeys')).toContain('Biggest');
    expect(await cli('INFO', 'server')).toContain('redis_version:7.0.15');
  });
});
