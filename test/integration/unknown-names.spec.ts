import { connectTo, startInstance } from '../support/registry.js';
import { startPrivateRedis } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

const NAMES = 20_000;

describe('names that come from outside', () => {
  it('cost no subscription and are not kept, however many are asked about', async () => {
    const { url } = await startPrivateRedis();
    const service = uniqueService('asked');
    const { discovery } = await startInstance({ service, redis: url });
    await discovery.waitFor(service);
    const client = connectTo(url);
    const channels = async () => ((await client.pubsub('CHANNELS')) as string[]).length;
    const before = await channels();
    const commandsBefore = await commandsOf(client);
    for (let n = 0; n < NAMES; n++) {
      const name = `who-${n}`;
      expect(discovery.has(name)).toBe(false);
      discovery.find(name);
      discovery.instances(name);
      discovery.match('GET', `/${name}/7`);
    }
    for (let n = 0; n < 200; n++) expect(await discovery.health(`who-${n}`)).toEqual([]);
    expect(await channels()).toBe(before);
    // Those of `health`, and of what an instance does meanwhile.
    expect((await commandsOf(client)) - commandsBefore).toBeLessThan(2_000);
    expect(discovery.has(service)).toBe(true);
  });
});

async function commandsOf(client: ReturnType<typeof connectTo>): Promise<number> {
  return Number(/total_commands_processed:(\d+)/.exec(await client.info('stats'))?.[1]);
}
