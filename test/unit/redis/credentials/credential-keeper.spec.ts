import { HydraError } from '../../../../lib/hydra-error.js';
import type { CredentialsProvider, RedisCredentials, StreamingCredentials } from '../../../../lib/index.js';
import { CredentialKeeper } from '../../../../lib/redis/credentials/credential-keeper.js';
import { ManualClock } from '../../../support/manual-clock.js';

const HOUR_MS = 3_600_000;
const random = { float: () => 0.5, uuid: () => '', bytes: () => Buffer.alloc(0) };

function keep(provider: CredentialsProvider, clock = new ManualClock()) {
  const told: string[] = [];
  const seen: (string | undefined)[] = [];
  const keeper = new CredentialKeeper(
    { provider, username: 'orders', clock, random },
    { renewed: () => seen.push(keeper.login?.password), failed: (text) => told.push(text) },
  );
  return { keeper, clock, told, seen };
}

/** Gives a token that lives for so long, or fails while `away` says why. */
function tokens(clock: ManualClock, lifeMs: number) {
  const state = { given: 0, away: undefined as string | undefined };
  const provider = (): RedisCredentials => {
    if (state.away !== undefined) throw new Error(state.away);
    return { password: `token${++state.given}`, expiresAt: new Date(clock.now() + lifeMs) };
  };
  return { state, provider };
}

describe('credentials with an end', () => {
  it('are asked for once, and again before their end', async () => {
    const clock = new ManualClock();
    const { state, provider } = tokens(clock, HOUR_MS);
    const { keeper, seen } = keep(provider, clock);
    expect(keeper.isFresh).toBe(false);
    await Promise.all([keeper.fresh(), keeper.fresh()]);
    expect(keeper.login).toMatchObject({ username: 'orders', password: 'token1' });
    expect([keeper.isFresh, state.given, seen]).toEqual([true, 1, []]);

    await clock.advance(0.7 * HOUR_MS);
    expect(state.given).toBe(1);
    await clock.advance(0.11 * HOUR_MS);
    expect(seen).toEqual(['token2']);
    keeper.close();
    expect(clock.timerCount).toBe(0);
  });

  it('are kept for as long as they hold while the provider is away, with a warning that says until when', async () => {
    const clock = new ManualClock();
    const { state, provider } = tokens(clock, HOUR_MS);
    const { keeper, seen, told } = keep(provider, clock);
    await keeper.fresh();
    state.away = 'ECONNREFUSED 169.254.169.254';
    await clock.advance(0.85 * HOUR_MS);
    expect(keeper.warning).toMatch(
      /^no credentials from their provider: ECONNREFUSED \S+; those there are expire in \d+ s$/,
    );
    expect(told.length).toBeGreaterThan(1);
    expect([keeper.isFresh, seen]).toEqual([true, []]);
    await keeper.fresh();

    state.away = undefined;
    await clock.advance(60_000);
    expect([keeper.warning, seen]).toEqual([undefined, ['token2']]);
  });

  it('are not shown after their end: what a connection hears then is why there are no others', async () => {
    const clock = new ManualClock();
    const { state, provider } = tokens(clock, HOUR_MS);
    const { keeper } = keep(provider, clock);
    await keeper.fresh();
    state.away = 'the provider is away';
    await clock.advance(1.1 * HOUR_MS);
    await expect(keeper.fresh()).rejects.toThrow('no credentials from their provider: the provider is away');
    expect(keeper.warning).toMatch(/they expired \d+ s ago$/);
    state.away = undefined;
    await clock.advance(30_000);
    expect(keeper.login?.password).toBe('token2');
  });

  it('that are over when they are given are not asked for without a pause', async () => {
    const clock = new ManualClock();
    const { state, provider } = tokens(clock, -1);
    const { keeper } = keep(provider, clock);
    await keeper.fresh();
    await clock.advance(10_000);
    expect(state.given).toBeLessThan(15);
  });
});

describe('credentials that Redis refuses', () => {
  it('are asked for again with the next connection', async () => {
    const { keeper } = keep(tokens(new ManualClock(), HOUR_MS).provider);
    await keeper.fresh();
    keeper.refused(new Error('WRONGPASS'));
    expect(keeper.isFresh).toBe(false);
    await keeper.fresh();
    expect([keeper.login?.password, keeper.isFresh]).toEqual(['token2', true]);
  });

  it('by a connection that stands are tried again, with a warning until they are taken', async () => {
    const clock = new ManualClock();
    const { keeper, seen } = keep(() => ({ password: 'slow to arrive' }), clock);
    await keeper.fresh();
    keeper.notTaken(new HydraError('REDIS_UNAVAILABLE', 'log in again: WRONGPASS'));
    expect(keeper.warning).toMatch(/^log in again: WRONGPASS/);
    await clock.advance(1_000);
    expect(seen).toEqual(['slow to arrive']);
    keeper.taken();
    expect(keeper.warning).toBeUndefined();
  });
});

