import { startChild, type Child, type ChildLine } from '../support/child.js';
import { eventually } from '../support/eventually.js';
import { testRedisUrl } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';
import { HydraPeer } from './hydra-peer.js';

interface Span {
  readonly role: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentId?: string;
  readonly name: string;
  readonly kind: string;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly linked: readonly string[];
}

const ROLES = ['gateway', 'prices', 'invoices', 'archive'];
const names = Object.fromEntries(
  [...ROLES, 'legacy', 'sales'].map((role) => [role, uniqueService(`trace-${role}`)]),
);
/** What varies from run to run. */
const plain = (name: string) =>
  Object.entries(names).reduce((text, [role, given]) => text.replace(given, role), name);

async function startAll(work: 'child' | 'link') {
  const redis = await testRedisUrl();
  const legacy = await HydraPeer.start({ service: names['legacy']!, redisUrl: redis });
  await legacy.call('autoReply', { sum: true, typ: 'reply' });
  const children = ROLES.map((role) =>
    startChild('test/integration/telemetry.process.ts', {
      env: { ROLE: role, NAMES: JSON.stringify(names), WORK: work, HYDRA_REDIS_URL: redis },
    }),
  );
  const [gateway] = await Promise.all(children.map(({ ready }) => ready));
  return { legacy, children, port: gateway!['port'] as number };
}

const spansOf = (children: readonly Child[]) =>
  children.flatMap(({ lines }) =>
    lines.flatMap((line: ChildLine) => (line['span'] ? [line['span'] as Span] : [])),
  );

/** Each span under its parent: `role: KIND name`, in the order of their names where there are several. */
function treeOf(spans: readonly Span[]): string[] {
  const show = (span: Span, depth: number): string[] => [
    `${'  '.repeat(depth)}${span.role}: ${span.kind} ${plain(span.name)}`,
    ...spans.filter(({ parentId }) => parentId === span.spanId).flatMap((child) => show(child, depth + 1)),
  ];
  const roots = spans.filter(({ parentId }) => !spans.some(({ spanId }) => spanId === parentId));
  return roots.flatMap((root) => show(root, 0));
}

describe('a trace over six processes, one of them Hydra 1.9', () => {
  it('goes from HTTP through HTTP, call, job, entry and call, and back from Hydra, span by span', async () => {
    const { legacy, children, port } = await startAll('child');
    const answer = await fetch(`http://127.0.0.1:${port}/buy`);
    expect(answer.status).toBe(200);
    const message = await eventually(() => legacy.messages.find(({ typ }) => typ === 'sum'), {
      what: 'the call to Hydra 1.9',
      timeoutMs: 20_000,
    });
    const headers = { traceparent: String(message.hdr?.['traceparent']) };
    const noted = await legacy.call('request', {
      to: `${names['prices']}:/`,
      typ: 'note',
      body: { a: 1 },
      headers,
    });
    expect(noted.bdy).toMatchObject({ traceparent: headers.traceparent });
    await eventually(() => spansOf(children).length === 11, { what: 'eleven spans', timeoutMs: 20_000 });
    const spans = spansOf(children);
    expect(treeOf(spans)).toEqual([
      'gateway: SERVER GET /buy',
      '  gateway: CLIENT GET',
      '    archive: SERVER GET /rate',
      '  gateway: CLIENT prices/price',
      '    prices: SERVER prices/price',
      '      prices: PRODUCER add invoices',
      '        invoices: CONSUMER process invoices',
      '          invoices: PRODUCER publish sales',
      '            archive: CONSUMER process sales',
      '              archive: CLIENT legacy/sum',
      '                prices: SERVER prices/note',
    ]);
    expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(1);
    const call = spans.find(({ kind, name }) => kind === 'CLIENT' && plain(name) === 'prices/price')!;
    expect(call.attributes).toEqual({
      'rpc.system.name': 'hydra',
      'rpc.method': `${names['prices']}/price`,
      'rpc.status_code': 'OK',
      'server.address': names['prices'],
    });
    const job = spans.find(({ name }) => plain(name) === 'process invoices')!;
    expect(job.attributes).toEqual({
      'messaging.system.name': 'hydra',
      'messaging.operation.type': 'process',
      'messaging.operation.name': 'process',
      'messaging.destination.name': names['invoices'],
      'messaging.message.id': expect.any(String),
      'hydra.pattern': 'invoice',
      'hydra.attempt': 1,
    });
    await Promise.all([legacy.stop(), ...children.map((child) => child.kill('SIGTERM'))]);
  });
});
