import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';

import { HydraDoctor } from '../../doctor/hydra-doctor.js';
import type { DoctorFinding, DoctorReport, DoctorSeverity } from '../../doctor/finding.js';
import { listed } from '../../runtime/listed.js';
import { CommandFailure, ExitCode } from '../session/command-failure.js';
import { withPlace, type Place } from '../session/session.js';
import { note, paint, print, printJson } from '../session/terminal.js';

const AGAIN_MS = 500;
/** How long `--wait` waits without `--timeout`. */
const WAIT_MS = 60_000;
/** A way of colouring for each severity. */
const COLOURS: Readonly<Record<DoctorSeverity, 'red' | 'yellow' | 'dim'>> = {
  error: 'red',
  warning: 'yellow',
  info: 'dim',
};

export function addDoctorCommand(program: Command): void {
  program
    .command('doctor [service]')
    .description(
      'what is not as it should be on Redis and among the services, why it matters, and what mends it',
    )
    .option('--wait', 'again and again until there is no error, for --timeout at most (60 s)')
    .action((service: string | undefined, { wait }: { wait?: boolean }, command: Command) =>
      withPlace(command, async (place) => {
        const { instance, options } = place;
        const { json, timeout } = options;
        const endsAt = performance.now() + (wait ? (timeout ?? WAIT_MS) : 0);
        const look = async () => {
          const isRefused = await refused(place);
          return new HydraDoctor(instance, { service, isRefused }).check();
        };
        let report = await look();
        while (hasErrors(report) && performance.now() < endsAt) {
          await sleep(AGAIN_MS);
          report = await look();
        }
        if (json) printJson(report);
        else show(report);
        if (hasErrors(report)) throw new CommandFailure(ExitCode.failed, '');
      }),
    );
}

/** Connects; resolves where that fails too, with whether Redis refuses this process, so that waiting does not help. */
async function refused(place: Place): Promise<boolean> {
  try {
    await place.connect();
    return false;
  } catch {
    return place.instance.redis.isRefused;
  }
}

function hasErrors({ findings }: DoctorReport): boolean {
  return findings.some(({ severity }) => severity === 'error');
}

function show({ findings, notLookedAt, checks, tookMs, commands }: DoctorReport): void {
  for (const finding of findings) print(textOf(finding));
  for (const { ids, why } of notLookedAt) note(`not looked at: ${listed(ids)}\n  ${why}`);
  const count = (severity: DoctorSeverity, name: string) => {
    const { length } = findings.filter((one) => one.severity === severity);
    return `${length} ${name}${length === 1 ? '' : 's'}`;
  };
  const sums = [count('error', 'error'), count('warning', 'warning'), count('info', 'note')].join(', ');
  note(`${sums}; ${checks} things looked for with ${commands} commands in ${Math.round(tookMs)} ms`);
}

function textOf({ id, severity, what, why, fix, docs }: DoctorFinding): string {
  const head = `${paint(severity, COLOURS[severity], process.stdout)} ${id}: ${what}`;
  return [head, `  why:  ${why}`, `  mend: ${fix}`, `  see:  ${docs}`].join('\n');
}
