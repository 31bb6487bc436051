/**
 * Records what the real hydra package writes and reads, as golden vectors: `node tools/record-vectors.mjs [folder]`,
 * by default into test/vectors. It starts a Redis of its own. What differs between two runs (ids, times, process
 * numbers) is replaced by fixed values of the same shape.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import * as prettier from 'prettier';
import { startRedis } from './redis.mjs';

const VECTORS = fileURLToPath(new URL('../test/vectors/', import.meta.url));
const ROUTER_ID = '0000000000000000000000000000000f';
const TIMESTAMP = '2000-01-01T00:00:00.000Z';
const require = createRequire(import.meta.url);

const ADDRESSES = [
  'svc:/',
  'svc:',
  'svc',
  ':',
  '',
  ':/',
  '@svc:/',
  '@b@svc:/x',
  'id@svc:/',
  'id-@svc:/',
  'id-sub@svc:/',
  'id-sub-more@svc:/',
  'id--more@svc:/',
  '-sub@svc:/',
  'a@b@svc:/x',
  'svc:[get]/v1/x',
  'svc:[GET]/v1/x',
  'svc:[Get]',
  'svc:[]/x',
  'svc:[get/x',
  'svc:[get][post]/x',
  'svc:x[get]/y',
  'svc:[get]x',
  'svc:[get, post]/x',
  'svc:[ get ]/x',
  'svc:[\u0130]/x',
  'svc:/a:b:c',
  'id@svc:[post]/v1/a:b?c=d:e',
  'svc:/x@y',
  'svc:[get]/x@y:z',
  'svc: /x',
  'svc :/x',
  'Svc:/X',
  'http:',
  'http:/x',
  'http@svc:/x',
  'http://host:8080/p:[get]/x',
  'http://host/p:/x',
  'https://host:[get]/x',
  'id@http://host:8080/x:[get]/y',
  'httpbin-svc:/x',
  'httpd:[get]/x',
  'HTTPD:/x',
  'UID:143',
  'a/b',
  'client:/',
  `${ROUTER_ID}-1abc@hydra-router:/`,
  null,
  5,
  {},
];

const MESSAGES = {
  minimal: { to: 'a:/', from: 'b:/', body: {} },
  'an empty array for a body': { to: 'a:/', from: 'b:/', body: [] },
  'a text for a body': { to: 'a:/', from: 'b:/', body: 'text' },
  'body 0': { to: 'a:/', from: 'b:/', body: 0 },
  'body false': { to: 'a:/', from: 'b:/', body: false },
  'body null': { to: 'a:/', from: 'b:/', body: null },
  'an empty text for a body': { to: 'a:/', from: 'b:/', body: '' },
  'timeout 0': { to: 'a:/', from: 'b:/', body: {}, timeout: 0 },
  'rmid null': { to: 'a:/', from: 'b:/', rmid: null, body: {} },
  'every long name, in reverse order': {
    authorization: 'Basic eA==',
    body: { z: 1, a: { 2: 'two', 1: 'one' } },
    forward: '1abc@client:/',
    via: 'r-c@hydra-router:/',
    version: 'UMF/1.4.3',
    type: 'ask',
    timestamp: TIMESTAMP,
    timeout: 5,
    signature: 'ab12',
    rmid: 'm0',
    mid: 'm1',
    headers: { 'x-trace': 't' },
    from: 'b:/',
    to: 'a:/',
  },
  'every short name': {
    to: 'a:/',
    frm: 'b:/',
    hdr: { 'x-trace': 't' },
    mid: 'm1',
    rmid: 'm0',
    sig: 'ab12',
    tmo: 5,
    ts: TIMESTAMP,
    typ: 'ask',
    ver: 'UMF/1.4.3',
    via: 'r-c@hydra-router:/',
    fwd: '1abc@client:/',
    bdy: { x: 'é € 😀 \u2028 / \\ "' },
    aut: 'Basic eA==',
  },
  'both names and names hydra does not know': {
    to: 'a:/',
    from: 'L',
    frm: 'S',
    body: { l: 1 },
    bdy: { s: 1 },
    headers: { l: 1 },
    hdr: { s: 1 },
    mid: 'm',
    timestamp: 'L',
    ts: 'S',
    version: 'LV',
    ver: 'SV',
    type: 'lt',
    typ: 'st',
    timeout: 1,
    tmo: 2,
    forward: 'lf',
    fwd: 'sf',
    authorization: 'la',
    aut: 'sa',
    signature: 'ls',
    sig: 'ss',
    rmid: 'r',
    rmi: 'short',
    via: 'v',
    priority: 5,
    pri: 6,
    ttl: 7,
    for: 'f',
    foo: 1,
  },
};

const RECEIVED = [
  'not json',
  '',
  'null',
  '0',
  'false',
  '5',
  '"text"',
  '[1,2]',
  '{}',
  '{"to":"alpha:/","frm":"x:/","bdy":{"a":1}}',
  '{"to":"alpha:/","from":"x:/","body":"text"}',
  ' { "to" : "alpha:/", "frm":"x:/" , "body": 1.0 } ',
  '{"to":"alpha:/","frm":"x:/","mid":"M1","ts":"T","ver":"V","bdy":0}',
  '{"to":"alpha:/","frm":"x:/","mid":"M1","rmi":"RR","ts":"T","ver":"V","bdy":{"a":1},"pri":3,"zzz":1}',
  '{"to":"alpha:/","frm":"x:/","mid":"M1","rmid":null,"ts":"T","ver":"V","typ":null,"bdy":[]}',
  '{"to":"alpha:/","from":"long","frm":"short","mid":"M1","ts":"T","typ":"","type":"t","bdy":{"s":1},"body":{"l":1}}',
];

/** Queue elements, each an object with an object body: hydra 1.9.3 dies on marking anything else. */
const QUEUE_ELEMENTS = [
  '{"to":"alpha:/","bdy":{"a":1}}',
  '{"to": "alpha:/","bdy":{"a":1}}',
  '{"to":"alpha:/","bdy":{"a":1.0}}',
  '{"to":"alpha:/","bdy":{"a":1e2}}',
  '{"to":"alpha:/","bdy":{"a":-0}}',
  '{"to":"alpha:/","bdy":{"a":1e21}}',
  '{"to":"alpha:/","bdy":{"a":1e+21}}',
  '{"to":"alpha:/","bdy":{"a":12345678901234567890}}',
  '{"to":"alpha:/","bdy":{"a":"é€😀"}}',
  '{"to":"alpha:/","bdy":{"a":"\\u00e9"}}',
  '{"to":"alpha:/","bdy":{"a":"\\/"}}',
  '{"to":"alpha:/","bdy":{"a":"\\n"}}',
  '{"to":"alpha:/","bdy":{"a":"\\u000a"}}',
  '{"to":"alpha:/","bdy":{"a":"\\u0001"}}',
  '{"to":"alpha:/","bdy":{"a":"\\ud800"}}',
  '{"to":"alpha:/","bdy":{"2":1,"1":2}}',
  '{"to":"alpha:/","bdy":{"1":2,"2":1}}',
  '{"to":"alpha:/","bdy":{"a":1,"a":2}}',
  '{"to":"alpha:/","bdy":{"a":1}}\n',
];

