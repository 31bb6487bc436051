import { startAclRedis, type AclRedis } from '../support/acl.js';
import { rightsIn, tryWith, withoutRight } from '../support/taken-rights.js';
import { aclRules, type AclOptions } from '../../lib/index.js';

const OPTIONS: AclOptions = { consumes: ['taken-orders'], streams: ['taken-orders'] };
const SERVICE = 'taken-n';
const AT_ONCE = 6;

/** Each word of the rules: a command, keys that are written, keys that are read, channels. */
const RIGHTS = rightsIn(aclRules(SERVICE, OPTIONS));
const BATCHES = Array.from({ length: Math.ceil(RIGHTS.length / AT_ONCE) }, (_, n) =>
  RIGHTS.slice(n * AT_ONCE, (n + 1) * AT_ONCE),
);

let acl: AclRedis;
const refusals = new Map<string, readonly string[]>();

beforeAll(async () => {
  acl = await startAclRedis();
});

it('a service with all its rights does everything, and is refused nothing', async () => {
  const { problems, refused } = await tryWith(acl, (service) => aclRules(service, OPTIONS));
  expect([...problems, ...refused]).toEqual([]);
});

it.each(BATCHES.map((rights) => [rights.join(' '), rights] as const))(
  'a right that is taken away ends in FORBIDDEN or is told in health, and leaves nothing half taken: %s',
  async (_, rights) => {
    const tried = await Promise.all(
      rights.map((right) =>
        tryWith(acl, (service) => withoutRight(aclRules(service, OPTIONS), right.replace(SERVICE, service))),
      ),
    );
    rights.forEach((right, n) => refusals.set(right, tried[n]!.refused));
    const wrong = tried.flatMap(({ problems }, n) => problems.map((problem) => `${rights[n]}: ${problem}`));
    expect(wrong).toEqual([]);
  },
  120_000,
);

it('most of the rights are missed: only a few serve what happens seldom, or have a way around them', () => {
  const harmless = [...refusals].filter(([, refused]) => refused.length === 0).map(([right]) => right);
  expect(refusals.size).toBe(RIGHTS.length);
  expect(harmless.length).toBeLessThan(RIGHTS.length / 2);
});
