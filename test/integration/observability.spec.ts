import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Controller } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';
import { firstValueFrom } from 'rxjs';

import {
  HydraClient,
  HydraMetrics,
  QueuePattern,
  QueueService,
  StreamPattern,
  StreamService,
} from '../../lib/index.js';
import { HydraInstance } from '../../lib/hydra-instance.js';
import { startService } from '../support/app.js';
import { atEnd } from '../support/at-end.js';
import { eventually } from '../support/eventually.js';
import { testRedis } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

const ALERTS = 'docs/observability/alerts.yml';
const DASHBOARD = 'docs/observability/grafana.json';
const stream = uniqueService('watched');

@Controller()
class WatchedController {
  @MessagePattern('sum')
  sum(@Payload() values: number[]): number {
    return values.length;
  }

  @MessagePattern('fail')
  fail(): never {
    throw new Error('no');
  }

  @QueuePattern('work', { attempts: 1 })
  work(@Payload() data: string): void {
    if (data === 'bad') throw new Error('bad work');
  }

  @StreamPattern(stream, { group: 'watchers' })
  entry(): void {}
}

/** Debian's package `prometheus` has it; `npm run test:all` installs it. */
const hasPromtool = spawnSync('promtool', ['--version']).status === 0;
/** Skipped tests are shown; one that is left out would not be. */
const describeWithPromtool = hasPromtool ? describe : describe.skip;

const folder = mkdtempSync(join(tmpdir(), 'hydra-promtool-'));
atEnd(() => rmSync(folder, { recursive: true, force: true }));

function promtool(
  args: readonly string[],
  input = '',
): { readonly code: number | null; readonly text: string } {
  const { status, stdout, stderr } = spawnSync('promtool', args, { input, encoding: 'utf8', cwd: folder });
  return { code: status, text: stdout + stderr };
}

/** Every series of a text: its name, and its labels as they are written. */
function seriesOf(text: string): readonly (readonly [name: string, labels: string])[] {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return lines.map((line) => {
    const [, name = '', labels = ''] = /^(\w+)(\{.*\})? \S+$/.exec(line) ?? [];
    return [name, labels];
  });
}

const namesIn = (text: string) => new Set([...text.matchAll(/\bhydra_\w+/g)].map(([name]) => name));

