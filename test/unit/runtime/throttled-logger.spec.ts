import { jest } from '@jest/globals';
import { Logger } from '@nestjs/common';

import { ThrottledLogger } from '../../../lib/runtime/throttled-logger.js';
import { ManualClock } from '../../support/manual-clock.js';

describe('a throttled logger', () => {
  const lines: unknown[] = [];
  beforeEach(() => {
    lines.length = 0;
    jest.spyOn(Logger.prototype, 'warn').mockImplementation((line: unknown) => void lines.push(line));
  });
  afterEach(() => jest.restoreAllMocks());

  it('writes each topic once in its interval, and then how often it happened', async () => {
    const clock = new ManualClock();
    const log = new ThrottledLogger(clock, 1_000);
    log.warn('a', 'first');
    log.warn('a', 'second');
    log.warn('b', 'other');
    await clock.advance(1_000);
    log.warn('a', 'third');
    expect(lines).toEqual(['first', 'other', 'third (and 1 more like it)']);
  });

  it('makes a text only where it is written, and keeps it on one line', () => {
    const log = new ThrottledLogger(new ManualClock());
    let made = 0;
    const line = () => `line\n${++made}`;
    log.warn('a', line);
    log.warn('a', line);
    expect(lines).toEqual(['line\\n1']);
    expect(made).toBe(1);
  });

  it('keeps no more than the beginning of a topic, which may be a name from outside', () => {
    const log = new ThrottledLogger(new ManualClock());
    const long = 'x'.repeat(200);
    log.warn(`${long}a`, 'first');
    log.warn(`${long}b`, 'the same topic');
    expect(lines).toEqual(['first']);
  });

  it('keeps a bounded number of topics', () => {
    const log = new ThrottledLogger(new ManualClock());
    for (let i = 0; i < 1_000; i++) log.warn(`topic ${i}`, 'line');
    expect(lines).toHaveLength(101);
  });

  it('has room for new topics once others were quiet for an interval', async () => {
    const clock = new ManualClock();
    const log = new ThrottledLogger(clock, 1_000);
    for (let i = 0; i < 150; i++) log.warn(`reason ${i}`, 'line');
    await clock.advance(1_000);
    lines.length = 0;
    log.warn('blocked', 'the event loop was blocked');
    expect(lines).toEqual(['the event loop was blocked']);
  });
});
