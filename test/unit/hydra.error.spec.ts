import { HYDRA_ERROR_CODES, HydraError } from '../../lib/hydra.error.js';

describe('a HydraError', () => {
  it('says its code in its message, and keeps its cause', () => {
    const cause = new Error('beneath');
    const error = new HydraError('TIMEOUT', 'no reply', { cause });
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({
      name: 'HydraError',
      code: 'TIMEOUT',
      message: '[TIMEOUT] no reply',
      cause,
    });
  });

  it.each(HYDRA_ERROR_CODES)('comes back from the wire as it went: %s', (code) => {
    const error = new HydraError(code, 'because', { cause: 'kept here' });
    const json: unknown = JSON.parse(JSON.stringify(error));
    expect(json).toEqual({
      name: 'HydraError',
      code,
      message: `[${code}] because`,
      retryable: error.retryable,
    });
    const back = HydraError.fromJSON(json);
    expect(back).toMatchObject({ code, message: error.message, retryable: error.retryable });
    expect(back).toBeInstanceOf(HydraError);
  });

  it.each([
    [null],
    [undefined],
    ['TIMEOUT'],
    [{}],
    [{ name: 'Error', code: 'TIMEOUT' }],
    [{ name: 'HydraError', code: 'NEW_CODE' }],
    [{ name: 'HydraError', code: 'toString' }],
    [{ name: 'HydraError', code: '__proto__' }],
    [{ name: 'HydraError', code: 5 }],
  ])('is not made of %j', (value) => expect(HydraError.fromJSON(value)).toBeUndefined());

  it('calls nothing safe to repeat that may have run and is not retryable for that', () => {
    const of = (code: (typeof HYDRA_ERROR_CODES)[number]) => new HydraError(code, '');
    expect([of('NO_INSTANCE').retryable, of('NO_INSTANCE').mayHaveRun]).toEqual([true, false]);
    expect([of('TIMEOUT').retryable, of('TIMEOUT').mayHaveRun]).toEqual([true, true]);
    expect([of('BAD_OPTION').retryable, of('BAD_OPTION').mayHaveRun]).toEqual([false, false]);
  });
});
