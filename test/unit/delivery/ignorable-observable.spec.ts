import { jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { filter, firstValueFrom, map } from 'rxjs';

import { IgnorableObservable } from '../../../lib/delivery/ignorable-observable.js';

const failing = () =>
  new IgnorableObservable<number>('the events', (subscriber) => {
    subscriber.next(1);
    subscriber.next(2);
    subscriber.error(new Error('refused'));
    return () => undefined;
  });

describe('an Observable whose errors may be ignored', () => {
  let warnings: string[];

  beforeEach(() => {
    warnings = [];
    jest
      .spyOn(Logger.prototype, 'warn')
      .mockImplementation((line: unknown) => void warnings.push(String(line)));
  });

  afterEach(() => jest.restoreAllMocks());

  it('logs the error of a subscriber without an error handler, also behind operators', () => {
    const seen: number[] = [];
    failing().subscribe((value) => seen.push(value));
    failing().subscribe({ next: (value) => seen.push(value) });
    failing()
      .pipe(
        filter((value) => value > 1),
        map((value) => value * 10),
      )
      .subscribe((value) => seen.push(value));
    failing().subscribe();
    expect(seen).toEqual([1, 2, 1, 2, 20]);
    const line = 'the events ended, and its subscriber has no error handler: refused';
    expect(warnings).toEqual([line, line, line, line]);
  });

  it('gives the error to whoever handles it, and logs nothing', async () => {
    const errors: unknown[] = [];
    const error = (reason: unknown) => errors.push(reason);
    failing().subscribe({ error });
    failing().subscribe(null, error);
    failing().pipe(map(String)).subscribe({ error });
    await expect(firstValueFrom(failing().pipe(filter((value) => value > 2)))).rejects.toThrow('refused');
    expect(errors).toEqual([new Error('refused'), new Error('refused'), new Error('refused')]);
    expect(warnings).toEqual([]);
  });

  it('completes as it did, and calls the handlers as methods of their observer', () => {
    const observer = {
      done: 0,
      complete(): void {
        this.done++;
      },
    };
    new IgnorableObservable('none', (subscriber) => {
      subscriber.complete();
      return () => undefined;
    }).subscribe(observer);
    expect(observer.done).toBe(1);
  });
});
