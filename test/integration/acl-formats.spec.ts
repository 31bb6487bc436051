import { Controller } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';
import { firstValueFrom } from 'rxjs';

import { aclRules, HydraClient, QueuePattern, QueueService, StreamService } from '../../lib/index.js';
import { aclServerOf, startAclRedis, type AclRedis } from '../support/acl.js';
import { startService } from '../support/app.js';
import { atEnd } from '../support/at-end.js';
import { runInProcess } from '../support/cli.js';
import { eventually } from '../support/eventually.js';
import { uniqueService } from '../support/unique.js';

const run: number[] = [];

@Controller()
class OrdersController {
  @MessagePattern('order')
  order(@Payload() number: number): number {
    return number;
  }

  @QueuePattern('mail')
  mail(@Payload() number: number): void {
    run.push(number);
  }
}

/** What the command line prints, without its last line break. */
async function printed(...words: readonly string[]): Promise<string> {
  const { code, out } = await runInProcess(['acl', ...words]);
  expect(code).toBe(0);
  return out.trim();
}

/** Gives a command to Redis as `redis-cli` does that reads it from a file: divided at its spaces. */
function give(acl: AclRedis, line: string): Promise<unknown> {
  const [command = '', ...words] = line.split(' ');
  return acl.admin.call(command, ...words);
}

/** Everything that Redis says about the rights of a user, but for its passwords. */
async function rightsOf({ admin }: AclRedis, user: string): Promise<unknown> {
  const about = (await admin.call('ACL', 'GETUSER', user)) as unknown[];
  const names = about.filter((_, index) => index % 2 === 0);
  return names.flatMap((name, index) => (name === 'passwords' ? [] : [name, about[2 * index + 1]]));
}

const isAllowed = async ({ admin }: AclRedis, user: string, text: string) =>
  (await admin.call('ACL', 'DRYRUN', user, ...text.split(' '))) === 'OK';

describe.each(['resetchannels', 'allchannels'])('where a new user begins with %s', (pubsub) => {
  let acl: AclRedis;
  let server: string;
  beforeAll(async () => {
    acl = await startAclRedis(['--acl-pubsub-default', pubsub]);
    server = await aclServerOf(acl.admin);
  });

  it('--format redis prints a command after which the service does all it is there for, and is refused nothing', async () => {
    const [orders, audit] = [uniqueService('orders'), uniqueService('audit')];
    const line = await printed(orders, '--calls', orders, '--streams', audit, '--server', server);
    expect(line).toMatch(new RegExp(`^ACL SETUSER ${orders} on >PASSWORD resetkeys resetchannels `));
    await expect(give(acl, line.replace('PASSWORD', 'secret'))).resolves.toBe('OK');
    const redis = acl.url.replace('//', `//${orders}:secret@`);
    const { app } = await startService({ service: orders, redis }, [OrdersController]);
    const client = new HydraClient({ service: orders, name: orders, redis });
    atEnd(() => client.close());
    await expect(firstValueFrom(client.send('order', 7))).resolves.toBe(7);
    await app.get(QueueService).add('mail', 1);
    await app.get(StreamService).publish(audit, {});
    await eventually(() => run.includes(1), { what: 'the job to run' });
    run.length = 0;
    expect(await acl.refused()).toEqual([]);
    expect(await isAllowed(acl, orders, 'PUBLISH hydra:service:mc:elsewhere {}')).toBe(false);
    expect(await isAllowed(acl, orders, 'SET elsewhere x')).toBe(false);
  });

  it('a command that is given again with fewer names takes the others away', async () => {
    const orders = uniqueService('orders');
    await give(acl, await printed(orders, '--calls', 'payments,stock', '--queues', 'mail'));
    const published = 'PUBLISH hydra:service:mc:stock {}';
    expect(await isAllowed(acl, orders, published)).toBe(true);
    await give(acl, await printed(orders, '--calls', 'payments'));
    expect(await isAllowed(acl, orders, published)).toBe(false);
    expect(await isAllowed(acl, orders, 'PUBLISH hydra:service:mc:payments {}')).toBe(true);
    expect(await isAllowed(acl, orders, 'LPUSH hydra:service:mail:mqrecieved x')).toBe(false);
  });

  it.each([
    ['azure', 'of now'],
    ['elasticache', 'of now'],
    ['azure', '6.2'],
    ['elasticache', '6.2'],
  ])('--format %s, for a server %s, prints what gives a new user the same rights', async (format, of) => {
    const oldest = of === '6.2' ? of : server;
    const named = ['--calls', 'payments', '--queues', 'mail', '--streams', 'audit', '--server', oldest];
    const text = await printed('orders', ...named, '--format', format);
    const [wanted, given] = [uniqueService('wanted'), uniqueService('given')];
    const whole = await printed('orders', ...named);
    await give(acl, whole.replace('SETUSER orders', `SETUSER ${wanted}`));
    // A user of these services is switched on there, and has its password there.
    await give(acl, `ACL SETUSER ${given} on >PASSWORD ${text}`);
    expect(await rightsOf(acl, given)).toEqual(await rightsOf(acl, wanted));
  });
});

describe('the access strings', () => {
  const BOTH = ['azure', 'elasticache'] as const;

  it.each(BOTH)('of %s have no user and no password, and no word that is refused there', async (format) => {
    const words = (await printed('orders', '--format', format)).split(' ');
    expect(
      words.filter((word) => /^[><#!]|^(?:reset|nopass|resetpass|ACL|SETUSER|orders)$/.test(word)),
    ).toEqual([]);
    // What a service switches on is said by ElastiCache's string, and nowhere in Azure's.
    expect(words.includes('on')).toBe(format === 'elasticache');
    expect(words.slice(0, 3).join(' ')).toBe(
      format === 'azure' ? 'resetchannels -@all +hello' : 'on resetchannels -@all',
    );
  });

  it.each(BOTH)('of %s for 6.2 are without selectors and keys that are only read', async (format) => {
    const text = await printed('orders', '--format', format, '--server', '6.2');
    expect(text).not.toMatch(/[()%]/);
  });

  it('are not in JSON, which has the words; and a format that is not there is refused', async () => {
    const json = JSON.parse(await printed('orders', '--json')) as unknown;
    expect(json).toEqual({ service: 'orders', rules: aclRules('orders') });
    const { code, err } = await runInProcess(['acl', 'orders', '--format', 'gcp']);
    expect(code).toBe(2);
    expect(err).toMatch(/format.*redis, azure, elasticache/);
  });
});
