import { startChild, type Child } from '../support/child.js';
import { openStore } from '../support/config.js';
import { eventually } from '../support/eventually.js';
import { startPrivateRedis } from '../support/redis.js';

const SERVICES = ['catalog', 'warehouse', 'accounts', 'gateway'] as const;
const PATIENCE = { timeoutMs: 15_000 };

type Service = (typeof SERVICES)[number];

interface JobEvent {
  readonly state: string;
  readonly progress?: { readonly step: string; readonly percent: number };
  readonly result?: { readonly parcel: string };
}

describe('the sample of a shop', () => {
  let redis: string;
  let shop: string;
  const children = new Map<Service, Child>();

  const startService = async (service: Service): Promise<string> => {
    const env = { HYDRA_REDIS_URL: redis, PORT: '0' };
    const child = startChild(`sample/08-shop/${service}.main.ts`, { env, readyTimeoutMs: 120_000 });
    children.set(service, child);
    return String((await child.ready)['url']);
  };

  beforeAll(async () => {
    // Its services have fixed names: a Redis of its own keeps them apart.
    redis = (await startPrivateRedis()).url;
    const urls = await Promise.all(SERVICES.map(startService));
    shop = urls.at(-1)!;
    for (const url of urls) await untilReady(url);
  }, 150_000);

  const untilReady = (url: string) =>
    eventually(async () => (await fetch(`${url}/ready`)).status === 200, {
      what: `${url} to be ready`,
      ...PATIENCE,
    });

  const get = async <T>(path: string) => (await (await fetch(`${shop}${path}`)).json()) as T;

  async function order(
    article: string,
    count = 1,
  ): Promise<{ status: number; body: Record<string, unknown> }> {
    const answer = await fetch(`${shop}/orders`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ customer: 'ada', article, count }),
    });
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
  }

  /** Every event of an order, read to the end of the stream. */
  async function eventsOf(id: unknown): Promise<JobEvent[]> {
    const text = await (await fetch(`${shop}/orders/${String(id)}/events`)).text();
    return [...text.matchAll(/^data: (.*)$/gm)].map(([, json]) => JSON.parse(json!) as JobEvent);
  }

  const untilEqual = (path: string, expected: object) =>
    eventually(async () => expect(await get(path)).toMatchObject(expected) ?? true, {
      what: `${path} to be right`,
      ...PATIENCE,
    });

  it('shows its page, and its articles with their prices', async () => {
    expect(await (await fetch(shop)).text()).toContain('<title>Shop</title>');
    expect(await get('/articles')).toContainEqual({ name: 'teapot', cents: 2_500, inStock: 1_000 });
  });

  it('packs an order, tells the browser how far it is, and two services of it', async () => {
    const { status, body } = await order('teapot', 2);
    expect({ status, body }).toMatchObject({ status: 202, body: { totalCents: 5_000 } });
    const events = await eventsOf(body['id']);
    expect(events.map(({ progress }) => progress?.percent)).toEqual(expect.arrayContaining([25, 50, 75]));
    const end = { state: 'completed', result: { parcel: expect.stringMatching(/^P-/) as string } };
    expect(events.at(-1)).toMatchObject(end);
    await untilEqual('/revenue', { orders: 1, cents: 5_000 });
    await untilEqual('/articles', [{ name: 'teapot', inStock: 998 }, {}, {}]);
  });

  it('answers with the status of what a service refuses', async () => {
    expect(await order('spoon')).toMatchObject({ status: 404, body: { message: 'no article "spoon"' } });
    expect(await order('teapot', 0)).toMatchObject({ status: 400 });
  });

  it('sells with the configuration of the moment', async () => {
    const { store } = await openStore('catalog', {}, { redis });
    await store.put('1.0.0', { prices: { discount: 20 } });
    await untilEqual('/articles', [{ name: 'teapot', cents: 2_000 }, {}, {}]);
  });

  it('has who calls whom, jobs and entries too', async () => {
    const edges = async () =>
      (await get<{ edges: { from: string; to: string; kind: string }[] }>('/topology')).edges;
    for (const edge of [
      { from: 'gateway', to: 'catalog', kind: 'call' },
      { from: 'gateway', to: 'warehouse', kind: 'job' },
    ])
      await eventually(
        async () => expect(await edges()).toContainEqual(expect.objectContaining(edge)) ?? true,
        {
          what: `an edge from ${edge.from} to ${edge.to}`,
          ...PATIENCE,
        },
      );
  });

  it('loses no order of a warehouse that is killed while it packs', async () => {
    const before = await get<{ orders: number }>('/revenue');
    const orders = await Promise.all(Array.from({ length: 5 }, () => order('cup')));
    const ends = orders.map(({ body }) => eventsOf(body['id']));
    await children.get('warehouse')!.kill('SIGKILL');
    await startService('warehouse');
    for (const events of await Promise.all(ends)) expect(events.at(-1)).toMatchObject({ state: 'completed' });
    await untilEqual('/revenue', { orders: before.orders + 5 });
  }, 120_000);

  it('drains each service on SIGTERM, and ends it', async () => {
    for (const [service, child] of children) {
      await child.kill('SIGTERM');
      expect(await child.exited).toEqual({ code: null, signal: 'SIGTERM' });
      // A process without hooks ends by the signal as well.
      expect(child.output()).toContain(`${service} drains: it takes no more work`);
    }
  }, 60_000);
});
