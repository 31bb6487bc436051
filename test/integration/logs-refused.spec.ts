import { HydraHealthIndicator, HydraLogger } from '../../lib/index.js';
import { startService } from '../support/app.js';
import { startAclRedis, type AclRedis } from '../support/acl.js';
import { eventually } from '../support/eventually.js';
import { uniqueService } from '../support/unique.js';

let acl: AclRedis;

beforeAll(async () => {
  acl = await startAclRedis();
});

describe('a process whose user may not keep its log', () => {
  it.each(['multi', 'exec', 'lpush', 'ltrim'])(
    'says so in readiness, and stays ready (%s)',
    async (right) => {
      const service = uniqueService('unlogged');
      await acl.admin.call('ACL', 'SETUSER', service, 'reset', 'on', '>pw', '~*', '&*', '+@all', `-${right}`);
      const { app } = await startService({ service, redis: acl.url.replace('//', `//${service}:pw@`) }, []);
      app.get(HydraLogger).error('hello');
      await app.get(HydraLogger).flush();
      const { hydra } = await app.get(HydraHealthIndicator).isHealthy();
      expect(hydra).toMatchObject({ status: 'up' });
      expect(JSON.stringify(hydra?.warnings)).toMatch(
        new RegExp(`keep the log: Redis refused .*${right}`, 'i'),
      );
      await app.close();
    },
  );

  it('says that it may not read which level was asked for', async () => {
    const service = uniqueService('no-level');
    const rules = [
      'reset',
      'on',
      '>pw',
      '~*',
      '&*',
      '+@all',
      '-get',
      '(+get ~*:instances ~*:epoch ~*:service)',
    ];
    await acl.admin.call('ACL', 'SETUSER', service, ...rules, '(+get ~*:config:*)');
    const { app } = await startService({ service, redis: acl.url.replace('//', `//${service}:pw@`) }, []);
    app.get(HydraLogger).error('hello');
    const health = async () => JSON.stringify((await app.get(HydraHealthIndicator).isHealthy()).hydra);
    await eventually(async () => (await health()).includes('read the log level: Redis refused GET'), {
      what: 'the reason',
    });
    await app.close();
  });
});
