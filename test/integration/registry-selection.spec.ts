import { Controller, Inject } from '@nestjs/common';
import { EventPattern, MessagePattern } from '@nestjs/microservices';
import { firstValueFrom, lastValueFrom } from 'rxjs';

import { HydraClient, HydraRecordBuilder, type RedisLocation } from '../../lib/index.js';
import { HydraInstance } from '../../lib/hydra-instance.js';
import { startService, type TestService } from '../support/app.js';
import { eventually } from '../support/eventually.js';
import { asOwnClient } from '../support/own-user.js';
import { testRedis } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

const heard: string[] = [];

@Controller()
class WhoController {
  constructor(@Inject(HydraInstance) private readonly instance: HydraInstance) {}

  @MessagePattern('who')
  who(): string {
    return this.instance.id;
  }

  @EventPattern('news')
  news(text: string): void {
    heard.push(`${text} ${this.instance.id}`);
  }
}

const whoAnswers = async (client: HydraClient, times = 30) => {
  const answers = Array.from({ length: times }, () => firstValueFrom(client.send<string>('who', {})));
  return [...new Set(await Promise.all(answers))];
};

describe('a client that is choosy', () => {
  const service = uniqueService('who');
  const clients: HydraClient[] = [];
  let redis: RedisLocation;
  let old: TestService;
  let eu: TestService;
  let us: TestService;

  beforeAll(async () => {
    redis = await testRedis();
    old = await startService({ service, redis, version: '1.4.0' }, [WhoController]);
    eu = await startService({ service, redis, version: '2.0.0', tags: ['eu'] }, [WhoController]);
    us = await startService({ service, redis, version: '2.1.0', tags: ['us', 'gpu'] }, [WhoController]);
  });

  afterAll(async () => {
    await Promise.all([...clients, old, eu, us].map((one) => one.close()));
  });

  async function clientOf(options: object): Promise<HydraClient> {
    const client = new HydraClient(asOwnClient({ service, redis, ...options }));
    clients.push(client);
    await client.connect();
    await eventually(() => client.instances.length > 0, { what: 'an instance that will do' });
    return client;
  }

  it('calls the versions it asks for, and no other', async () => {
    const client = await clientOf({ version: '^2' });
    await eventually(() => client.instances.length === 2, { what: 'both of version 2' });
    expect((await whoAnswers(client)).toSorted()).toEqual([eu.id, us.id].toSorted());
  });

  it('calls those that have the tags it asks for', async () => {
    expect(await whoAnswers(await clientOf({ tags: ['gpu', 'us'] }))).toEqual([us.id]);
  });

  it('broadcasts to those only', async () => {
    const client = await clientOf({ tags: ['eu'] });
    await lastValueFrom(client.broadcast('news', 'hello'));
    await eventually(() => heard.length > 0, { what: 'the news' });
    // A later answer of another instance shows that its channel was read in between.
    await whoAnswers(await clientOf({ version: '*' }));
    expect(heard).toEqual([`hello ${eu.id}`]);
  });

  it('fails with what it asked for when nobody will do', async () => {
    const client = new HydraClient(asOwnClient({ service, redis, version: '^3', tags: ['moon'] }));
    clients.push(client);
    await expect(firstValueFrom(client.send('who', {}))).rejects.toThrow('with version ^3, tags moon');
  });

  it('sends calls with one key to one instance', async () => {
    const client = await clientOf({});
    await eventually(() => client.instances.length === 3, { what: 'all three' });
    const whoFor = (key: string) =>
      firstValueFrom(client.send<string>('who', new HydraRecordBuilder({}).setKey(key).build()));
    const keys = Array.from({ length: 20 }, (_, index) => `customer-${index}`);
    const first = await Promise.all(keys.map(whoFor));
    expect(await Promise.all(keys.map(whoFor))).toEqual(first);
    expect(new Set(first).size).toBeGreaterThan(1);
  });
});
