import { decodeFrame, encodeFrame, encodeItem, isFrame, Kind } from '../../../lib/protocol/rpc.js';

const FROM = '0123@math:/';

describe('a frame', () => {
  it('is one JSON array: mark, sender, load, items', () => {
    const items = [encodeItem(Kind.call, 1, 'sum', [1, 2], 500), encodeItem(Kind.cancel, 2)];
    const wire = encodeFrame(FROM, 7, [3, 1.5], items);
    expect(wire).toBe('["h2","0123@math:/",7,[3,1.5],[0,1,"sum",[1,2],500],[6,2]]');
    expect(isFrame(wire)).toBe(true);
    expect(decodeFrame(wire)).toEqual({
      from: FROM,
      seq: 7,
      load: [3, 1.5],
      items: [
        [0, 1, 'sum', [1, 2], 500],
        [6, 2],
      ],
    });
  });

  it.each([
    '',
    '{}',
    '["h1","a@b:/",1,[0,0]]',
    '["h2"]',
    '["h2",5,1,[0,0]]',
    '["h2","a@b:/",1,[0,0],',
    '[',
    'null',
  ])('is not %j', (wire) => expect(decodeFrame(wire)).toBeUndefined());

  it('loses items that are none, and keeps the others', () => {
    const wire = '["h2","a@b:/",1,[0,0],null,5,"x",{},[],["0",1],[6,7]]';
    expect(decodeFrame(wire)?.items).toEqual([[6, 7]]);
  });

  it.each(['null', '[]', '["a",{}]', '[-1,-5]', '[1e999,1e999]', '5'])(
    'takes a load of %s for none',
    (load) => {
      expect(decodeFrame(`["h2","a@b:/",1,${load},[6,7]]`)?.load).toEqual([0, 0]);
    },
  );

  it.each(['null', '"1"', '-1', '1.5', '1e999', '{}'])('takes a number of %s for none', (seq) => {
    expect(decodeFrame(`["h2","a@b:/",${seq},[0,0],[6,7]]`)).toMatchObject({ seq: 0, items: [[6, 7]] });
  });

  it('cannot be taken for a message: those are objects', () => {
    expect(isFrame('{"to":"a:/"}')).toBe(false);
  });
});
