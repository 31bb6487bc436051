import { HYDRA_ERROR_CODES, HydraError } from '../../lib/hydra-error.js';

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
      mayHaveRun: error.mayHaveRun,
    });
    const back = HydraError.fromJSON(json);
    expect(back).toMatchObject(json as object);
    expect(back).toBeInstanceOf(HydraError);
  });

  it.each([
    [null],
    [undefined],
    ['TIMEOUT'],
    [{}],
    [{ name: 'Error', code: 'TIMEOUT' }],
    [{ name: 'HydraError', code: '' }],
    [{ name: 'HydraError', code: 'X'.repeat(65) }],
    [{ name: 'HydraError', code: 'toString' }],
    [{ name: 'HydraError', code: '__proto__' }],
    [{ name: 'HydraError', code: 5 }],
  ])('is not made of %j', (value) => expect(HydraError.fromJSON(value)).toBeUndefined());

  it.each([
    ['TIMEOUT', { retryable: false, mayHaveRun: false }],
    ['CLOSED', { retryable: true, mayHaveRun: true }],
  ] as const)('says of one failure what is true of it, whatever %s usually means', (code, facts) => {
    const error = new HydraError(code, 'because', facts);
    expect(error).toMatchObject(facts);
    expect(HydraError.fromJSON(JSON.parse(JSON.stringify(error)))).toMatchObject({ code, ...facts });
  });

  it('keeps the code of a later version, with what its sender says of it', () => {
    const facts = { retryable: true, mayHaveRun: false };
    const later = { name: 'HydraError', code: 'TOO_SOON', message: '[TOO_SOON] wait', ...facts };
    const error = HydraError.fromJSON(later);
    expect(error).toBeInstanceOf(HydraError);
    expect(error?.toJSON()).toEqual(later);
  });

  it('takes what it knows nothing of for something that may have run and must not be repeated', () => {
    const error = HydraError.fromJSON({
      name: 'HydraError',
      code: 'TOO_SOON',
      message: 'wait',
      retryable: 'yes',
    });
    expect(error).toMatchObject({ retryable: false, mayHaveRun: true });
  });

  it('calls nothing safe to repeat that may have run and is not retryable for that', () => {
    const of = (code: (typeof HYDRA_ERROR_CODES)[number]) => new HydraError(code, '');
    expect([of('NO_INSTANCE').retryable, of('NO_INSTANCE').mayHaveRun]).toEqual([true, false]);
    expect([of('TIMEOUT').retryable, of('TIMEOUT').mayHaveRun]).toEqual([true, true]);
    expect([of('BAD_OPTION').retryable, of('BAD_OPTION').mayHaveRun]).toEqual([false, false]);
  });
});
