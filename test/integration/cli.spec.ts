import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { jest } from '@jest/globals';
import { Controller } from '@nestjs/common';
import { MessagePattern } from '@nestjs/microservices';

import { HydraInstance } from '../../lib/hydra-instance.js';
import { startService } from '../support/app.js';
import { buildCli, cliInProcess, type Cli } from '../support/cli.js';
import { openStore } from '../support/config.js';
import { testRedisUrl } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

@Controller()
class SumController {
  @MessagePattern('sum')
  sum(numbers: number[]): number {
    return numbers.length;
  }
}

// Some command lines in processes of their own, on machines that have other things to do.
jest.setTimeout(90_000);

describe('the command line', () => {
  let folder: string;
  let service: string;
  let redis: string;
  let cli: Cli;
  let cliProcess: Cli;

  beforeAll(async () => {
    redis = await testRedisUrl();
    cli = cliInProcess(redis);
    cliProcess = await buildCli(redis);
    folder = await mkdtemp(join(tmpdir(), 'hydra-cli-'));
  });

  beforeEach(() => {
    service = uniqueService('shop');
  });

  async function file(name: string, content: string): Promise<string> {
    const path = join(folder, `${service}-${name}`);
    await writeFile(path, content);
    return path;
  }

  it('pushes YAML and JSON, shows first what changes, and pulls it back', async () => {
    const yaml = await file('a.yaml', 'pricing:\n  limit: 5\ntoken: abc\n');
    const first = await cli([
      'config',
      'push',
      `${service}:1.0.0`,
      yaml,
      '--yes',
      '--by',
      'ada',
      '--why',
      'go',
    ]);
    expect(first.code).toBe(0);
    expect(first.err).toMatch(
      /is new\n  \+ pricing +\{"limit":5\}\n  \+ token +"\[redacted\]"\n.*revision 1/s,
    );

    const json = await file('b.json', '{"pricing":{"limit":6},"token":"xyz"}');
    const second = await cli(['config', 'push', `${service}:1.0.0`, json, '--yes']);
    expect(second.err).toContain('~ pricing.limit  5 → 6');
    expect(second.err).not.toContain('xyz');

    expect(JSON.parse((await cli(['config', 'pull', service])).out)).toEqual({
      pricing: { limit: 6 },
      token: 'xyz',
    });
    const target = join(folder, `${service}-out.yaml`);
    expect((await cli(['config', 'pull', `${service}:1.0.0`, target])).code).toBe(0);
    expect(await readFile(target, 'utf8')).toBe('pricing:\n  limit: 6\ntoken: xyz\n');
    expect((await stat(target)).mode & 0o777).toBe(0o600);

    const changes = JSON.parse((await cli(['--json', 'config', 'history', service])).out) as object[];
    expect(changes).toEqual([
      expect.objectContaining({ revision: 2, action: 'put' }),
      expect.objectContaining({ revision: 1, by: 'ada', why: 'go' }),
    ]);
  });

  it('writes nothing without a yes', async () => {
    const path = await file('a.json', '{"n":1}');
    expect(await cli(['config', 'push', `${service}:1.0.0`, path])).toMatchObject({ code: 2 });
    expect(await cli(['config', 'push', `${service}:1.0.0`, path, '--dry-run'])).toMatchObject({ code: 0 });
    expect(await cli(['config', 'pull', service])).toMatchObject({ code: 3, out: '' });
  });

  it('reads standard input', async () => {
    const pushed = await cliProcess(['config', 'push', `${service}:1.0.0`, '-', '--yes'], { input: 'n: 1' });
    expect(pushed.code).toBe(0);
    expect((await cliProcess(['config', 'pull', service, '--format', 'yaml'])).out).toBe('n: 1\n');
  });

  it('reads and writes JSON where the package yaml is not installed, and says what YAML needs', async () => {
    const bare = await buildCli(redis, { missing: ['yaml'] });
    const label = `${service}:1.0.0`;
    expect(await bare(['config', 'push', label, '-', '--yes'], { input: '{"n":1}' })).toMatchObject({
      code: 0,
    });
    expect(JSON.parse((await bare(['config', 'pull', label])).out)).toEqual({ n: 1 });

    const path = await file('a.yaml', 'n: 2');
    const pushed = await bare(['config', 'push', label, path, '--yes']);
    expect(pushed).toMatchObject({ code: 2 });
    expect(pushed.err).toMatch(
      /a\.yaml: not JSON \(.*\); YAML needs the package "yaml".*: npm install yaml\n$/,
    );

    const target = join(folder, `${service}-bare.yaml`);
    const pulled = await bare(['config', 'pull', label, target]);
    expect(pulled).toMatchObject({ code: 2 });
    expect(pulled.err).toMatch(/YAML needs the package "yaml".*: npm install yaml, or .*--format json\n$/);
    await expect(stat(target)).rejects.toThrow('ENOENT');
  });

  it('lists, compares, rolls back and removes', async () => {
    const { store } = await openStore(service);
    await store.put('1.9.0', { n: 1 });
    await store.put('1.10.0', { n: 2 });
    await store.put('1.10.0', { n: 3 });
    const listed = await cli(['config', 'list', service]);
    expect(listed.out.split('\n').map((line) => line.split(/ +/).slice(0, 2).join(' '))).toEqual([
      'VERSION REVISION',
      '1.9.0 1',
      '1.10.0 3',
      '',
    ]);
    const different = await cli(['config', 'diff', service, '@2', '1.10.0', '--exit-code']);
    expect(different).toMatchObject({ code: 1, out: '  ~ n  2 → 3\n' });
    expect(await cli(['config', 'diff', service, '@3', '1.10.0', '--exit-code'])).toMatchObject({
      code: 0,
      out: '',
    });

    expect((await cli(['config', 'rollback', `${service}:1.10.0`, '--yes'])).code).toBe(0);
    expect(await store.get('1.10.0')).toEqual({ n: 2 });
    expect((await cli(['config', 'remove', `${service}:1.9.0`, '--yes'])).code).toBe(0);
    expect(await store.list()).toEqual(['1.10.0']);
    expect((await cli(['config', 'remove', `${service}:1.9.0`, '--yes'])).code).toBe(3);
  });

  it('rolls no other version back than the one it was told', async () => {
    const { store } = await openStore(service);
    await store.put('1.0.0', { n: 1 });
    await store.put('1.0.0', { n: 2 });
    await store.put('2.0.0', { n: 3 });
    const outcome = await cli(['config', 'rollback', `${service}:2.0.0`, '@1', '--yes']);
    expect(outcome).toMatchObject({ code: 2 });
    expect(await store.get('1.0.0')).toEqual({ n: 2 });
  });

  it('encrypts the same content anew when the first key is another one', async () => {
    const { instance } = await openStore(service);
    await instance.redis.connect();
    const path = await file('a.json', '{"n":1}');
    const [k1, k2] = ['k1', 'k2'].map((id) => `${id}:${randomBytes(32).toString('base64')}`);
    const pushed = async (keys: string) => {
      const env = { HYDRA_CONFIG_KEYS: keys };
      expect(await cli(['config', 'push', `${service}:1.0.0`, path, '--yes'], { env })).toMatchObject({
        code: 0,
      });
      return instance.redis.commands.hget(`hydra:service:${service}:configs`, '1.0.0');
    };
    expect(await pushed('')).toBe('{"n":1}');
    expect(await pushed(k1!)).toContain('"kid":"k1"');
    const rotated = await pushed(`${k2},${k1}`);
    expect(rotated).toContain('"kid":"k2"');
    expect(await pushed(k2!)).toBe(rotated);
  });

  it('prints nothing that could steer the terminal', async () => {
    const { store } = await openStore(service);
    await store.put('1.0.0', { text: '\u009b2J\u001b[2J' });
    const { out } = await cli(['config', 'pull', service]);
    expect(JSON.parse(out)).toEqual({ text: '\u009b2J\u001b[2J' });
    const { err } = await cli(['config', 'pull', `${service}\u001b[2J`]);
    // oxlint-disable-next-line no-control-regex
    expect(out + err).not.toMatch(/[\u001B\u0080-\u009F]/);
  });

  it('refuses to write over what the caller has not seen', async () => {
    const { store } = await openStore(service);
    await store.put('1.0.0', { n: 1 });
    await store.put('1.0.0', { n: 2 });
    const path = await file('a.json', '{"n":9}');
    const outcome = await cli(['config', 'push', `${service}:1.0.0`, path, '--yes', '--expect', '1']);
    expect(outcome.code).toBe(4);
    expect(outcome.err).toContain('CONFIG_CONFLICT');
    expect(await store.get('1.0.0')).toEqual({ n: 2 });
  });

  it.each([
    [2, ['bogus']],
    [2, ['config', 'push']],
    [2, ['config', 'push', 'a:b:c', '-']],
    [2, ['config', 'push', 'svc:1.0.0', '/no/such/file.yaml', '--yes']],
    [2, ['config', 'history', 'svc', '--limit', 'many']],
    [0, ['--help']],
    [3, ['config', 'pull', 'nobody-here']],
    [3, ['health', 'nobody-here']],
  ])('ends with %i for %j', async (code, args) => {
    expect(await cli(args)).toMatchObject({ code });
  });

  it('ends with 5 without Redis, soon and in one sentence', async () => {
    const outcome = await cliProcess(['--timeout', '300', 'services'], { url: 'redis://127.0.0.1:1' });
    expect(outcome).toMatchObject({ code: 5, out: '' });
    expect(outcome.err).toMatch(/^error: no connection to Redis at 127\.0\.0\.1:1: [^\n]*\n$/);
  });

  it('shows who is alive, how they are and what they serve, and takes no part itself', async () => {
    const { app, id } = await startService({ service, redis, version: '1.2.3', type: 'demo' }, [
      SumController,
    ]);
    await app.get(HydraInstance).presence.setRoutes(['[get]/v1/prices']);
    const services = JSON.parse((await cli(['--json', 'services'])).out) as { service: string }[];
    expect(services.find((found) => found.service === service)).toEqual({
      service,
      instances: 1,
      versions: ['1.2.3'],
      type: 'demo',
    });
    expect((await cli(['nodes', service])).out).toMatch(
      new RegExp(`${service} +${id.slice(0, 8)} +1\\.2\\.3 .*serving`),
    );
    expect((await cli(['health', service, '--check'])).out).toMatch(new RegExp(`${id.slice(0, 8)} .* fine`));
    expect((await cli(['routes', service])).out).toMatch(new RegExp(`${service} +get +/v1/prices`));
    const logs = await cli(['logs', service]);
    expect([logs.code, logs.err]).toEqual([0, expect.stringContaining('HydraLogger')]);
    expect(services.map((found) => found.service)).not.toContain('nestjs-hydra-cli');
  });
});