const REPLIES = {
  'to one instance, with its own type and sender': {
    request: {
      to: 'alpha:/do',
      frm: '$INSTANCE@alpha:/',
      mid: 'm1',
      ts: TIMESTAMP,
      typ: 'ask',
      bdy: { q: 1 },
    },
    response: { from: '$INSTANCE@alpha:/', typ: 'answer', body: { a: 1 } },
  },
  'without a type of its own': {
    request: {
      to: 'alpha:/do',
      frm: '$INSTANCE@alpha:/',
      mid: 'm1',
      ts: TIMESTAMP,
      typ: 'ask',
      bdy: { q: 1 },
    },
    response: { body: { a: 1 } },
  },
  'to a request with everything': {
    request: {
      to: 'alpha:/do',
      frm: '$INSTANCE@alpha:/',
      hdr: { 'x-trace': 't' },
      mid: 'm1',
      rmid: 'm0',
      sig: 'ab12',
      tmo: 5,
      ts: TIMESTAMP,
      typ: 'ask',
      ver: 'UMF/1.4.3',
      bdy: { q: 1 },
      aut: 'Basic eA==',
    },
    response: { from: '$INSTANCE@alpha:/', typ: 'answer', body: { a: 1 } },
  },
  'through hydra-router': {
    request: {
      to: 'alpha:/do',
      frm: '1abc@client:/',
      mid: 'm1',
      ts: TIMESTAMP,
      typ: 'ask',
      via: `${ROUTER_ID}-1abc@hydra-router:/`,
      fwd: '1abc@client:/',
      bdy: { q: 1 },
    },
    response: { from: '$INSTANCE@alpha:/', typ: 'answer', body: { a: 1 } },
  },
};

