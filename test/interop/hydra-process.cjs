/**
 * The real hydra package as a process of its own, driven over stdin and stdout, one JSON object a line:
 *
 *   in   { "id": 1, "command": "find", "args": { "service": "math" } }
 *   out  { "id": 1, "result": … }  or  { "id": 1, "error": "…" }
 *   out  { "event": "message", "data": { short form } }  for every message received, and "log" for hydra's own log
 *
 * It ends when stdin does, so that it never outlives the test that started it.
 */
'use strict';

const readline = require('node:readline');
const { setTimeout: sleep } = require('node:timers/promises');

const REPLY_TIMEOUT_MS = 5_000;

const hydra = require('hydra');
const umf = hydra.getUMFMessageHelper();

/** Waiting requests: the message id to the function that takes the reply. */
const awaited = new Map();
let autoReply = {};

function emit(line) {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

function onMessage(message) {
  emit({ event: 'message', data: message });
  if (message.rmid !== undefined) awaited.get(message.rmid)?.(message);
  else
    reply(message).catch((error) => emit({ event: 'log', data: { type: 'error', msg: `${error.stack}` } }));
}

const wantsSum = ({ typ, to = '' }) => typ === 'sum' || to.endsWith(':/sum');

async function reply(message) {
  const { typ } = autoReply;
  const answer = (body) => hydra.sendReplyMessage(message, { ...(typ && { typ }), body });
  if (autoReply.sum && wantsSum(message)) await answer(message.bdy.reduce((sum, number) => sum + number, 0));
  else if (autoReply.echo) await answer(message.bdy);
}

const ownAddress = () => `${hydra.getInstanceID()}@${hydra.getServiceName()}:/`;

function messageOf({
  to,
  typ,
  body,
  frm = `${hydra.getServiceName()}:/`,
  mid,
  headers,
  authorization,
  timeout,
  via,
}) {
  const given = { to, from: frm, typ, body, mid, headers, authorization, timeout, via };
  return umf.createMessage(JSON.parse(JSON.stringify(given))).toJSON();
}

/** Sends and waits for the message whose rmid is ours. */
async function request(args) {
  const message = messageOf({ frm: ownAddress(), ...args });
  const timeoutMs = args.timeoutMs ?? REPLY_TIMEOUT_MS;
  const { promise, settle } = waitFor(message.mid, timeoutMs);
  const refusal = await hydra.sendMessage(message);
  if (refusal) settle(new Error(`hydra did not send it: ${JSON.stringify(refusal)}`));
  return promise;
}

function waitFor(mid, timeoutMs) {
  let settle;
  const promise = new Promise((resolve, reject) => {
    const timer = setTimeout(() => settle(new Error(`no reply to ${mid} within ${timeoutMs} ms`)), timeoutMs);
    settle = (outcome) => {
      clearTimeout(timer);
      awaited.delete(mid);
      if (outcome instanceof Error) reject(outcome);
      else resolve(outcome);
    };
    awaited.set(mid, settle);
  });
  return { promise, settle };
}

/** `register: false` gives what hydra-cli is: connected, but no service of its own. */
async function init({
  service,
  redisUrl,
  port = 0,
  version = '1.0.0',
  type = 'test',
  description,
  register = true,
}) {
  await hydra.init({
    hydra: {
      serviceName: service,
      serviceDescription: description ?? `the ${service} service`,
      serviceVersion: version,
      serviceType: type,
      serviceIP: '127.0.0.1',
      servicePort: port,
      redis: { url: withDatabase(redisUrl) },
    },
  });
  listen();
  const info = register ? await hydra.registerService() : {};
  if (register) await subscribed();
  return { ...info, instanceId: hydra.getInstanceID() };
}

/** hydra announces itself before it listens; what a test sent in between would be lost. */
async function subscribed() {
  const channel = `hydra:service:mc:${hydra.getServiceName()}`;
  const counts = () => hydra.redisdb.pubsubAsync('NUMSUB', channel, `${channel}:${hydra.getInstanceID()}`);
  while ((await counts()).includes(0)) await sleep(5);
}

function listen() {
  hydra.on('message', onMessage);
  hydra.on('log', (entry) => emit({ event: 'log', data: entry }));
}

/** hydra's URL parser takes the path for the database. */
function withDatabase(redisUrl) {
  const url = new URL(redisUrl);
  if (url.pathname === '' || url.pathname === '/') url.pathname = '/0';
  return url.href;
}

const commands = {
  init,
  find: ({ service }) => hydra.findService(service),
  presence: ({ service }) => hydra.getServicePresence(service),
  hasPresence: ({ service }) => hydra.hasServicePresence(service),
  services: () => hydra.getServices(),
  nodes: () => hydra.getServiceNodes(),
  // Not public for one service; getServiceHealthAll() is made of it.
  health: ({ service }) => hydra._getServiceHealth(service),
  healthAll: () => hydra.getServiceHealthAll(),
  healthlog: ({ service }) => hydra.getServiceHealthLog(service),
  log: ({ type, message }) => hydra.sendToHealthLog(type, message),
  send: (args) => hydra.sendMessage(messageOf(args)),
  broadcast: (args) => hydra.sendBroadcastMessage(messageOf(args)),
  request,
  autoReply: (args) => {
    autoReply = args;
  },
  reply: ({ to, body, typ, frm }) =>
    hydra.sendReplyMessage(to, JSON.parse(JSON.stringify({ body, typ, frm }))),
  registerRoutes: ({ routes }) => hydra.registerRoutes(routes),
  allRoutes: () => hydra.getAllServiceRoutes(),
  matchRoute: ({ path }) => hydra.matchRoute(path),
  queue: (args) => hydra.queueMessage(messageOf(args)),
  take: ({ service }) => hydra.getQueuedMessage(service),
  mark: ({ message, completed, reason }) => hydra.markQueueMessage(message, completed, reason),
  getConfig: ({ label }) => hydra.getConfig(label),
  putConfig: ({ label, config }) => hydra.putConfig(label, config),
  listConfig: ({ service }) => hydra.listConfig(service),
  apiRequest: async (args) => {
    const { payLoad, ...response } = await hydra.makeAPIRequest(messageOf(args));
    return payLoad === undefined ? response : { ...response, payLoad: payLoad.toString('utf8') };
  },
  shutdown: () => hydra.shutdown(),
};

async function perform(table, { id, command, args = {} }) {
  try {
    if (!Object.hasOwn(table, command)) throw new Error(`no command "${command}"`);
    emit({ id, result: (await table[command](args)) ?? null });
  } catch (error) {
    emit({ id, error: error instanceof Error ? error.stack : String(error) });
  }
}

/** Serves the commands until stdin ends. */
function serve(table) {
  // hydra and hydra-express print with console.log; stdout is for the protocol.
  for (const level of ['log', 'info', 'debug', 'dir']) console[level] = console.error;
  // Either would override the configuration given to init.
  delete process.env.HYDRA_REDIS_URL;
  delete process.env.HYDRA_SERVICE;
  const lines = readline.createInterface({ input: process.stdin });
  lines.on('line', (line) => void perform(table, JSON.parse(line)));
  lines.on('close', () => process.exit());
}

module.exports = { commands, listen, serve, withDatabase };

if (require.main === module) serve(commands);
