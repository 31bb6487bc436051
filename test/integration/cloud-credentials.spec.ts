import { readFileSync } from 'node:fs';

import { resolveOptions } from '../../lib/hydra-options.js';
import { eventually } from '../support/eventually.js';
import { elastiCacheCredentials } from '../support/recipes/elasticache-credentials.js';
import { entraCredentials } from '../support/recipes/entra-credentials.js';
import { startPrivateRedis } from '../support/redis.js';
import { connectTo, startInstance } from '../support/registry.js';
import { uniqueService } from '../support/unique.js';

const OBJECT_ID = 'b7a1c2d3-0000-4000-8000-00000000abcd';

const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** As Entra's: a JWT that names the object. */
function tokenUntil(expiresAt: number, number: number): string {
  return [
    part({ alg: 'none' }),
    part({ oid: OBJECT_ID, exp: Math.floor(expiresAt / 1_000), number }),
    '',
  ].join('.');
}

it.each(['entra-credentials', 'elasticache-credentials'])(
  'docs/azure-and-aws.md shows %s as it is',
  (name) => {
    const recipe = readFileSync(`test/support/recipes/${name}.ts`, 'utf8').trimEnd();
    expect(readFileSync('docs/azure-and-aws.md', 'utf8')).toContain(`\`\`\`ts\n${recipe}\n\`\`\`\n`);
  },
);

it('a provider of @redis/entraid logs in as the object of its tokens, and again with each of them', async () => {
  const { url } = await startPrivateRedis();
  const admin = connectTo(url);
  await admin.call('ACL', 'SETUSER', OBJECT_ID, 'on', '~*', '&*', '+@all');
  let tokens = 0;
  const credential = {
    getToken: async () => {
      const expiresOnTimestamp = Date.now() + 3_000;
      const token = tokenUntil(expiresOnTimestamp, ++tokens);
      // Those before are over.
      await admin.call('ACL', 'SETUSER', OBJECT_ID, 'resetpass', `>${token}`);
      return { token, expiresOnTimestamp };
    },
  };
  const instance = await startInstance({
    service: uniqueService('entra'),
    redis: url,
    credentials: entraCredentials(credential),
  });
  const ids = async () =>
    String(await admin.client('LIST')).match(new RegExp(`id=\\d+(?=.*user=${OBJECT_ID})`, 'g'));
  const before = await ids();
  expect(before).not.toBeNull();
  await eventually(() => tokens >= 3, { what: 'two renewals', timeoutMs: 15_000 });
  expect([instance.redis.isReady, instance.redis.credentialWarning]).toEqual([true, undefined]);
  expect(await ids()).toEqual(before);
  await instance.close();
});

it('a token for ElastiCache is a signed request without its scheme', async () => {
  const { env } = process;
  const kept = { ...env };
  Object.assign(env, {
    AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE',
    AWS_SECRET_ACCESS_KEY: 'topsecret',
    AWS_SESSION_TOKEN: 'a+b/c=',
  });
  const credentials = elastiCacheCredentials({
    user: 'orders',
    name: 'cache-1',
    region: 'eu-west-1',
    isServerless: true,
  });
  const { username, password, expiresAt } = await credentials();
  process.env = kept;
  expect(resolveOptions({ service: 'orders', credentials }).credentials).toBe(credentials);
  expect(username).toBe('orders');
  expect(expiresAt - Date.now()).toBeGreaterThan(880_000);
  const url = new URL(`http://${password}`);
  expect([url.host, url.pathname]).toEqual(['cache-1', '/']);
  expect(Object.fromEntries(url.searchParams)).toMatchObject({
    Action: 'connect',
    User: 'orders',
    ResourceType: 'ServerlessCache',
    'X-Amz-Expires': '900',
    'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
    'X-Amz-Security-Token': 'a+b/c=',
    'X-Amz-Credential': expect.stringMatching(
      /^AKIDEXAMPLE\/\d{8}\/eu-west-1\/elasticache\/aws4_request$/,
    ) as string,
    'X-Amz-Signature': expect.stringMatching(/^[0-9a-f]{64}$/) as string,
  });
  expect(password).not.toContain('topsecret');
});
