import { Observable } from 'rxjs';

import { HydraClient } from '../../../lib/hydra-client.js';
import { HydraError } from '../../../lib/hydra-error.js';
import { HydraRecordBuilder } from '../../../lib/transport/outgoing/hydra-record.js';
import type { Member, Role } from './member.js';

interface CallData {
  readonly id: string;
  /** How long the handler takes. */
  readonly ms: number;
  /** How many values it answers. */
  readonly count: number;
}

/** A service whose handlers write down that they ran. */
export const CALLEE: Role = {
  service: 'math',
  handlers: (member) => [
    { mode: 'call', pattern: 'once', handle: (data: CallData) => answerOnce(member, data) },
    { mode: 'call', pattern: 'again', handle: (data: CallData) => answerOnce(member, data) },
    { mode: 'call', pattern: 'values', handle: (data: CallData) => answerValues(member, data) },
  ],
};

/** A process that calls it. */
export const CALLER: Role = {
  service: 'caller',
  live: (member) => {
    const client = new HydraClient({ service: 'math' }, member.instance);
    let count = 0;
    void member.again(10, 400, () => call(member, client, `${member.name}/${count++}`));
  },
};

async function answerOnce(member: Member, { id, ms }: CallData): Promise<object> {
  member.note('call ran', { id });
  if (ms > 0) await member.sleep(ms);
  return { id };
}

function answerValues(member: Member, { id, count, ms }: CallData): Observable<object> {
  return new Observable((observer) => {
    member.note('call ran', { id });
    const give = async () => {
      for (let n = 0; n < count && !observer.closed; n++) {
        observer.next({ id, n });
        if (ms > 0) await member.sleep(ms / count);
      }
      observer.complete();
    };
    void give();
  });
}

function call(member: Member, client: HydraClient, id: string): void {
  const pattern = ['once', 'once', 'again', 'values'][Math.floor(member.draw(0, 4))]!;
  const count = pattern === 'values' ? Math.floor(member.draw(0, 30)) : 1;
  const data: CallData = { id, count, ms: member.chance(0.3) ? 0 : member.draw(1, 800) };
  const timeoutMs = member.chance(0.2) ? member.draw(5, 300) : member.draw(500, 8_000);
  const isIdempotent = pattern === 'again';
  const record = new HydraRecordBuilder(data).setTimeout(timeoutMs).setIdempotent(isIdempotent).build();
  const { process } = member.host;
  const startedAt = process.monotonic();
  member.note('call', { id, pattern, timeoutMs, isIdempotent, count });
  const values: unknown[] = [];
  const end = (details: object) => {
    const tookMs = process.monotonic() - startedAt;
    member.note('call ended', { id, tookMs, wasDisturbed: process.wasDisturbed(tookMs), ...details });
  };
  client.send(pattern, record).subscribe({
    next: (value) => values.push(value),
    complete: () => end({ values }),
    error: (error: unknown) => end({ ...factsOf(error), values }),
  });
}

function factsOf(error: unknown): object {
  if (!(error instanceof HydraError)) return { code: 'other', text: String(error) };
  return { code: error.code, mayHaveRun: error.mayHaveRun, text: error.message };
}
