import { HydraError } from '../../../lib/hydra.error.js';
import { fromPayload, stringify, toPayload } from '../../../lib/protocol/payload.js';

const toBuffer = (base64: string) => Buffer.from(base64, 'base64');

function travel(data: unknown): unknown {
  const payload = toPayload(data);
  const arrived: unknown = JSON.parse(stringify('data', payload.data));
  return payload.hasBytes ? fromPayload(arrived, toBuffer) : arrived;
}

function codeOf(act: () => unknown): string | undefined {
  try {
    act();
  } catch (error) {
    return (error as HydraError).code;
  }
  return undefined;
}

describe('a payload', () => {
  it.each([[0], [false], [''], [null], [[1, 2]], [{ a: { b: [{}] } }]])(
    'of plain JSON travels as it is: %j',
    (data) => {
      expect(toPayload(data)).toEqual({ data, hasBytes: false });
      expect(travel(data)).toEqual(data);
    },
  );

  it('refuses in its own words whatever a toJSON throws, and nesting too deep for the stack', () => {
    const odd = {
      toJSON() {
        throw null;
      },
    };
    let deep: unknown = {};
    for (let depth = 0; depth < 20_000; depth++) deep = { deep };
    expect(codeOf(() => stringify('data', odd))).toBe('BAD_PAYLOAD');
    expect(codeOf(() => stringify('data', deep))).toBe('BAD_PAYLOAD');
    expect(codeOf(() => toPayload(deep))).toBe('BAD_PAYLOAD');
  });

  it('may be nested deeper than the stack goes, as a stranger may nest it', () => {
    const depth = 100_000;
    let data = fromPayload(
      JSON.parse('['.repeat(depth) + '{"$hydra:bytes":"AP8="}' + ']'.repeat(depth)),
      toBuffer,
    );
    while (Array.isArray(data)) [data] = data as unknown[];
    expect(data).toEqual(Buffer.from([0, 255]));
  });

  it('keeps bytes bytes, wherever they are', () => {
    const data = {
      blob: Buffer.from([0, 255]),
      list: ['x', Uint8Array.of(1)],
      [Symbol.iterator.toString()]: 1,
    };
    expect(travel(data)).toEqual({ ...data, list: ['x', Buffer.of(1)] });
    expect(travel(Buffer.from('é'))).toEqual(Buffer.from('é'));
    expect(travel([[Buffer.alloc(0)]])).toEqual([[Buffer.alloc(0)]]);
  });

  it('sends a part of a larger buffer as that part', () => {
    expect(travel(new Uint8Array([1, 2, 3, 4]).subarray(1, 3))).toEqual(Buffer.of(2, 3));
  });

  it('turns a date into its text, and follows toJSON', () => {
    const date = new Date(0);
    expect(travel({ date, blob: Buffer.of(1) })).toEqual({ date: date.toISOString(), blob: Buffer.of(1) });
  });

  it.each([[new Map()], [new Set([1])], [{ deep: [new Map()] }]])(
    'refuses what JSON would empty: %p',
    (data) => {
      expect(codeOf(() => toPayload(data))).toBe('BAD_PAYLOAD');
    },
  );

  it('refuses a cycle, a BigInt and a depth beyond the stack, before anything walks them', () => {
    const cycle: Record<string, unknown> = {};
    cycle['self'] = cycle;
    let deep: unknown = [];
    for (let depth = 0; depth < 200_000; depth++) deep = [deep];
    for (const data of [cycle, 1n, deep]) expect(codeOf(() => stringify('x', data))).toBe('BAD_PAYLOAD');
  });

  it('takes a stranger for bytes only where its text is some', () => {
    expect(fromPayload({ '$hydra:bytes': 5 }, toBuffer)).toEqual({ '$hydra:bytes': 5 });
  });
});
