import { nextTick as tickOf, readSchedule, writeSchedule } from '../../../../lib/queue/model/schedule.js';

const nextTick = (cron: string, timeZone: string, after: number) => tickOf({ cron, timeZone }, after);
const NOON = Date.parse('2026-03-28T12:00:00.000Z');

describe('a cron expression', () => {
  it('has a next tick after any instant, and never that instant itself', () => {
    expect(nextTick('*/5 * * * *', 'UTC', NOON)).toBe(NOON + 300_000);
    expect(nextTick('* * * * * *', 'UTC', NOON)).toBe(NOON + 1_000);
    expect(nextTick('* * * * * *', 'UTC', NOON + 1)).toBe(NOON + 1_000);
  });

  it('is meant in its zone, over a change of clocks', () => {
    // At 01:00 UTC of the 29th the clocks of Paris go from 2 to 3.
    expect(nextTick('0 9 * * *', 'Europe/Paris', NOON)).toBe(Date.parse('2026-03-29T07:00:00.000Z'));
    expect(nextTick('0 9 * * *', 'UTC', NOON)).toBe(Date.parse('2026-03-29T09:00:00.000Z'));
  });

  it('may have no further tick', () => {
    expect(nextTick('2020-01-01T00:00:00', 'UTC', NOON)).toBeUndefined();
  });

  it.each([
    ['every day', 'UTC'],
    ['99 * * * *', 'UTC'],
    ['* * * * *', 'Mars/Olympus'],
  ])('%j in %j is refused', (cron, zone) => {
    expect(() => nextTick(cron, zone, NOON)).toThrow(expect.objectContaining({ code: 'BAD_OPTION' }));
  });
});

describe('a time from job to job', () => {
  const rule = { everyMs: 1_000, timeZone: 'UTC' };

  it('is counted from 1970, so that all instances have the same ticks, else from the start', () => {
    expect(tickOf(rule, NOON)).toBe(NOON + 1_000);
    expect(tickOf(rule, NOON + 999)).toBe(NOON + 1_000);
    expect(tickOf({ ...rule, startAt: NOON + 300 }, NOON)).toBe(NOON + 300);
    expect(tickOf({ ...rule, startAt: NOON + 300 }, NOON + 300)).toBe(NOON + 1_300);
  });

  it('and an expression end at their end, and do not begin before their start', () => {
    expect(tickOf({ ...rule, endAt: NOON + 1_000 }, NOON)).toBe(NOON + 1_000);
    expect(tickOf({ ...rule, endAt: NOON + 1_000 }, NOON + 1_000)).toBeUndefined();
    const cron = { cron: '* * * * *', timeZone: 'UTC' };
    expect(tickOf({ ...cron, startAt: NOON + 60_000 }, NOON)).toBe(NOON + 60_000);
    expect(tickOf({ ...cron, endAt: NOON + 59_999 }, NOON)).toBeUndefined();
  });
});

describe('a stored schedule', () => {
  it('is read as it was written', () => {
    const schedule = { cron: '* * * * *', timeZone: 'UTC', pattern: 'work', data: { a: [1] }, attempts: 2 };
    expect(readSchedule(writeSchedule(schedule))).toEqual(schedule);
  });

  it('keeps bytes, and is written without a mark where it has none', () => {
    const schedule = {
      cron: '* * * * *',
      timeZone: 'UTC',
      pattern: 'work',
      data: { blob: Buffer.from([255]) },
    };
    expect(readSchedule(writeSchedule(schedule))).toEqual(schedule);
    const plain = { ...schedule, data: { blob: 'x' } };
    expect(writeSchedule(plain)).toBe(JSON.stringify(plain));
  });

  it.each(['', '[]', '{}', '{"cron":1,"pattern":"x"}'])('is none when it reads %j', (text) => {
    expect(readSchedule(text)).toBeUndefined();
  });
});
