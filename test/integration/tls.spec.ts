import type { Socket } from 'node:net';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Controller } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';
import { Redis, type Cluster } from 'ioredis';
import { lastValueFrom } from 'rxjs';

import { HydraClient, type HydraOptions, type TlsOptions } from '../../lib/index.js';
import { HydraInstance } from '../../lib/hydra-instance.js';
import { resolveOptions } from '../../lib/hydra-options.js';
import { startService } from '../support/app.js';
import { atEnd } from '../support/at-end.js';
import { createAuthority } from '../support/certificates.js';
import { runInProcess } from '../support/cli.js';
import { eventually } from '../support/eventually.js';
import { startPrivateRedis } from '../support/redis.js';
import { startTlsCluster, startTlsRedis, startTlsSentinel, type TlsRedis } from '../support/tls-redis.js';
import { uniqueService } from '../support/unique.js';

@Controller()
class MathController {
  @MessagePattern('sum')
  sum(@Payload() numbers: number[]): number {
    return numbers.reduce((sum, next) => sum + next, 0);
  }
}

let tls: TlsRedis;
let trusted: TlsOptions;

beforeAll(async () => {
  tls = await startTlsRedis();
  trusted = { ca: tls.authority.ca, ...tls.client };
});

function openInstance(options: Partial<HydraOptions>): HydraInstance {
  const instance = new HydraInstance(resolveOptions({ service: uniqueService('tls'), ...options }));
  atEnd(() => instance.close());
  return instance;
}

describe('mutual TLS by files', () => {
  it('carries a call between a service and a client', async () => {
    const service = uniqueService('tls');
    await startService({ service, redis: tls.url, tls: trusted }, [MathController]);
    const client = new HydraClient({ service, redis: tls.url, tls: trusted });
    atEnd(() => client.close());
    await expect(lastValueFrom(client.send<number>('sum', [1, 2]))).resolves.toBe(3);
  });

  it('is used for a host and a port too, and checks the name that is asked for', async () => {
    const { port } = tls;
    const redis = { host: '127.0.0.1', port };
    await openInstance({ redis, tls: { ...trusted, servername: 'redis.test' } }).redis.connect();
    await expect(
      openInstance({ redis, tls: { ...trusted, servername: 'other.test' } }).redis.connect(),
    ).rejects.toThrow(
      /TLS with 127\.0\.0\.1:\d+: the server's certificate is for another name .*other\.test/,
    );
  });

  it('uses certificates that were replaced on disk for the next connection, and keeps the last good ones', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'hydra-tls-'));
    atEnd(() => rm(folder, { recursive: true, force: true }));
    const files = { cert: join(folder, 'client.crt'), key: join(folder, 'client.key') };
    await copyFile(tls.client.cert, files.cert);
    await copyFile(tls.client.key, files.key);
    const instance = openInstance({ redis: tls.url, tls: { ca: tls.authority.ca, ...files } });
    await instance.redis.connect();
    const subjects = async () => {
      const stream = (instance.redis.commands as Redis).stream as { getCertificate?: () => object | null };
      return JSON.stringify(stream.getCertificate?.());
    };
    expect(await subjects()).toContain('"CN":"client"');

    const next = await tls.authority.issue('renewed');
    await copyFile(next.cert, files.cert);
    // The key is not there yet: the pair as it was before is used.
    await reconnect(instance);
    expect(await subjects()).toContain('"CN":"client"');
    await copyFile(next.key, files.key);
    await reconnect(instance);
    expect(await subjects()).toContain('"CN":"renewed"');
    // A file that is cut short does not take away what worked.
    await writeFile(files.cert, 'nothing');
    await reconnect(instance);
    expect(await subjects()).toContain('"CN":"renewed"');
  });

  it('says which file cannot be read or used', async () => {
    const missing = { ...trusted, ca: '/nowhere/ca.crt' };
    await expect(openInstance({ redis: tls.url, tls: missing }).redis.connect()).rejects.toMatchObject({
      code: 'BAD_OPTION',
      message: expect.stringContaining('tls.ca cannot be read: ENOENT'),
    });
    const swapped = { ...trusted, key: (await tls.authority.issue('another')).key };
    await expect(openInstance({ redis: tls.url, tls: swapped }).redis.connect()).rejects.toThrow(
      /tls\.key .* cannot be used: .*key values mismatch/,
    );
  });
});