/** Each call loads hydra's own files anew: the package holds one service a process. */
function loadHydra() {
  const own = /node_modules[\\/]hydra[\\/](?!node_modules)/;
  for (const file of Object.keys(require.cache)) if (own.test(file)) delete require.cache[file];
  return require('hydra');
}

async function startService(redisUrl, serviceName, servicePort) {
  const hydra = loadHydra();
  await hydra.init({
    hydra: {
      serviceName,
      serviceDescription: `the ${serviceName} service`,
      serviceVersion: '1.2.3',
      serviceType: 'test',
      serviceIP: '127.0.0.1',
      servicePort,
      redis: { url: `${redisUrl}/0` },
    },
  });
  await hydra.registerService();
  return hydra;
}

/** Returns a function that replaces what differs between two runs; the n-th new UUID it meets becomes number n. */
function normaliser(instanceIds = []) {
  const uuids = new Map();
  const uuid = (text) => {
    if (!uuids.has(text))
      uuids.set(text, `00000000-0000-4000-8000-${String(uuids.size + 1).padStart(12, '0')}`);
    return uuids.get(text);
  };
  return (text) =>
    instanceIds
      .reduce((rest, id, index) => rest.replaceAll(id, String(index + 1).padStart(32, '0')), text)
      .replace(/[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/g, uuid)
      .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g, TIMESTAMP)
      .replace(/"processID":\d+/, '"processID":4321')
      .replace(/"port":\d+/, '"port":40000')
      .replace(/"hostName":"[^"]*"/, '"hostName":"host"')
      .replace(/"architecture":"[^"]*"/, '"architecture":"x64"')
      .replace(/"platform":"[^"]*"/, '"platform":"linux"')
      .replace(/"nodeVersion":"[^"]*"/, '"nodeVersion":"v20.0.0"')
      .replace(/"(rss|heapTotal|heapUsed|external|arrayBuffers)":\d+/g, '"$1":1000000')
      .replace(/"uptimeSeconds":[\d.]+/, '"uptimeSeconds":5.25')
      .replace(/"stack":"(?:[^"\\]|\\.)*"/, '"stack":"Error: boom"');
}

async function eventually(what, probe) {
  for (const deadline = Date.now() + 5_000; Date.now() < deadline; await sleep(10)) {
    const found = await probe();
    if (found) return found;
  }
  throw new Error(`hydra did not do this within 5 s: ${what}`);
}

/** Collects everything published on hydra's channels. */
async function watchChannels(redisUrl) {
  const redis = new Redis(redisUrl);
  const seen = [];
  redis.on('pmessage', (_pattern, channel, payload) => seen.push({ channel, payload }));
  await redis.psubscribe('hydra:service:mc:*');
  return {
    next: () => eventually('publish a message', () => seen.shift()),
    close: () => redis.disconnect(),
  };
}

/** In whole seconds, rounded up; -1 for a key that does not expire. */
async function ttlOf(redis, key) {
  const milliseconds = await redis.pttl(key);
  return milliseconds < 0 ? milliseconds : Math.ceil(milliseconds / 1000);
}

function recordAddresses(umf) {
  return ADDRESSES.map((input) => {
    try {
      return { input, parsed: umf.parseRoute(input) };
    } catch {
      return { input, throws: true };
    }
  });
}

function recordMessages(umf) {
  return Object.entries(MESSAGES).map(([name, input]) => {
    const normal = normaliser();
    const message = umf.createMessage(input);
    const long = normal(JSON.stringify(message));
    return { name, input, long, short: normal(JSON.stringify(message.toShort())), valid: message.validate() };
  });
}

function recordSignatures(umf) {
  const input = { to: 'a:/', from: 'b:/', mid: 'm', timestamp: 't', body: { x: 1 } };
  const rich = { ...MESSAGES['every long name, in reverse order'] };
  const cases = [
    ['sha256', 'secret', input],
    ['sha256', 'clé €', rich],
    ['sha512', 'secret', rich],
  ];
  return cases.map(([algorithm, secret, fields]) => {
    const message = umf.createMessage(fields);
    const unsigned = JSON.stringify(umf.createMessage({ ...fields, signature: undefined }));
    message.signMessage(algorithm, secret);
    const short = JSON.stringify(message.toShort());
    return { algorithm, secret, unsigned, signature: message.signature, short };
  });
}

async function recordReplies({ hydra, channels }) {
  const cases = [];
  for (const [name, template] of Object.entries(REPLIES)) {
    const normal = normaliser([hydra.getInstanceID()]);
    const { request, response } = JSON.parse(
      JSON.stringify(template).replaceAll('$INSTANCE', hydra.getInstanceID()),
    );
    await hydra.sendReplyMessage(request, response);
    const { channel, payload } = await channels.next();
    cases.push({
      name,
      request: normal(JSON.stringify(request)),
      response: JSON.parse(normal(JSON.stringify(response))),
      channel: normal(channel),
      sent: normal(payload),
    });
  }
  return cases;
}

