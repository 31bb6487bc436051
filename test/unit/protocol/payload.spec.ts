import { HydraError } from '../../../lib/hydra-error.js';
import { fromPayload, mustBePlain, stringify, toPayload } from '../../../lib/protocol/payload.js';

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

function refusalOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    return (error as HydraError).message;
  }
  return '';
}

/** What JSON would turn into something else without a word. */
const LOST: readonly [what: string, value: unknown][] = [
  ['NaN', NaN],
  ['-Infinity', -Infinity],
  ['a function', () => 1],
  ['a symbol', Symbol('x')],
  ['a bigint', 1n],
  ['a Map', new Map([[1, 2]])],
  ['a Map', Object.assign(new Map(), { named: 1 })],
  ['a Set', new Set([1])],
  ['a WeakMap', new WeakMap()],
  ['a ArrayBuffer', new ArrayBuffer(8)],
  ['a SharedArrayBuffer', new SharedArrayBuffer(8)],
  ['a DataView', new DataView(new ArrayBuffer(8))],
  ['a Float32Array', Float32Array.of(1.5)],
  ['a Uint16Array', Uint16Array.of(1)],
  ['a Uint8ClampedArray', Uint8ClampedArray.of(1)],
  ['a BigInt64Array', BigInt64Array.of(1n)],
  ['a Blob', new Blob(['x'])],
  ['a Headers', new Headers({ a: 'b' })],
  ['a URLSearchParams', new URLSearchParams('a=b')],
  ['a RegExp', /x/],
  ['a TypeError', new TypeError('x')],
  ['a Promise', Promise.resolve(1)],
  ['a Date without a time', new Date(NaN)],
];

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

  it('keeps what JSON has words for: members that are undefined, instances, boxed values, no prototype', () => {
    class Point {
      x = 1;
      length(): number {
        return this.x;
      }
    }
    const bare = Object.assign(Object.create(null) as object, { a: 1 });
    const data = { left: undefined, point: new Point(), text: new String('x'), bare, no: -0 };
    expect(toPayload(data).hasBytes).toBe(false);
    expect(travel(data)).toEqual({ point: { x: 1 }, text: 'x', bare: { a: 1 }, no: 0 });
    expect(travel({ ...data, blob: Buffer.of(1) })).toEqual({
      ...(travel(data) as object),
      blob: Buffer.of(1),
    });
  });

  const around = [
    ['', (value: unknown) => value],
    ['order.lines[1].it is ', (it: unknown) => ({ order: { lines: [{}, { it }] } })],
    ['[0].it is ', (it: unknown) => [{ it, blob: Buffer.of(1) }]],
  ] as const;

  it.each(LOST)('refuses %s, and says where it is', (what, value) => {
    for (const [where, wrap] of around) {
      expect(refusalOf(() => toPayload(wrap(value)))).toMatch(
        `[BAD_PAYLOAD] the data is not JSON data: ${where}${what}`,
      );
    }
  });

  it('refuses a list with undefined or with nothing in it, which would become null', () => {
    const holed: unknown[] = [];
    holed[1] = 1;
    expect(refusalOf(() => toPayload([1, undefined]))).toMatch('[1] is undefined in a list');
    expect(refusalOf(() => toPayload(holed))).toMatch('[0] is undefined in a list');
  });

  it('refuses what a toJSON gives that is none', () => {
    expect(refusalOf(() => toPayload({ a: { toJSON: () => ({ b: NaN }) } }))).toMatch('a.b is NaN');
  });

  it('refuses a member named as the mark of bytes only beside bytes', () => {
    const marked = { '$hydra:bytes': 'AA==' };
    expect(travel(marked)).toEqual(marked);
    expect(refusalOf(() => toPayload([marked, Buffer.of(1)]))).toMatch('$hydra:bytes');
  });

  it('may be refused bytes where nothing could carry them', () => {
    expect(refusalOf(() => mustBePlain({ a: [Buffer.of(1)] }, 'it'))).toMatch('it holds bytes');
    expect(refusalOf(() => mustBePlain({ a: 1 }, 'it'))).toBe('');
  });

  it('refuses a cycle, a BigInt and a depth beyond the stack, before anything walks them', () => {
    const cycle: Record<string, unknown> = {};
    cycle['self'] = cycle;
    let deep: unknown = [];
    for (let depth = 0; depth < 200_000; depth++) deep = [deep];
    for (const data of [cycle, 1n, deep]) expect(codeOf(() => stringify('x', data))).toBe('BAD_PAYLOAD');
  });

  it('is refused for a cycle without going round it until the stack is full', () => {
    let looks = 0;
    const cycle: Record<string, unknown> = {
      get member() {
        return (looks += 1);
      },
    };
    cycle['self'] = cycle;
    expect(refusalOf(() => toPayload(cycle))).toMatch('self is what it is in itself: a cycle');
    expect(looks).toBeLessThan(100);
  });

  it('takes a stranger for bytes only where its text is some', () => {
    expect(fromPayload({ '$hydra:bytes': 5 }, toBuffer)).toEqual({ '$hydra:bytes': 5 });
  });
});
