import { fullId, isShortId, shortIds } from '../../../../lib/cli/lookup/short-ids.js';

const A = '1fd0aa00bb11cc22dd33ee44ff556677';
const B = '1fd0aa00bb11cc22dd33ee44ff556688';
const C = '0b5e7c1a-9d41-4c3f-8a55-6b2f1f0e9c77';

describe('ids in tables', () => {
  it('are shortened to eight characters when those tell them apart', () => {
    const short = shortIds([A, C]);
    expect([short(A), short(C)]).toEqual(['1fd0aa00', '0b5e7c1a']);
  });

  it('are as long as it takes to tell them apart', () => {
    const short = shortIds([A, B, A]);
    expect(short(A)).toBe(A.slice(0, 31));
    expect(short(A)).not.toBe(short(B));
  });

  it('are shown whole when a person chose them', () => {
    const short = shortIds(['order-7', 'deadbeef', A]);
    expect([short('order-7'), short('deadbeef')]).toEqual(['order-7', 'deadbeef']);
  });
});

describe('an id that is typed', () => {
  it('may be the beginning of one', () => {
    expect(fullId('0b5e', [A, C])).toBe(C);
    expect(fullId('0b5e7c1a-9d', [A, C])).toBe(C);
    expect(fullId(A, [A, B])).toBe(A);
  });

  it('is refused when it is the beginning of several', () => {
    expect(() => fullId('1fd0aa', [A, B])).toThrow(
      /"1fd0aa" is the beginning of 2 ids: 1fd0aa00.*, 1fd0aa00/,
    );
  });

  it('is none when it is the beginning of none, or of one that a person chose', () => {
    expect(fullId('ffff', [A, B, C])).toBeUndefined();
    expect(fullId('0b5', [C])).toBeUndefined();
    expect(fullId('deadbe', ['deadbeef'])).toBeUndefined();
    expect(isShortId('order')).toBe(false);
  });
});