describe('what is ready to use in docs/observability', () => {
  let text = '';

  beforeAll(async () => {
    const [service, redis] = [uniqueService('shop'), await testRedis()];
    const { app } = await startService({ service, redis, health: { intervalMs: 100, ttlMs: 1_000 } }, [
      WatchedController,
    ]);
    const instance = app.get(HydraInstance);
    const client = new HydraClient({ service }, instance);
    await firstValueFrom(client.send('sum', [1]));
    await firstValueFrom(client.send('fail', {})).catch(() => undefined);
    await app.get(QueueService).add('work', 'good').result();
    await app
      .get(QueueService)
      .add('work', 'bad')
      .result()
      .catch(() => undefined);
    await app.get(StreamService).publish(stream, {});
    // An instance that fails, and one retry: nothing else of what is drawn waits for a fault.
    const { chooser } = instance.calls;
    for (let failures = 0; failures < 5; failures++) chooser.breaker.failed('gone', service);
    instance.metrics!.clientCalls.of(service, 'sum').retried();
    const metrics = app.get(HydraMetrics);
    text = await eventually(
      async () => {
        const now = await metrics.freshText();
        const isWhole = [
          'hydra_event_loop_delay_seconds',
          'hydra_stream_lag',
          'hydra_entry_run_duration_seconds',
        ];
        return isWhole.every((name) => now.includes(`# TYPE ${name} `)) && now;
      },
      { what: 'all metrics', timeoutMs: 30_000 },
    ).then(String);
  });

  it.each([ALERTS, DASHBOARD])('asks for no metric that is not there: %s', (file) => {
    const there = new Set(seriesOf(text).map(([name]) => name));
    const asked = [...namesIn(readFileSync(file, 'utf8'))];
    expect(asked.length).toBeGreaterThan(10);
    expect(asked.filter((name) => !there.has(name))).toEqual([]);
  });

  it('has a dashboard whose panels each have a place and a query', () => {
    const { panels } = JSON.parse(readFileSync(DASHBOARD, 'utf8')) as {
      panels: { id: number; title: string; gridPos: object; targets: { expr: string }[] }[];
    };
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    expect(new Set(panels.map(({ gridPos }) => JSON.stringify(gridPos))).size).toBe(panels.length);
    expect(panels.filter(({ targets }) => targets.length === 0)).toEqual([]);
  });

  describeWithPromtool('and promtool (of the package prometheus)', () => {
    it('is read by Prometheus without a complaint (promtool check metrics)', () => {
      const { code, text: said } = promtool(['check', 'metrics'], text);
      // Names that end in _count and the like belong to histograms; a hint about a name is not an error.
      expect({ code, said }).toEqual({ code: 0, said: '' });
    });

    it('has alert rules that are valid (promtool check rules)', () => {
      const { code, text: said } = promtool(['check', 'rules', join(process.cwd(), ALERTS)]);
      expect({ code, said }).toMatchObject({ code: 0, said: expect.stringContaining('11 rules found') });
    });

    it('has rules of which each is provoked once by the series of a real process, and by none that is well', () => {
      const all = seriesOf(text);
      /** Values of each minute: what it is well at, unless it is said otherwise. */
      const series = (changed: Readonly<Record<string, string>>) =>
        all.map(([name, labels]) => {
          const found = Object.entries(changed).find(
            ([key]) =>
              `${name}${labels}`.includes(key.split('|')[0]!) && labels.includes(key.split('|')[1] ?? ''),
          );
          return { series: `${name}${labels}`, values: found ? found[1] : wellAt(name, labels) };
        });
      const test = (alert: string, changed: Readonly<Record<string, string>>) => ({
        interval: '1m',
        name: alert,
        input_series: series(changed),
        promql_expr_test: [
          {
            expr: `count(ALERTS{alertname="${alert}",alertstate="firing"}) > bool 0`,
            eval_time: '19m',
            exp_samples: [{ labels: '{}', value: 1 }],
          },
        ],
      });
      const well = {
        interval: '1m',
        name: 'all is well',
        input_series: series({}),
        promql_expr_test: [{ expr: 'ALERTS', eval_time: '19m', exp_samples: [] }],
      };
      const provoked = {
        HydraDeadJobs: { 'hydra_queue_jobs|state="dead"': '0x9 0+1x12' },
        HydraDeadEntries: { hydra_stream_dead_letters: '0x9 0+1x12' },
        HydraStreamLag: { 'hydra_stream_lag{': '2000x20' },
        HydraNoWorker: { hydra_queue_oldest_waiting_seconds: '400x20' },
        HydraNoConsumer: { hydra_stream_consumers: '0x20' },
        HydraBreakerOpen: { 'hydra_breaker_instances|state="open"': '1x20' },
        HydraSlowCalls: {
          'hydra_server_call_duration_seconds_bucket|le="+Inf"': '0+60x20',
          'hydra_server_call_duration_seconds_bucket|pattern': '0x20',
        },
        HydraCallErrors: {
          hydra_client_call_errors_total: '0+30x20',
          hydra_client_call_duration_seconds_count: '0+60x20',
        },
        HydraReconnects: { hydra_connection_losses_total: '0+1x20' },
        HydraPresenceLost: { hydra_presence_age_seconds: '30x20' },
        HydraMemory: {
          'hydra_process_memory_bytes|area="heap_used"': '95x20',
          'hydra_process_memory_bytes|area="heap_limit"': '100x20',
        },
      };
      const file = join(folder, 'test.json');
      const tests = [well, ...Object.entries(provoked).map(([alert, changed]) => test(alert, changed))];
      writeFileSync(file, JSON.stringify({ rule_files: [join(process.cwd(), ALERTS)], tests }));
      const { code, text: said } = promtool(['test', 'rules', file]);
      expect({ code, said }).toMatchObject({ code: 0 });
      const rules = [...readFileSync(ALERTS, 'utf8').matchAll(/alert: (\w+)/g)].map(([, name]) => name);
      expect(new Set(Object.keys(provoked))).toEqual(new Set(rules));
    });
  });
});

/** What a process that is well says, each minute. */
function wellAt(name: string, labels: string): string {
  if (name === 'hydra_process_memory_bytes') return labels.includes('heap_limit') ? '100x20' : '40x20';
  if (name === 'hydra_stream_consumers' || name === 'hydra_connection_up') return '1x20';
  if (/_(bucket|count)$/.test(name)) return '0+60x20';
  return '0x20';
}