async function recordSent({ hydra, channels }) {
  const normal = normaliser([hydra.getInstanceID()]);
  const send = {
    'to a service': ['sendMessage', { to: 'alpha:/do', from: 'alpha:/', typ: 'ask', body: { q: 1 } }],
    'to an instance': [
      'sendMessage',
      { to: `${hydra.getInstanceID()}@alpha:/do`, from: 'alpha:/', body: {} },
    ],
    'to every instance': ['sendBroadcastMessage', { to: 'alpha:/', from: 'alpha:/', body: { all: true } }],
  };
  const cases = [];
  for (const [name, [method, message]] of Object.entries(send)) {
    await hydra[method](message);
    const { channel, payload } = await channels.next();
    cases.push({ name, method, channel: normal(channel), payload: normal(payload) });
  }
  return cases;
}

/** What hydra hands to its listeners for a payload: null when it drops it. */
async function recordReceived({ hydra, redis, channels }) {
  const emitted = [];
  const listen = (message) => emitted.push(message);
  hydra.on('message', listen);
  const cases = [];
  for (const wire of RECEIVED) {
    const normal = normaliser();
    await redis.publish('hydra:service:mc:alpha', wire);
    await redis.publish('hydra:service:mc:alpha', '{"typ":"the end"}');
    await eventually('emit the message after', () => emitted.at(-1)?.typ === 'the end');
    const message = emitted.splice(0)[0];
    cases.push({ wire, emitted: message.typ === 'the end' ? null : normal(JSON.stringify(message)) });
    await channels.next();
    await channels.next();
  }
  hydra.off('message', listen);
  return cases;
}

async function recordRecords({ hydra, other, redis }) {
  const id = hydra.getInstanceID();
  const normal = normaliser([id, other.getInstanceID()]);
  const valueOf = async (key) => ({
    key: normal(key),
    ttlSeconds: await ttlOf(redis, key),
    value: normal(await redis.get(key)),
  });
  const nodeOf = async (instance) => ({
    key: 'hydra:service:nodes',
    field: normal(instance),
    value: normal(await redis.hget('hydra:service:nodes', instance)),
  });

  hydra._updatePresence();
  hydra._updateHealthCheck();
  const healthKey = `hydra:service:alpha:${id}:health`;
  await eventually('write its health', () => redis.exists(healthKey));

  hydra.sendToHealthLog('info', 'a text');
  hydra.sendToHealthLog('error', { code: 'E', detail: [1, 2] });
  hydra.sendToHealthLog('fatal', new Error('boom'));
  hydra.sendToHealthLog('info', 'this names Redis, so hydra does not write it');
  hydra.sendToHealthLog('debug', 'the last');
  const logKey = `${healthKey}:log`;
  const entries = await eventually('write its log', async () => {
    const found = await redis.lrange(logKey, 0, -1);
    return found[0]?.includes('the last') && found;
  });

  return {
    service: await valueOf('hydra:service:alpha:service'),
    presence: await valueOf(`hydra:service:alpha:${id}:presence`),
    nodeWithConfiguredPort: await nodeOf(id),
    nodeWithChosenPort: await nodeOf(other.getInstanceID()),
    health: await valueOf(healthKey),
    log: { key: normal(logKey), newestFirst: entries.map(normal) },
  };
}

async function recordRoutes({ hydra, redis, channels }) {
  await hydra.registerRoutes(['[get]/v1/alpha/hello', '[post]/v1/alpha/thing/:id', '/v1/raw']);
  const key = 'hydra:service:alpha:service:routes';
  const { channel, payload } = await channels.next();
  return {
    key,
    members: (await redis.smembers(key)).toSorted(),
    refresh: { channel, payload: normaliser()(payload) },
  };
}

async function recordConfig({ hydra, redis }) {
  await hydra.putConfig('alpha:1.10.0', { hydra: { serviceName: 'alpha' }, limit: 5 });
  await hydra.putConfig('alpha:1.9.0', { limit: 4 });
  const key = 'hydra:service:alpha:configs';
  return {
    key,
    fields: await redis.hgetall(key),
    listed: await hydra.listConfig('alpha'),
    found: await hydra.getConfig('alpha:1.9.0'),
    missing: await hydra.getConfig('alpha:0.0.1'),
  };
}

