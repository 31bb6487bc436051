import { mkdtemp, readFile, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { jest } from '@jest/globals';
import { ConfigModule, ConfigService } from '@nestjs/config';
import {
  Injectable,
  Logger,
  Module,
  type DynamicModule,
  type INestApplicationContext,
  type Type,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { IsInt, IsPositive } from 'class-validator';
import { z } from 'zod';

import {
  ConfigStore,
  DiscoveryService,
  hydraConfig,
  HydraModule,
  hydraOptionsFromStore,
  InjectConfig,
  Live,
  type HydraFeatureOptions,
  type HydraOptions,
} from '../../lib/index.js';
import { HydraInstance } from '../../lib/hydra-instance.js';
import { atEnd } from '../support/at-end.js';
import { openStore } from '../support/config.js';
import { eventually } from '../support/eventually.js';
import { startPrivateRedis, testRedisUrl } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

class PricingConfig {
  @IsInt()
  @IsPositive()
  limit!: number;

  currency = 'EUR';

  describe(): string {
    return `${this.limit} ${this.currency}`;
  }
}

const Features = z.object({ beta: z.boolean().default(false) });

@Injectable()
class Pricing {
  readonly seen: string[] = [];

  constructor(@InjectConfig(PricingConfig) readonly config: Live<PricingConfig>) {
    config.changes$.subscribe((next) => this.seen.push(next.describe()));
  }
}

@Injectable()
class Switches {
  constructor(@InjectConfig(Features) readonly features: Live<z.infer<typeof Features>>) {}
}

const CONFIGS: NonNullable<HydraFeatureOptions['configs']> = [
  { type: PricingConfig, path: 'pricing' },
  { type: Features, path: 'features' },
];

async function start(root: DynamicModule, providers: Type[] = [Pricing, Switches], configs = CONFIGS) {
  @Module({ imports: [root, HydraModule.forFeature({ configs })], providers })
  class AppModule {}
  const app = await NestFactory.createApplicationContext(AppModule, {
    logger: ['error'],
    abortOnError: false,
  });
  atEnd(() => app.close());
  return app;
}

const document = (limit: unknown, beta = false) => ({ pricing: { limit }, features: { beta } });

describe('a live configuration', () => {
  let service: string;
  let redis: string;
  let store: ConfigStore;
  let writer: Awaited<ReturnType<typeof openStore>>;

  beforeEach(async () => {
    service = uniqueService('shop');
    redis = await testRedisUrl();
    writer = await openStore(service);
    store = writer.store;
    await writer.instance.redis.connect();
  });

  const run = (options: Partial<HydraOptions> = {}) =>
    start(HydraModule.forRoot({ service, redis, version: '1.0.0', ...options }));

  const foreignWrite = (version: string, text: string) =>
    writer.instance.redis.commands.hset(`hydra:service:${service}:configs`, version, text);

  const traitsOf = (app: INestApplicationContext) =>
    app
      .get(DiscoveryService)
      .instances(service)
      .map(({ capabilities }) => capabilities?.config);

  it('is injected with its class, or as its schema makes it, and follows every change', async () => {
    await store.put('1.0.0', { pricing: { limit: 5 }, features: {} });
    const app = await run();
    const { config, seen } = app.get(Pricing);
    expect(config.value).toBeInstanceOf(PricingConfig);
    expect(config.value.describe()).toBe('5 EUR');
    expect(app.get(Switches).features.value).toEqual({ beta: false });
    expect([config.version, config.revision]).toEqual(['1.0.0', 1]);

    await store.put('1.0.0', document(6));
    await eventually(() => config.value.limit === 6, { what: 'the new limit' });
    // Nothing of the pricing part changes here.
    await store.put('1.0.0', document(6, true));
    await eventually(() => app.get(Switches).features.value.beta, { what: 'the switch' });
    await store.put('1.0.0', document(7, true));
    await eventually(() => config.value.limit === 7, { what: 'the last limit' });
    expect(seen).toEqual(['6 EUR', '7 EUR']);
    expect(Object.isFrozen(config.value)).toBe(true);
  });

  it('shows in the registry which revision each instance runs', async () => {
    await store.put('1.0.0', document(1));
    const apps = [await run(), await run()];
    const all = (expected: string) => () => traitsOf(apps[0]!).join() === `${expected},${expected}`;
    await eventually(all('1.0.0@1'), { what: 'both at revision 1' });
    await store.put('1.0.0', document(2));
    await eventually(all('1.0.0@2'), { what: 'both at revision 2' });
  });

  it('comes from the newest compatible version, and moves to the own one when that is stored', async () => {
    await store.put('1.0.0', document(10));
    await store.put('1.4.0', document(14));
    await store.put('2.0.0', document(20));
    const app = await run({ version: '1.2.0' });
    const { config } = app.get(Pricing);
    expect(config.version).toBe('1.4.0');
    await store.put('1.2.0', document(12));
    await eventually(() => config.value.limit === 12, { what: 'the own version' });
  });

  it('is refused when a foreign program stores a bad one, and says so in health', async () => {
    await store.put('1.0.0', document(1));
    const app = await run({ health: { intervalMs: 100, ttlMs: 2_000 } });
    const { config, seen } = app.get(Pricing);
    await foreignWrite('1.0.0', JSON.stringify(document(-4)));
    const status = () => app.get(ConfigStore).running.status;
    await eventually(() => status().problem, { what: 'the refusal' });
    expect(status()).toMatchObject({ source: 'redis', version: '1.0.0', revision: 1 });
    expect(status().problem).toMatch(/1\.0\.0@2 is refused: pricing\.limit/);
    expect(config.value.limit).toBe(1);
    const health = await eventually(
      async () => (await app.get(DiscoveryService).health(service))[0]?.vitals?.warnings[0],
      { what: 'the warning in the health record' },
    );
    expect(health).toMatch(/^config: .*is refused/);

    await foreignWrite('1.0.0', JSON.stringify(document(2)));
    await eventually(() => config.value.limit === 2, { what: 'the good one' });
    expect(status().problem).toBeUndefined();
    expect(seen).toEqual(['2 EUR']);
  });

  it('stays when Redis loses it', async () => {
    const own = await startPrivateRedis();
    const { store: admin, instance } = await openStore(service, {}, { redis: own.url });
    await admin.put('1.0.0', document(3));
    const app = await run({ redis: own.url });
    await instance.redis.commands.flushall();
    await eventually(() => app.get(ConfigStore).running.status.problem, { what: 'that it noticed' });
    expect(app.get(Pricing).config.value.limit).toBe(3);
    await admin.put('1.0.0', document(4));
    await eventually(() => app.get(Pricing).config.value.limit === 4, { what: 'the new one' });
  });

  it('refuses a put that any injected part refuses', async () => {
    await store.put('1.0.0', document(1));
    const app = await run();
    await expect(app.get(ConfigStore).put('1.0.0', document(0))).rejects.toThrow(/pricing\.limit/);
  });

  it('does not let the application start without a valid one', async () => {
    await expect(run()).rejects.toMatchObject({ code: 'CONFIG_NOT_FOUND' });
    await store.put('1.0.0', document('many'));
    await expect(run()).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });

  it('begins with the defaults until something is stored', async () => {
    const app = await run({ config: { defaults: document(9) } });
    const { config } = app.get(Pricing);
    expect([config.value.limit, config.version, config.revision]).toEqual([9, 'defaults', 0]);
    await store.put('1.0.0', document(1));
    await eventually(() => config.value.limit === 1, { what: 'the stored one' });
    expect(app.get(ConfigStore).running.status).toEqual({ source: 'redis', version: '1.0.0', revision: 1 });
  });

  it('does not warn of nothing stored while it runs with the defaults', async () => {
    const warned = jest.spyOn(Logger.prototype, 'warn');
    try {
      const app = await run({ config: { defaults: document(9) } });
      const { config } = app.get(Pricing);
      await store.put('1.0.0', document(1));
      await eventually(() => config.value.limit === 1, { what: 'the stored one' });
      expect(warned.mock.calls.filter(([line]) => String(line).includes('CONFIG_NOT_FOUND'))).toEqual([]);
      await store.remove('1.0.0');
      await eventually(() => app.get(ConfigStore).running.status.problem, {
        what: 'that the stored one is gone',
      });
    } finally {
      warned.mockRestore();
    }
  });

  it('is followed for a schema alone, and watched as a stream', async () => {
    const schema = z.object({ n: z.number() });
    const app = await start(HydraModule.forRoot({ service, redis, config: { schema } }), [], []);
    const seen: unknown[] = [];
    app
      .get(ConfigStore)
      .watch()
      .subscribe((config) => seen.push(config));
    await store.put('1.0.0', { n: 1 });
    await eventually(() => seen.length === 1, { what: 'the first' });
    await foreignWrite('1.0.0', '{"n":"x"}');
    await store.put('1.0.0', { n: 2 });
    await eventually(() => seen.length === 2, { what: 'the second' });
    expect(seen).toEqual([{ n: 1 }, { n: 2 }]);
    await eventually(() => traitsOf(app)[0] === '1.0.0@3', { what: 'the revision in the registry' });
  });

  it('reaches fifty instances soon', async () => {
    await store.put('1.0.0', { n: 0 });
    const instances = await Promise.all(Array.from({ length: 50 }, () => openStore(service)));
    const latencies: number[] = [];
    let sentAt = 0;
    for (const { store: reader } of instances) {
      await reader.running.start();
      reader.watch<{ n: number }>().subscribe(({ n }) => n > 0 && latencies.push(performance.now() - sentAt));
    }
    for (let n = 1; n <= 20; n++) {
      sentAt = performance.now();
      await store.put('1.0.0', { n });
      await eventually(() => latencies.length === n * 50, { what: `round ${n} at all`, everyMs: 5 });
    }
    const sorted = latencies.toSorted((a, b) => a - b);
    const [p50, p99] = [0.5, 0.99].map((share) => sorted[Math.ceil(sorted.length * share) - 1]!.toFixed(1));
    process.stdout.write(`a change reached 50 instances: p50 ${p50} ms, p99 ${p99} ms\n`);
    for (const instance of instances) await instance.close();
  });

  describe('with a fallback file', () => {
    let file: string;

    beforeEach(async () => {
      file = join(await mkdtemp(join(tmpdir(), 'hydra-config-')), 'last-good.json');
    });

    const connection = { commandTimeoutMs: 300 };

    it('starts with the last good one while Redis is down, and goes on with the stored one', async () => {
      const own = await startPrivateRedis();
      const { store: admin } = await openStore(service, {}, { redis: own.url });
      await admin.put('1.0.0', { pricing: { limit: 5 }, features: {}, token: 'env:HOME' });
      const options = { redis: own.url, connection, config: { fallbackFile: file } };
      const first = await run(options);
      await eventually(() => stat(file), { what: 'the file' });
      expect((await stat(file)).mode & 0o777).toBe(0o600);
      // References are not resolved in the file.
      expect(await readFile(file, 'utf8')).toContain('env:HOME');
      await first.close();

      await own.kill9();
      const app = await run(options);
      const { config } = app.get(Pricing);
      expect(config.value.limit).toBe(5);
      expect(app.get(ConfigStore).running.status).toMatchObject({
        source: 'file',
        version: '1.0.0',
        revision: 1,
      });
      expect(app.get(ConfigStore).running.status.problem).toContain('REDIS_UNAVAILABLE');

      await own.restart();
      // A Redis without persistence comes back empty.
      await eventually(() => app.get(HydraInstance).redis.isReady, { what: 'the connection' });
      const { store: again } = await openStore(service, {}, { redis: own.url });
      await again.put('1.0.0', document(6));
      await eventually(() => config.value.limit === 6, { what: 'the stored one' });
      expect(app.get(ConfigStore).running.status).toEqual({ source: 'redis', version: '1.0.0', revision: 1 });
    });

    it('starts with the last good one when what is stored is bad', async () => {
      await store.put('1.0.0', document(5));
      const options = { config: { fallbackFile: file } };
      await (await run(options)).close();
      await foreignWrite('1.0.0', '{}');
      const app = await run(options);
      expect(app.get(Pricing).config.value.limit).toBe(5);
      expect(app.get(ConfigStore).running.status).toMatchObject({ source: 'file', revision: 1 });
    });

    it('does not take a file of another service, or a broken one, for its own', async () => {
      const text = JSON.stringify(document(5));
      const other = { service: 'other', version: '1.0.0', revision: 1, savedOn: '', text };
      for (const content of [JSON.stringify(other), '{"service":', JSON.stringify({ service })]) {
        await writeFile(file, content);
        await expect(run({ config: { fallbackFile: file } })).rejects.toMatchObject({
          code: 'CONFIG_NOT_FOUND',
        });
      }
    });
  });

  describe('at boot', () => {
    const environment = { ...process.env };

    beforeEach(() => {
      process.env['HYDRA_SERVICE'] = `${service}:1.2.0`;
      process.env['HYDRA_REDIS_URL'] = redis;
    });
    afterEach(() => {
      for (const name of ['HYDRA_SERVICE', 'HYDRA_REDIS_URL']) delete process.env[name];
      Object.assign(process.env, environment);
    });

    const stored = () => ({
      hydra: {
        serviceName: service,
        serviceDescription: 'from the store',
        serviceType: 'shop',
        servicePort: '4711',
        nest: { timeoutMs: 1_234 },
      },
      ...document(3),
    });

    it('gives the module its options, as HYDRA_SERVICE names them', async () => {
      await store.put('1.2.0', stored());
      const app = await start(HydraModule.forRootAsync({ useFactory: hydraOptionsFromStore() }));
      const { options } = app.get(HydraInstance);
      expect(options).toMatchObject({
        service,
        version: '1.2.0',
        description: 'from the store',
        type: 'shop',
        port: 4711,
        timeoutMs: 1_234,
      });
      expect(app.get(Pricing).config.value.limit).toBe(3);
    });

    it('fails when the version is not stored, or nothing names one', async () => {
      await store.put('1.3.0', stored());
      await expect(hydraOptionsFromStore()()).rejects.toMatchObject({ code: 'CONFIG_NOT_FOUND' });
      process.env['HYDRA_SERVICE'] = 'serviceName=x';
      await expect(hydraOptionsFromStore()()).rejects.toMatchObject({ code: 'BAD_OPTION' });
    });

    it('gives them from the fallback file while Redis is down', async () => {
      const fallbackFile = join(await mkdtemp(join(tmpdir(), 'hydra-config-')), 'boot.json');
      const connection = { commandTimeoutMs: 300 };
      await store.put('1.2.0', stored());
      const before = await hydraOptionsFromStore({ fallbackFile, connection })();
      process.env['HYDRA_REDIS_URL'] = 'redis://127.0.0.1:1';
      expect(await hydraOptionsFromStore({ fallbackFile, connection })()).toEqual(before);
      await expect(hydraOptionsFromStore({ connection })()).rejects.toMatchObject({
        code: 'REDIS_UNAVAILABLE',
      });
    });

    it('loads the configuration of @nestjs/config', async () => {
      process.env['SHOP_TEST_KEY'] = 'from the environment';
      await store.put('1.2.0', { ...document(3), key: 'env:SHOP_TEST_KEY' });
      @Module({ imports: [ConfigModule.forRoot({ ignoreEnvFile: true, load: [hydraConfig()] })] })
      class AppModule {}
      const app = await NestFactory.createApplicationContext(AppModule, { logger: ['error'] });
      expect(app.get(ConfigService).get('pricing.limit')).toBe(3);
      expect(app.get(ConfigService).get('key')).toBe('from the environment');
      await app.close();
    });
  });
});
