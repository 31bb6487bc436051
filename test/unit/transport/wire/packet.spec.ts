import { HydraError } from '../../../../lib/index.js';
import { decodeFrame, encodeFrame, encodeItem, isFrame, Kind, WIRE } from '../../../../lib/protocol/rpc.js';
import {
  decodeValue,
  encodeCall,
  encodeError,
  encodeEvent,
  encodeLast,
  encodeValue,
  withSent,
} from '../../../../lib/transport/wire/packet.js';

const FROM = '0123456789abcdef0123456789abcdef@math:/';
const MAX_BYTES = 1_048_576;
const SHARE = 32_768;

const call = (data: unknown, metadata?: Record<string, string>, share = SHARE) =>
  encodeCall({ id: 7, request: { pattern: 'sum', data, metadata } }, 500, share, MAX_BYTES);
const place = { id: 7, pattern: 'sum', before: 3 };
const bytes = Buffer.from([1, 2, 3]);
const refused = new HydraError('DRAINING', 'stopping');

/** What others read and write, letter by letter: another text is another wire. */
const ITEMS: Readonly<Record<string, readonly [text: string, expected: string]>> = {
  'a call': [call([1, 2]), '[0,7,"sum",[1,2],500]'],
  'a call without data': [call(undefined), '[0,7,"sum",null,500]'],
  'a call with metadata': [call(1, { a: 'b' }), '[0,7,"sum",1,500,{"a":"b"}]'],
  'a call with bytes': [call(bytes), '[0,7,"sum",{"$hydra:bytes":"AQID"},500,null,1]'],
  'a call with a share of its own': [call(1, undefined, 2_048), '[0,7,"sum",1,500,null,0,2048]'],
  'a call with all of it': [
    call(bytes, { a: 'b' }, 1_024),
    '[0,7,"sum",{"$hydra:bytes":"AQID"},500,{"a":"b"},1,1024]',
  ],
  'an event': [encodeEvent(8, 'noted', { a: 1 }, undefined, MAX_BYTES), '[1,8,"noted",{"a":1},null,0]'],
  'a value': [encodeValue(place, 'x', MAX_BYTES), '[2,7,3,"x",0]'],
  'a value with bytes': [encodeValue(place, bytes, MAX_BYTES), '[2,7,3,{"$hydra:bytes":"AQID"},1]'],
  'a value that tells what was sent': [
    withSent(encodeValue(place, 'x', MAX_BYTES), 4_711),
    '[2,7,3,"x",0,4711]',
  ],
  'a completion': [encodeItem(Kind.complete, 7, 3), '[3,7,3]'],
  'a completion with a value': [encodeLast(place, 'x', MAX_BYTES), '[3,7,3,"x"]'],
  'a completion with bytes': [encodeLast(place, bytes, MAX_BYTES), '[3,7,3,{"$hydra:bytes":"AQID"},1]'],
  'an error': [
    encodeError(Kind.error, 7, { status: 'error', message: 'no' }, MAX_BYTES),
    '[4,7,{"status":"error","message":"no"}]',
  ],
  'a refusal': [encodeError(Kind.refusal, 7, refused, MAX_BYTES), `[5,7,${JSON.stringify(refused)}]`],
  'a cancellation': [encodeItem(Kind.cancel, 7), '[6,7]'],
  'a probe': [encodeItem(Kind.probe, [7, 8]), '[7,[7,8]]'],
  'the answer to a probe': [encodeItem(Kind.probed, [7], [], [8]), '[8,[7],[],[8]]'],
  'a grant': [encodeItem(Kind.grant, 7, 65_536), '[9,7,65536]'],
  'a question for room': [encodeItem(Kind.ask, 7, 65_536), '[10,7,65536]'],
};

describe('wire 2', () => {
  it('is what instances announce', () => expect(WIRE).toBe(2));

  it.each(Object.entries(ITEMS))('has for %s one text', (_what, [text, expected]) => {
    expect(text).toBe(expected);
  });

  it('has for a frame one text, which comes back as it was', () => {
    const items = Object.values(ITEMS).map(([text]) => text);
    const wire = encodeFrame(FROM, 12, [3, 1.5], items);
    expect(wire).toBe(`["h2","${FROM}",12,[3,1.5],${items.join(',')}]`);
    expect(isFrame(wire)).toBe(true);
    expect(decodeFrame(wire)).toEqual({
      from: FROM,
      seq: 12,
      load: [3, 1.5],
      items: items.map((item) => JSON.parse(item) as unknown),
    });
  });

  it('does not have bytes written as a list of numbers first, which takes longer than all else', () => {
    let lists = 0;
    const counted = Object.assign(Buffer.from(bytes), { toJSON: () => (lists += 1) });
    expect(call({ file: counted })).toContain('"AQID"');
    expect(encodeLast(place, counted, MAX_BYTES)).toContain('"AQID"');
    expect(lists).toBe(0);
  });

  it('brings bytes back as bytes, and what only looks like some as it is', () => {
    const [, , , data, , , hasBytes] = JSON.parse(call(bytes)) as unknown[];
    expect(decodeValue(data, hasBytes)).toEqual(bytes);
    expect(decodeValue(data, 0)).toEqual({ '$hydra:bytes': 'AQID' });
  });
});
