import { startChild, type Child } from '../support/child.js';
import { eventually } from '../support/eventually.js';
import { testRedisUrl } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

type Counts = Readonly<Record<string, { readonly inside: number; readonly alone: number }>>;

async function start(requireParent: boolean): Promise<Child> {
  const child = startChild('test/integration/telemetry-ioredis.process.ts', {
    env: {
      SERVICE: uniqueService('instrumented'),
      REDIS: await testRedisUrl(),
      REQUIRE_PARENT: String(requireParent),
    },
  });
  await child.ready;
  return child;
}

const said = (child: Child, what: string) =>
  eventually(() => child.lines.find((line) => what in line), { what, timeoutMs: 30_000 });

describe("OpenTelemetry's instrumentation of ioredis beside ours", () => {
  it('makes no span while nothing happens, and one of each command of a handler', async () => {
    const child = await start(true);
    const { idle, spans } = await said(child, 'idle');
    expect({ idle, spans }).toEqual({ idle: {}, spans: 0 });
    const { busy } = (await said(child, 'busy')) as unknown as { busy: Counts };
    expect(busy).toEqual({ get: { inside: 20, alone: 0 } });
  });

  it('makes none of heartbeats and loops that belongs to a request, where it is told to make all', async () => {
    const child = await start(false);
    const { idle } = (await said(child, 'idle')) as unknown as { idle: Counts };
    expect(Object.keys(idle).length).toBeGreaterThan(0);
    const { busy } = (await said(child, 'busy')) as unknown as { busy: Counts };
    const inside = (counts: Counts) =>
      Object.entries(counts).flatMap(([name, count]) => (count.inside > 0 ? [name] : []));
    expect(inside(idle)).toEqual([]);
    expect(inside(busy)).toEqual(['get']);
  });
});
