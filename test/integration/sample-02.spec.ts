import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { atEnd } from '../support/at-end.js';
import { startChild, type Child } from '../support/child.js';
import { eventually } from '../support/eventually.js';
import { startPrivateRedis } from '../support/redis.js';

const PATIENCE = { timeoutMs: 30_000 };

const INVOICE = { number: 7, customer: 'ada', lines: [{ text: 'Engine', cents: 12_000 }] };

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

describe('the sample of a queue worker', () => {
  let child: Child;
  let url: string;
  let folder: string;

  beforeAll(async () => {
    // Its service has a fixed name: a Redis of its own keeps it apart. So does a folder for what it writes.
    const redis = await startPrivateRedis();
    folder = await mkdtemp(join(tmpdir(), 'hydra-invoices-'));
    atEnd(() => rm(folder, { recursive: true, force: true }));
    child = startChild('sample/02-queue-worker/main.ts', {
      env: { HYDRA_REDIS_URL: redis.url, PORT: '0', TMPDIR: folder },
    });
    url = String((await child.ready)['url']);
  }, 90_000);

  async function ask(method: string, path: string, data?: object): Promise<Answer> {
    const json = { headers: { 'content-type': 'application/json' }, body: JSON.stringify(data) };
    const response = await fetch(`${url}${path}`, { method, ...(data && json) });
    const text = await response.text();
    return { status: response.status, body: text ? JSON.parse(text) : undefined };
  }

  const untilState = (path: string, state: string) =>
    eventually(
      async () => {
        const { body } = await ask('GET', path);
        return (body as { state?: string }).state === state && body;
      },
      { what: `${path} to be ${state}`, ...PATIENCE },
    );

  /** Whether its adding is told depends on when the process asked who listens. */
  const told = (id: string) =>
    child.lines.filter((line) => line['id'] === id && 'type' in line && line['type'] !== 'added');

  it('renders a PDF after another attempt, tells its progress, and takes each number once', async () => {
    expect(await ask('POST', '/invoices', INVOICE)).toEqual({
      status: 202,
      body: { id: 'invoice-7', isNew: true },
    });
    const file = join(folder, 'invoice-7.pdf');
    // Its tax office answers every other question only.
    expect(await untilState('/invoices/7', 'completed')).toMatchObject({
      attempts: 2,
      result: { file, totalCents: 14_280, attempt: 2 },
    });
    const pdf = await readFile(file, 'latin1');
    expect(pdf).toMatch(/^%PDF-1\.4\n[^]*\(Invoice 7\)[^]*142\.80[^]*%%EOF\n$/);
    expect((await ask('POST', '/invoices', INVOICE)).body).toEqual({ id: 'invoice-7', isNew: false });
    await eventually(() => told('invoice-7').length === 7, { what: 'all that is told', ...PATIENCE });
    expect(told('invoice-7')).toMatchObject([
      { type: 'started' },
      { type: 'progress', value: 'asking for the tax' },
      { type: 'failed', attempt: 1, error: 'Error: the tax office does not answer' },
      { type: 'started' },
      { type: 'progress', value: 'asking for the tax' },
      { type: 'progress', value: 'rendering' },
      { type: 'completed', attempt: 2 },
    ]);
  }, 60_000);

  it('tells of an invoice until its end, shows its log, and cancels none that has ended', async () => {
    const events = await fetch(`${url}/invoices/7/events`);
    expect(await events.text()).toContain('"state":"completed"');
    expect((await ask('GET', '/invoices/7/log')).body).toMatchObject([
      { text: 'the tax is 19 %', attempt: 2 },
    ]);
    expect((await ask('DELETE', '/invoices/7')).body).toEqual({ outcome: 'ended' });
    expect((await ask('DELETE', '/invoices/404')).body).toEqual({ outcome: 'missing' });
  }, 60_000);

  it('refuses what is no invoice, and knows what it does not have', async () => {
    expect(await ask('POST', '/invoices', { ...INVOICE, number: 0 })).toMatchObject({ status: 400 });
    expect(await ask('GET', '/invoices/404')).toMatchObject({ status: 404 });
  });

  it('gives up what lacks an address, and renders it when it is driven again with one', async () => {
    await ask('POST', '/invoices', { ...INVOICE, number: 8, customer: 'grace' });
    await untilState('/invoices/8', 'dead');
    const dead = { id: 'invoice-8', reason: 'no address of "grace"', attempts: 1 };
    expect((await ask('GET', '/dead-letters')).body).toMatchObject([dead]);
    const address = { address: '1 Navy Yard, New York' };
    expect(await ask('PUT', '/customers/grace', address)).toMatchObject({ status: 204 });
    const redrive = '/dead-letters/invoice-8/redrive';
    expect((await ask('POST', `${redrive}?dryRun=1`)).body).toEqual(['invoice-8']);
    expect((await ask('GET', '/counts')).body).toMatchObject({ dead: 1, completed: 1 });
    expect((await ask('POST', redrive)).body).toEqual(['invoice-8']);
    await untilState('/invoices/8', 'completed');
    expect(await readFile(join(folder, 'invoice-8.pdf'), 'latin1')).toContain('1 Navy Yard, New York');
    expect((await ask('GET', '/counts')).body).toMatchObject({
      dead: 0,
      completed: 2,
      waiting: 0,
      active: 0,
    });
  }, 60_000);

  it('ends by itself when it is told to stop', async () => {
    await child.kill('SIGTERM');
    expect(await child.exited).toEqual({ code: null, signal: 'SIGTERM' });
    // A process without hooks ends by the signal as well.
    expect(child.output()).toContain('drains: it takes no more work');
  }, 30_000);
});
