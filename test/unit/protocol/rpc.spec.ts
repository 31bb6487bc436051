import { decodeFrame, encodeFrame, encodeItem, isFrame, Kind } from '../../../lib/protocol/rpc.js';

const FROM = '0123@math:/';

describe('a frame', () => {
  it('is one JSON array: mark, sender, load, items', () => {
    const items = [encodeItem(Kind.call, 1, 'sum', [1, 2], 500), encodeItem(Kind.cancel, 2)];
    const wire = encodeFrame(FROM, [3, 1.5], items);
    expect(wire).toBe('["h1","0123@math:/",[3,1.5],[0,1,"sum",[1,2],500],[6,2]]');
    expect(isFrame(wire)).toBe(true);
    expect(decodeFrame(wire)).toEqual({
      from: FROM,
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
    '["h2","a@b:/",[0,0]]',
    '["h1"]',
    '["h1",5,[0,0]]',
    '["h1","a@b:/",[0,0],',
    '[',
    'null',
  ])('is not %j', (wire) => expect(decodeFrame(wire)).toBeUndefined());

  it('loses items that are none, and keeps the others', () => {
    const wire = '["h1","a@b:/",[0,0],null,5,"x",{},[],["0",1],[6,7]]';
    expect(decodeFrame(wire)?.items).toEqual([[6, 7]]);
  });

  it.each(['null', '[]', '["a",{}]', '[-1,-5]', '[1e999,1e999]', '5'])(
    'takes a load of %s for none',
    (load) => {
      expect(decodeFrame(`["h1","a@b:/",${load},[6,7]]`)?.load).toEqual([0, 0]);
    },
  );

  it('cannot be taken for a message: those are objects', () => {
    expect(isFrame('{"to":"a:/"}')).toBe(false);
  });
});
