import type { Primary } from '../../redis/primaries.js';
import { fieldsOf, type Info } from '../../redis/faults/server-facts.js';
import type { Asked } from './asked.js';
import { known } from './known.js';
import { ASKING, permitted } from './permitted.js';
import { onlySome } from './keys-seen.js';
import type { Known, SeenServer, ServerEvidence, ServerFacts } from './facts.js';

const SETTINGS = ['appendfsync', 'client-output-buffer-limit'] as const;
/** What one server is asked beside INFO: see {@link closerLook}. */
const CLOSER = ASKING + SETTINGS.length + 3;
const SLOW_LOOKED_FOR = 32;
const RECENT_S = 600;
const MICROS = 1_000;

/** What INFO of a server says, or why it says nothing. */
export interface AskedServer {
  readonly primary: Primary;
  readonly info: Known<Info>;
}

/** Asks each server about itself, and as many as the commands are enough for about its settings, clients and slow commands. */
export async function seeServers(
  asked: Asked,
  servers: readonly AskedServer[],
  { reserve, leftOut }: { readonly reserve: number; readonly leftOut: number },
): Promise<readonly SeenServer[]> {
  const most = Math.floor((asked.left - reserve) / CLOSER);
  const some = servers.filter(({ info }) => 'value' in info).slice(0, Math.max(0, most));
  const seen = await Promise.all(
    servers.map(async (server) => {
      const { info, primary } = server;
      const isCloser = some.includes(server);
      const rest = isCloser
        ? await closerLook(asked, primary, info)
        : others(
            'why' in info ? info.why : `only ${some.length} of ${servers.length} servers were asked this`,
          );
      return { name: primary.name, evidence: { info, ...rest } };
    }),
  );
  if (leftOut === 0) return seen;
  const partly = [onlySome(servers.length, leftOut)];
  return seen.map(({ name, evidence }) => {
    const { info } = evidence;
    return { name, evidence: { ...evidence, info: 'value' in info ? { ...info, partly } : info } };
  });
}

/** What a server says of itself in general. */
export async function askInfo(asked: Asked, primary: Primary): Promise<AskedServer> {
  const info = await known(async () => fieldsOf(await asked.ask('INFO', () => primary.client.info())));
  return { primary, info };
}

type Closer = Omit<ServerEvidence, 'info'>;

function others(why: string): Closer {
  return { settings: { why }, clients: { why }, patterns: { why }, slow: { why } };
}

async function closerLook(asked: Asked, { client }: Primary, info: Known<Info>): Promise<Closer> {
  const now = 'value' in info ? Number(info.value['server_time_usec']) / 1_000_000 : Number.NaN;
  const may = await permitted(asked, client, {
    'CONFIG GET': ['CONFIG', 'GET', SETTINGS[0]],
    'CLIENT LIST': ['CLIENT', 'LIST'],
    'PUBSUB NUMPAT': ['PUBSUB', 'NUMPAT'],
    'SLOWLOG GET': ['SLOWLOG', 'GET', String(SLOW_LOOKED_FOR)],
  });
  const [settings, clients, patterns, slow] = await Promise.all([
    known(async () => (may('CONFIG GET'), settingsOf(asked, client))),
    known(async () => (may('CLIENT LIST'), { monitors: await monitors(asked, client) })),
    known(async () => (may('PUBSUB NUMPAT'), patternsOf(asked, client))),
    known(async () => (may('SLOWLOG GET'), slowCommands(asked, client, now))),
  ]);
  return { settings, clients, patterns, slow };
}

async function monitors(asked: Asked, client: Primary['client']): Promise<number> {
  return monitorsIn(String(await asked.ask('CLIENT LIST', () => client.client('LIST'))));
}

async function patternsOf(asked: Asked, client: Primary['client']): Promise<number> {
  return Number(await asked.ask('PUBSUB NUMPAT', () => client.pubsub('NUMPAT')));
}

async function settingsOf(asked: Asked, client: Primary['client']): Promise<ServerFacts['settings']> {
  const found = await Promise.all(
    SETTINGS.map((name) => {
      const get = async () => (await client.config('GET', name)) as [string?, string?];
      return asked.ask(`CONFIG GET ${name}`, get);
    }),
  );
  return Object.fromEntries(found.map(([name = '', value = '']) => [name, value]));
}

/** Connections whose flags have an O. Nothing else of the list is kept: it names users and addresses. */
function monitorsIn(list: string): number {
  return list.split('\n').filter((line) => /\bflags=\w*O/.test(line)).length;
}

/** Of the last ten minutes. Of each its name alone: its arguments may be secret. */
async function slowCommands(
  asked: Asked,
  client: Primary['client'],
  now: number,
): Promise<ServerFacts['slow']> {
  const get = async () => (await client.slowlog('GET', SLOW_LOOKED_FOR)) as SlowEntry[];
  const entries = await asked.ask('SLOWLOG GET', get);
  return entries
    .filter(([, at]) => !(now - at >= RECENT_S))
    .map(([, , micros, [command = '?']]) => ({ ms: micros / MICROS, command: command.toUpperCase() }));
}

type SlowEntry = readonly [id: number, at: number, micros: number, words: readonly string[]];
