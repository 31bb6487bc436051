import { firstValueFrom } from 'rxjs';
import { Controller } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';

import {
  aclRules,
  ConfigStore,
  HydraLogger,
  QueuePattern,
  QueueService,
  StreamPattern,
  StreamService,
  HydraClient,
  type AclOptions,
  type AclRole,
} from '../../lib/index.js';
import { HydraInstance } from '../../lib/hydra-instance.js';
import { startAclRedis, type AclRedis } from '../support/acl.js';
import { startService } from '../support/app.js';
import { runInProcess } from '../support/cli.js';
import { eventually } from '../support/eventually.js';
import { uniqueService } from '../support/unique.js';

const ROLES: readonly AclRole[] = [
  ...(['service', 'caller', 'worker', 'logger'] as const),
  ...(['upkeep', 'doctor', 'dashboard', 'reader'] as const),
];
const stream = uniqueService('coarse-orders');
const handled: string[] = [];

@Controller()
class Everything {
  @MessagePattern('sum')
  sum(@Payload() numbers: number[]): number {
    return numbers.length;
  }

  @QueuePattern('job')
  job(@Payload() number: number): number {
    return number;
  }

  @StreamPattern(stream, { from: 'beginning' })
  entry(@Payload() text: string): void {
    handled.push(text);
  }
}

let acl: AclRedis;

beforeAll(async () => {
  acl = await startAclRedis();
});

/** `'set'` → 1.0.0, `'client|setinfo'` → 7.2.0, as this Redis says. */
async function sinceOf(words: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const docs = (await acl.admin.call('COMMAND', 'DOCS')) as unknown[];
  const found = new Map<string, string>();
  const read = (list: readonly unknown[]) => {
    for (let n = 0; n < list.length; n += 2) {
      const facts = list[n + 1] as unknown[];
      const field = (name: string) => facts[facts.indexOf(name) + 1];
      found.set(String(list[n]), String(field('since')));
      if (facts.includes('subcommands')) read(field('subcommands') as unknown[]);
    }
  };
  read(docs);
  return new Map(words.map((word) => [word, found.get(word) ?? 'unknown']));
}

describe('the rights for a Redis of 6.2', () => {
  it.each(ROLES)('of a %s have no word that it does not know', async (role) => {
    const options: AclOptions = {
      roles: [role],
      server: '6.2',
      ...{
        calls: ['b'],
        queues: ['b/q'],
        streams: ['s'],
        consumes: ['s'],
        readsConfig: ['b'],
        writesConfig: ['b'],
      },
      layout: role === 'service' ? 'hash-tags' : 'classic',
    };
    const rules = aclRules('a', options);
    expect(rules.filter((rule) => /[()]|^%|^clearselectors/.test(rule))).toEqual([]);
    const commands = rules.filter((rule) => rule.startsWith('+')).map((rule) => rule.slice(1));
    const since = await sinceOf(commands);
    const later = [...since].filter(([, version]) => !/^([1-5]\.|6\.[0-2]\.)/.test(version));
    expect(later).toEqual([]);
    // A word that is a first argument need not be known: 6.2 takes any.
    expect(commands.length).toBeGreaterThan(10);
  });

  it('are said to be coarse', async () => {
    const { out, err } = await runInProcess(['acl', 'orders', '--server', '6.2']);
    expect(out + err).toMatch(
      /Redis 6\.2 has neither selectors nor keys that may only be read: every command is allowed/,
    );
  });

  it('are enough for a service, where scripts that only read are not known', async () => {
    const service = uniqueService('coarse');
    const options: AclOptions = { server: '6.2', consumes: [stream], streams: [stream] };
    const redis = await acl.userFor(service, options);
    const { app } = await startService({ service, redis }, [Everything]);
    const client = new HydraClient({ service }, app.get(HydraInstance));
    await expect(firstValueFrom(client.send('sum', [1, 2]))).resolves.toBe(2);
    const job = await app.get(QueueService).add('job', 7, { delayMs: 10, id: 'seven' });
    await expect(job.result({ timeoutMs: 20_000 })).resolves.toBe(7);
    await app.get(StreamService).publish(stream, 'hello');
    await eventually(() => handled.includes('hello'), { what: 'the entry', timeoutMs: 20_000 });
    await app.get(ConfigStore).put('1.0.0', { a: 1 });
    app.get(HydraLogger).error('hello');
    await app.close();
    // This server knows them, and refuses them: 6.2 says that there are none.
    const known = / (evalsha_ro|eval_ro|client\|setinfo)$/;
    const refused = (await acl.refused()).filter((line) => !known.test(line));
    expect(refused).toEqual([]);
  });
});
