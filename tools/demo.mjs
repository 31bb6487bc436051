/**
 * `npm run demo`: a gateway and three math processes under load; one of them is killed with SIGKILL and another joins.
 * Ends with exit code 0 only if no call was lost, failed or answered wrongly. `--keep` leaves it all running.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Score } from './demo-score.mjs';
import { startLoad } from './http-load.mjs';
import { startTypeScript } from './json-process.mjs';
import { startAnyRedis } from './redis.mjs';
import { ensurePackages } from './setup.mjs';
import { formatCount, startLiveView } from './terminal.mjs';

const SAMPLE = 'sample/01-request-reply';
const MATH_PROCESSES = 3;
const CONCURRENCY = 32;
const KILL_AT_MS = 4_000;
const JOIN_AT_MS = 6_000;
const END_AT_MS = 12_000;

const keep = process.argv.includes('--keep');
const say = (line) => process.stdout.write(`${line}\n`);

/** What to end, the last started first. */
const running = [];

const stopping = new AbortController();

async function endAll() {
  for (const part of running.splice(0).toReversed()) await part.stop();
}

// Whatever these handlers miss (SIGKILL, a crash) the watchdog sees to.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.once(signal, () => {
    say(`\n${signal}: stopping ...`);
    stopping.abort();
    void endAll().finally(() => process.exit(130));
  });
}

async function start(starting) {
  const part = await starting;
  running.push(part);
  // Everything else has been ended by now.
  if (stopping.signal.aborted) await endAll();
  return part;
}

const startMath = (env) => start(startTypeScript(`${SAMPLE}/math.main.ts`, env));

/** Sums nobody else asks for at the same time, so that an answer meant for another call shows as wrong. */
function sumCalls(gatewayUrl) {
  let n = 0;
  return () => {
    n += 1;
    const expected = n + 2 * n + 3;
    return { url: `${gatewayUrl}/sum?n=${n},${2 * n},3`, check: (body) => body?.sum === expected };
  };
}

/** Loads the gateway for twelve seconds while instances go and come. */
async function rehearse({ gatewayUrl, maths, env }) {
  const score = new Score();
  for (const { ready } of maths) score.addInstance(ready.instance);
  const load = startLoad({
    concurrency: CONCURRENCY,
    nextUrl: sumCalls(gatewayUrl),
    onAnswer: (answer) => score.add(answer),
  });
  const view = startLiveView({ draw: () => score.lines(), summarise: () => score.line() });
  const startedAt = performance.now();
  // What takes long in between, such as a start, does not put off what comes after it.
  const until = (ms) =>
    sleep(Math.max(0, startedAt + ms - performance.now()), undefined, { signal: stopping.signal });
  const rehearsal = {
    stop: async () => {
      view.stop();
      await load.stop();
    },
  };
  running.push(rehearsal);

  await until(KILL_AT_MS);
  const [victim] = maths;
  await victim.kill('SIGKILL');
  score.setState(victim.ready.instance, 'killed');
  view.note(`kill -9 ${victim.pid}   (${victim.ready.instance})`);

  await until(JOIN_AT_MS);
  const joining = await startMath(env);
  score.addInstance(joining.ready.instance, 'new');
  view.note(`started ${joining.pid}   (${joining.ready.instance})`);

  await until(END_AT_MS);
  await load.stop();
  score.finish();
  running.splice(running.indexOf(rehearsal), 1);
  view.stop();
  return { score, sent: load.sent(), newcomerCalls: score.callsOf(joining.ready.instance) };
}

function judge({ score, sent, newcomerCalls }) {
  const lost = sent - score.answered - score.failed - score.wrong;
  const clean = lost === 0 && score.failed === 0 && score.wrong === 0 && newcomerCalls > 0;
  say(`\nsent ${formatCount(sent)}   answered ${formatCount(score.answered)}   lost ${lost}`);
  say(
    `failed ${score.failed}   wrong ${score.wrong}   answered by the newcomer ${formatCount(newcomerCalls)}`,
  );
  for (const failure of score.failures) say(`  ${failure}`);
  say(clean ? 'One instance was killed and one joined; no caller noticed.' : 'That was not clean.');
  return clean;
}

function explain({ redis, gatewayUrl }) {
  say(`\nStill running, until Ctrl-C:\n  Redis    ${redis.url}\n  gateway  ${gatewayUrl}\n`);
  say(`  curl '${gatewayUrl}/sum?n=1,2,3'\n  curl ${gatewayUrl}/instances`);
}

async function main() {
  // First: whoever has none should not learn it after a long installation.
  const redis = await start(startAnyRedis({ log: say }));
  await ensurePackages({ log: say });
  const env = { HYDRA_REDIS_URL: redis.url, PORT: '0' };
  say(`starting ${MATH_PROCESSES} math processes and a gateway ...`);
  const [gateway, ...maths] = await Promise.all([
    start(startTypeScript(`${SAMPLE}/gateway.main.ts`, env)),
    ...Array.from({ length: MATH_PROCESSES }, () => startMath(env)),
  ]);
  const gatewayUrl = gateway.ready.url;
  say(`gateway on ${gatewayUrl}, ${CONCURRENCY} callers for ${END_AT_MS / 1_000} s\n`);

  const clean = judge(await rehearse({ gatewayUrl, maths, env }));
  process.exitCode = clean ? 0 : 1;
  if (!keep) return endAll();
  explain({ redis, gatewayUrl });
  await Promise.race(running.filter((part) => part.exited).map((part) => part.exited));
}

try {
  await main();
} catch (error) {
  // The handler of the signal ends the process, and whatever breaks meanwhile does so because of that.
  if (!stopping.signal.aborted) {
    say(`\n${error.stack}`);
    process.exitCode = 1;
    await endAll().catch(() => {});
  }
}
