import { decodeDeadLetter, encodeDeadLetter } from '../../../lib/protocol/dead-letter.js';
import { decodeEntry, encodeEntry, isFor, ONLY_FOR } from '../../../lib/protocol/stream-entry.js';
import { compareIds, idBefore, isStreamId, timeOfId } from '../../../lib/protocol/stream-id.js';

const MAX = 1_000;
const decode = (fields: readonly string[]) => decodeEntry(fields, (base64) => Buffer.from(base64, 'base64'));

describe('an entry of ours', () => {
  it('does not have bytes written as a list of numbers first', () => {
    let lists = 0;
    const file = Object.assign(Buffer.from([0, 255]), { toJSON: () => (lists += 1) });
    expect(encodeEntry('orders', { file }, {}, 1_000)).toContain('{"file":{"$hydra:bytes":"AP8="}}');
    expect(lists).toBe(0);
  });

  it.each([[{ a: [1, null] }], ['text'], [0], [false], [null], [undefined], [[]], [Buffer.from([0, 255])]])(
    'brings back %j',
    (data) => expect(decode(encodeEntry('s', data, {}, MAX)).data).toEqual(data),
  );

  it('carries its type and its headers', () => {
    const extras = { type: 'paid', metadata: { trace: 't' } };
    expect(decode(encodeEntry('s', { a: 1 }, extras, MAX))).toEqual({ data: { a: 1 }, ...extras });
  });

  it('is written with fields that a person can read', () => {
    expect(encodeEntry('s', { a: 1 }, { type: 't' }, MAX)).toEqual([
      'hydra',
      '1',
      'type',
      't',
      'data',
      '{"a":1}',
    ]);
  });

  it('is refused when it is not JSON, or too large', () => {
    const cycle: Record<string, unknown> = {};
    cycle['self'] = cycle;
    expect(() => encodeEntry('s', cycle, {}, MAX)).toThrow(expect.objectContaining({ code: 'BAD_PAYLOAD' }));
    expect(() => encodeEntry('s', new Map(), {}, MAX)).toThrow(
      expect.objectContaining({ code: 'BAD_PAYLOAD' }),
    );
    expect(() => encodeEntry('s', 'é'.repeat(MAX / 2), {}, MAX)).toThrow(
      expect.objectContaining({ code: 'PAYLOAD_TOO_LARGE' }),
    );
  });

  it('may be for one group only', () => {
    const fields = [...encodeEntry('s', 1, {}, MAX), ONLY_FOR, 'a'];
    expect([isFor('a', fields), isFor('b', fields), isFor('b', fields.slice(0, -2))]).toEqual([
      true,
      false,
      true,
    ]);
    expect(decode(fields).data).toBe(1);
  });
});

describe('an entry of somebody else', () => {
  it('arrives as its field map, whatever its names', () => {
    expect(decode(['temp', '21.5', 'unit', 'C'])).toEqual({ data: { temp: '21.5', unit: 'C' } });
    expect(decode(['data', 'x', 'type', 't'])).toEqual({ data: { data: 'x', type: 't' }, type: 't' });
    expect(decode(['hydra', '1', 'data', '{not JSON'])).toEqual({ data: { hydra: '1', data: '{not JSON' } });
  });

  it('that has a field of our name is whole still', () => {
    expect(decode(['hydra', 'monster', 'heads', '9'])).toEqual({ data: { hydra: 'monster', heads: '9' } });
  });

  it('that is for one group only arrives as it was published', () => {
    expect(decode(['temp', '21.5', ONLY_FOR, 'a'])).toEqual({ data: { temp: '21.5' } });
    const message = JSON.stringify({ to: 's:/', frm: 'a:/', mid: 'm', typ: 'paid', bdy: { n: 1 } });
    expect(decode(['message', message, ONLY_FOR, 'a'])).toMatchObject({ data: { n: 1 }, type: 'paid' });
  });

  it("brings the body and the type of hydra-router's message", () => {
    const text = '{"to":"a:/","frm":"b:/","typ":"t","bdy":{"x":1},"hdr":{"h":"1"}}';
    expect(decode(['message', text])).toEqual({ data: { x: 1 }, type: 't', metadata: { h: '1' } });
    expect(decode(['message', 'plain'])).toEqual({ data: { message: 'plain' } });
  });

  it('cannot reach a prototype', () => {
    const { data } = decode(['__proto__', 'x', 'a', '1']);
    expect(Object.keys(data as object)).toEqual(['a']);
    expect(Object.keys(decode(['hydra', '1', 'data', '{"__proto__":{"x":1}}']).data as object)).toEqual([]);
  });
});

describe('a dead letter', () => {
  it('keeps the entry, and says why', () => {
    const fields = encodeEntry('s', { a: 1 }, { type: 't' }, MAX);
    const letter = { entryId: '5-1', reason: 'no', attempts: 3, fields };
    expect(decodeDeadLetter(encodeDeadLetter(letter))).toEqual(letter);
    expect(decodeDeadLetter(fields)).toBeUndefined();
  });
});

describe('the id of an entry', () => {
  it.each([
    ['5-3', '5-2'],
    ['5-0', '4-18446744073709551615'],
    ['0-0', '0-0'],
  ])('%s stands behind %s', (id, before) => expect(idBefore(id)).toBe(before));

  it('sorts as Redis sorts it', () => {
    const ids = ['10-0', '9-1', '9-0', '18446744073709551615-0', '9-10'];
    expect(ids.toSorted(compareIds)).toEqual(['9-0', '9-1', '9-10', '10-0', '18446744073709551615-0']);
  });

  it('says when it was stored', () => {
    expect(timeOfId('1700000000000-4')).toBe(1_700_000_000_000);
    expect(['1-0', '1', '', 'a-b', '-1'].map(isStreamId)).toEqual([true, false, false, false, false]);
  });
});
