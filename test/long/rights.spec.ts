import { readFileSync } from 'node:fs';

import { startAclRedis, type AclRedis } from '../support/acl.js';
import { rightsIn, tryWith, withoutRight, type Tried } from '../support/taken-rights.js';
import { aclRules, type AclOptions } from '../../lib/index.js';

const OPTIONS: AclOptions = { consumes: ['taken-orders'], streams: ['taken-orders'] };
const SERVICE = 'taken-n';
const AT_ONCE = 6;

/** Each word of the rules: a command, keys that are written, keys that are read, channels. */
const RIGHTS = rightsIn(aclRules(SERVICE, OPTIONS));
const BATCHES = Array.from({ length: Math.ceil(RIGHTS.length / AT_ONCE) }, (_, n) =>
  RIGHTS.slice(n * AT_ONCE, (n + 1) * AT_ONCE),
);

const NOTHING: Tried = { problems: [], rejected: [], told: [] };
/**
 * What each right is missed by. `rejected`: who asks for this is refused it with FORBIDDEN, `start` being the start of the process.
 * `told`: it waits, and readiness says why, unless who waits is refused a look before. Of a right that is not listed nothing here
 * is in need.
 */
const EXPECTED = JSON.parse(readFileSync('test/support/taken-rights.json', 'utf8')) as Readonly<
  Record<string, Partial<Tried>>
>;

/** Who waits may be refused a look before readiness is asked: that is told too. */
function asListed({ problems, rejected, told }: Tried, listed: Tried): Tried {
  const isWaited = (step: string) => listed.told.includes(step);
  const heard = [...told, ...rejected.filter(isWaited)];
  const unlisted = told.filter((step) => !isWaited(step));
  return {
    problems,
    rejected: rejected.filter((step) => !isWaited(step)),
    told: [...listed.told.filter((step) => heard.includes(step)), ...unlisted],
  };
}

let acl: AclRedis;

beforeAll(async () => {
  acl = await startAclRedis();
});

it('a service with all its rights does everything, and is refused nothing', async () => {
  const { problems, rejected, told } = await tryWith(acl, (service) => aclRules(service, OPTIONS));
  expect([...problems, ...rejected, ...told]).toEqual([]);
});

it.each(BATCHES.map((rights) => [rights.join(' '), rights] as const))(
  'a right that is taken away is refused to who asks, or told in readiness, as is listed, and leaves nothing half taken: %s',
  async (_, rights) => {
    const tried = await Promise.all(
      rights.map((right) =>
        tryWith(acl, (service) => withoutRight(aclRules(service, OPTIONS), right.replace(SERVICE, service))),
      ),
    );
    const listed = rights.map((right) => ({ right, ...NOTHING, ...EXPECTED[right] }));
    expect(listed.map((one, n) => ({ right: one.right, ...asListed(tried[n]!, one) }))).toEqual(listed);
  },
  120_000,
);

it('most of the rights are missed: only a few serve what happens seldom, or have a way around them', () => {
  expect(Object.keys(EXPECTED).filter((right) => !RIGHTS.includes(right))).toEqual([]);
  expect(Object.keys(EXPECTED).length).toBeGreaterThan(RIGHTS.length / 2);
});