async function recordQueue({ hydra, redis }) {
  const normal = normaliser([hydra.getInstanceID()]);
  const waiting = 'hydra:service:alpha:mqrecieved';
  const inProgress = 'hydra:service:alpha:mqinprogress';
  const incomplete = 'hydra:service:alpha:mqincomplete';
  const listOf = async (key) => ({ key, headFirst: (await redis.lrange(key, 0, -1)).map(normal) });

  await hydra.queueMessage({ to: 'alpha:/job', from: 'alpha:/', body: { job: 1, text: 'é €', number: 1.5 } });
  await hydra.queueMessage({ to: 'alpha:/job', from: 'alpha:/', mid: 'm2', body: { job: 2 } });
  const queued = await listOf(waiting);
  const first = await hydra.getQueuedMessage('alpha');
  const taken = await listOf(inProgress);
  await hydra.markQueueMessage(first, true);
  await hydra.markQueueMessage(await hydra.getQueuedMessage('alpha'), false, 'no luck');
  const failed = await listOf(incomplete);

  const removal = [];
  for (const raw of QUEUE_ELEMENTS) {
    await redis.del(waiting, inProgress);
    await redis.lpush(waiting, raw);
    await hydra.markQueueMessage(await hydra.getQueuedMessage('alpha'), true);
    removal.push({ raw, removed: (await redis.llen(inProgress)) === 0 });
  }
  await redis.del(waiting, inProgress);
  return { queued, taken, failed, removal };
}

/** Which of the instance's keys are left after `shutdown()`, with what is left of their time to live. */
async function recordShutdown({ hydra, redis }) {
  const id = hydra.getInstanceID();
  const normal = normaliser([id]);
  await hydra.shutdown();
  await eventually(
    'delete its presence',
    async () => !(await redis.exists(`hydra:service:alpha:${id}:presence`)),
  );
  const left = [];
  for (const key of await redis.keys('hydra:service:alpha:*')) {
    left.push({ key: normal(key), ttlSeconds: await ttlOf(redis, key) });
  }
  left.sort((a, b) => (a.key < b.key ? -1 : 1));
  return { left, nodeIsLeft: (await redis.hexists('hydra:service:nodes', id)) === 1 };
}

/** hydra only answers and refreshes through services that are present. */
async function pretendRouter(redis) {
  await redis.set(`hydra:service:hydra-router:${ROUTER_ID}:presence`, ROUTER_ID);
  await redis.hset(
    'hydra:service:nodes',
    ROUTER_ID,
    JSON.stringify({ serviceName: 'hydra-router', instanceID: ROUTER_ID, updatedOn: TIMESTAMP }),
  );
}

async function recordAll(redisUrl) {
  const redis = new Redis(redisUrl);
  const channels = await watchChannels(redisUrl);
  const hydra = await startService(redisUrl, 'Alpha', 7811);
  const other = await startService(redisUrl, 'beta', 0);
  await eventually('subscribe', async () => {
    const names = await redis.pubsub('CHANNELS', 'hydra:service:mc:alpha*');
    return names.length === 2;
  });
  await pretendRouter(redis);

  const umf = hydra.getUMFMessageHelper();
  const lab = { hydra, other, redis, channels };
  const vectors = {
    address: recordAddresses(umf),
    message: recordMessages(umf),
    signature: recordSignatures(umf),
    records: await recordRecords(lab),
    routes: await recordRoutes(lab),
    sent: await recordSent(lab),
    reply: await recordReplies(lab),
    received: await recordReceived(lab),
    config: await recordConfig(lab),
    queue: await recordQueue(lab),
    shutdown: await recordShutdown(lab),
  };
  await other.shutdown();
  channels.close();
  redis.disconnect();
  return vectors;
}

async function write(folder, vectors) {
  const style = await prettier.resolveConfig(path.join(VECTORS, 'address.json'));
  const recordedFrom = `hydra ${require('hydra/package.json').version}`;
  await mkdir(folder, { recursive: true });
  for (const [name, data] of Object.entries(vectors)) {
    const text = JSON.stringify({ recordedFrom, data });
    await writeFile(
      path.join(folder, `${name}.json`),
      await prettier.format(text, { ...style, parser: 'json' }),
    );
  }
}

// Either would override the configuration given to hydra.init().
delete process.env.HYDRA_REDIS_URL;
delete process.env.HYDRA_SERVICE;
const redis = await startRedis({ ownOnly: true });
await write(path.resolve(process.argv[2] ?? VECTORS), await recordAll(redis.url));
// hydra leaves timers and sockets behind; Redis ends with this process.
process.exit();