describe('TLS of a topology', () => {
  const served = async (options: Partial<HydraOptions>) => {
    const service = uniqueService('tls');
    await startService({ service, ...options }, [MathController]);
    const client = new HydraClient({ service, ...options });
    atEnd(() => client.close());
    return lastValueFrom(client.send<number>('sum', [1, 2]));
  };
  const files = ({ authority, client }: TlsRedis) => [
    ...['--tls-ca', authority.ca, '--tls-cert', client.cert, '--tls-key', client.key],
  ];

  it('is spoken to Sentinels and to the primary they name, from the command line too', async () => {
    const sentinel = await startTlsSentinel(tls);
    const redis = { sentinels: [{ host: '127.0.0.1', port: sentinel.port }], name: 'main' };
    expect(await served({ redis, tls: trusted })).toBe(3);
    const url = `rediss://127.0.0.1:${sentinel.port}`;
    expect(
      await runInProcess(['services', '--redis', url, '--sentinel', 'main', ...files(tls)]),
    ).toMatchObject({ code: 0, out: expect.stringContaining('tls-') });
    const unknown = openInstance({ redis, tls: { servername: 'redis.test' } });
    await expect(unknown.redis.connect()).rejects.toThrow(
      /TLS with the Sentinel at 127\.0\.0\.1:\d+: the server's certificate is signed by a CA/,
    );
  });

  it('is spoken to each node of a Cluster, from the command line too', async () => {
    const cluster = await startTlsCluster();
    const options = { ca: cluster.authority.ca, ...cluster.client };
    const redis = { cluster: [{ host: '127.0.0.1', port: cluster.port }] };
    expect(await served({ redis, tls: options })).toBe(3);
    const { redis: nodes } = openInstance({ redis, tls: options });
    await nodes.connect();
    for (const { stream } of (nodes.commands as Cluster).nodes() as unknown as { stream?: Socket }[])
      for (const reason of ['write EPIPE', 'alert decode error'])
        expect(() => stream?.emit('error', new Error(reason))).not.toThrow();
    expect(
      await runInProcess(['services', '--redis', cluster.url, '--cluster', ...files(cluster)]),
    ).toMatchObject({ code: 0, out: expect.stringContaining('tls-') });
    const unknown = openInstance({ redis, tls: { servername: 'redis.test' } });
    await expect(unknown.redis.connect()).rejects.toThrow(
      `TLS with 127.0.0.1:${cluster.port}: the server's certificate is signed by a CA`,
    );
  });
});

describe('TLS that is refused', () => {
  const refused = async (given: TlsOptions, url = tls.url) => {
    const error: unknown = await openInstance({ redis: url, tls: given })
      .redis.connect()
      .catch((reason: unknown) => reason);
    return String(error);
  };
  const place = () => `127.0.0.1:${tls.port}`;

  it.each([
    [
      'of an unknown CA',
      () => ({ servername: 'redis.test' }),
      /signed by a CA that is not known here \(tls\.ca\)/,
    ],
    ['without a client certificate', () => ({ ca: tls.authority.ca }), /wants a client certificate/],
    [
      'with a client certificate of another CA',
      async () => ({ ca: tls.authority.ca, ...(await (await createAuthority('foreign')).issue('x')) }),
      /does not know the CA of our certificate|not take our certificate/,
    ],
    [
      'with a client certificate that has expired',
      async () => ({ ca: tls.authority.ca, ...(await tls.authority.issue('old', { days: -1 })) }),
      /our certificate/,
    ],
  ])('says what is wrong %s, and where', async (_, options, problem) => {
    const text = await refused(await options());
    expect(text).toMatch(problem);
    expect(text).toContain(place());
  });

  it("says that the server's certificate has expired", async () => {
    const names = [{ type: 'ip', value: '127.0.0.1' }] as const;
    const old = await startTlsRedis(
      (authority) => authority.issue('old', { names: [...names], days: -1 }),
      ['--tls-auth-clients', 'no'],
    );
    expect(await refused({ ca: old.authority.ca }, old.url)).toContain(
      `TLS with 127.0.0.1:${old.port}: the server's certificate, or one of those that sign it, has expired`,
    );
  });

  it('says in the log and to who waits that a plain connection may have met TLS', async () => {
    const instance = openInstance({ redis: tls.url.replace('rediss', 'redis') });
    void instance.redis.connect().catch(() => undefined);
    const reason = await eventually(() => instance.redis.reason, { what: 'a reason' });
    expect(reason).toContain(
      `${place()}: the server ended the connection without an answer: it may want TLS`,
    );
  });
});

describe('TLS of the command line', () => {
  const run = (...args: string[]) => runInProcess(['services', '--timeout', '4000', ...args]);
  const files = () => ['--tls-ca', trusted.ca!, '--tls-cert', trusted.cert!, '--tls-key', trusted.key!];

  it('connects with its files, and takes them from the environment', async () => {
    expect(await run('--redis', tls.url, ...files())).toMatchObject({ code: 0 });
    const before = { ...process.env };
    try {
      process.env['HYDRA_REDIS_URL'] = tls.url;
      process.env['HYDRA_REDIS_TLS_CA'] = trusted.ca;
      process.env['HYDRA_REDIS_TLS_CERT'] = trusted.cert;
      process.env['HYDRA_REDIS_TLS_KEY'] = trusted.key;
      process.env['HYDRA_REDIS_TLS_SERVERNAME'] = 'redis.test';
      expect(await run()).toMatchObject({ code: 0 });
      // The environment adds to TLS; a plain Redis stays one.
      const plain = await startPrivateRedis();
      expect(await run('--redis', plain.url)).toMatchObject({ code: 0 });
    } finally {
      process.env = before;
    }
  });

  it('says which problem of TLS it has, with which address', async () => {
    const unknown = await run('--redis', tls.url);
    expect(unknown).toMatchObject({ code: 5 });
    expect(unknown.err).toMatch(/TLS with 127\.0\.0\.1:\d+: the server's certificate is signed by a CA/);
    const halved = await run('--redis', tls.url, '--tls-cert', trusted.cert!);
    expect(halved).toMatchObject({ code: 2 });
    expect(halved.err).toContain('tls.cert and tls.key must be given together');
    const missing = await run('--redis', tls.url, '--tls-ca', '/nowhere/ca.crt');
    expect(missing.err).toContain('tls.ca cannot be read');
  });
});

async function reconnect(instance: HydraInstance): Promise<void> {
  (instance.redis.commands as Redis).stream.destroy();
  await eventually(() => !instance.redis.isReady, { what: 'the loss of the connection' });
  await eventually(() => instance.redis.isReady, { what: 'the connection to come back' });
}