describe('credentials that Redis refuses to a connection that did not ask', () => {
  const refusal = new HydraError('REDIS_UNAVAILABLE', 'connect to the node: WRONGPASS');

  it.each([undefined, HOUR_MS])('are asked for at once, with an end in %p ms', async (lifeMs) => {
    const clock = new ManualClock();
    let given = 0;
    const expiresAt = lifeMs && clock.now() + lifeMs;
    const { keeper, seen } = keep(() => ({ password: `p${++given}`, expiresAt }), clock);
    await keeper.fresh();
    await clock.advance(2_000);
    keeper.refusedByNode(refusal);
    keeper.refusedByNode(refusal);
    await clock.advance(1);
    expect([seen, keeper.warning]).toEqual([['p2'], undefined]);
    keeper.close();
  });

  it('are asked for after a pause, however often they are refused, and with a warning', async () => {
    const clock = new ManualClock();
    let given = 0;
    const { keeper } = keep(() => ({ password: `the same ${++given && ''}` }), clock);
    await keeper.fresh();
    for (let n = 0; n < 600; n++) {
      keeper.refusedByNode(refusal);
      await clock.advance(50);
      expect(keeper.warning).toMatch(/^connect to the node: WRONGPASS/);
    }
    expect(given).toBeGreaterThan(15);
    expect(given).toBeLessThan(40);
    keeper.close();
    keeper.refusedByNode(refusal);
    await clock.advance(60_000);
    expect([given < 40, clock.timerCount]).toEqual([true, 0]);
  });
});

describe('a provider', () => {
  it.each([
    ['nothing', undefined, /gave undefined/],
    ['no password', { username: 'a' }, /gave no password/],
    ['a number as user', { username: 1, password: 'secret' }, /gave a username of type number/],
    ['an end that is none', { password: 'secret', expiresAt: 'soon' }, /expiresAt that is neither/],
  ])('that gives %s is told so, without its password', async (_, given, reason) => {
    const { keeper } = keep((() => given) as never);
    const failure = await keeper.fresh().catch((error: unknown) => error as HydraError);
    expect(failure).toMatchObject({ code: 'BAD_OPTION', message: expect.stringMatching(reason) as string });
    expect((failure as Error).message).not.toContain('secret');
  });

  it('that does not answer has a limit, and is not asked more often than that', async () => {
    let asked = 0;
    const { keeper, clock } = keep(() => {
      asked++;
      return new Promise(() => undefined);
    });
    const failure = keeper.fresh().catch((error: unknown) => error as HydraError);
    await clock.advance(10_000);
    expect(await failure).toMatchObject({ code: 'REDIS_UNAVAILABLE', retryable: true });
    expect(String((await failure) as Error)).toContain('no answer within 10000 ms');
    expect(asked).toBe(1);
  });

  it('without an end to its credentials is asked for those of later connections', async () => {
    let given = 0;
    const { keeper, clock } = keep(() => ({ password: `p${++given}` }));
    await keeper.fresh();
    expect(keeper.isFresh).toBe(true);
    await clock.advance(1_500);
    expect(keeper.isFresh).toBe(false);
    await keeper.fresh();
    expect(given).toBe(2);
  });
});

describe("a provider of node-redis' shape", () => {
  function stream() {
    type Heard = Parameters<StreamingCredentials['subscribe']>[0];
    const state = { listener: undefined as Heard | undefined, disposed: 0, refusals: [] as Error[] };
    const provider = {
      type: 'streaming-credentials-provider',
      subscribe: (listener: Heard): Promise<[{ password: string }, { dispose(): void }]> => {
        state.listener = listener;
        return Promise.resolve([{ password: 'first' }, { dispose: () => state.disposed++ }]);
      },
      onReAuthenticationError: (error: Error) => state.refusals.push(error),
    };
    return { state, provider: provider as unknown as CredentialsProvider };
  }

  it('is subscribed to once, heard, and told of what Redis refuses', async () => {
    const { state, provider } = stream();
    const { keeper, seen } = keep(provider);
    await keeper.fresh();
    state.listener!.onNext({ username: 'other', password: 'second' });
    expect(keeper.login).toMatchObject({ username: 'other', password: 'second' });
    expect(seen).toEqual(['second']);
    state.listener!.onError(new Error('token endpoint is away'));
    expect(keeper.warning).toContain('token endpoint is away');
    state.listener!.onNext({ password: 'third' });
    expect(keeper.warning).toBeUndefined();
    keeper.notTaken(new HydraError('REDIS_UNAVAILABLE', 'WRONGPASS'));
    expect(state.refusals).toHaveLength(1);
    keeper.close();
    expect(state.disposed).toBe(1);
  });
});
