import { decodeAnnouncement, decodeDirectory, encodeDirectory } from '../../../lib/protocol/announcement.js';

describe('an announcement', () => {
  it('is an epoch, a kind and a payload, which may hold anything', () => {
    expect(decodeAnnouncement('7 join {"a": "b c\nd"}')).toEqual({
      epoch: 7,
      kind: 'join',
      payload: '{"a": "b c\nd"}',
    });
    expect(decodeAnnouncement('1763640000000 leave abc')?.epoch).toBe(1_763_640_000_000);
  });

  it.each([
    '',
    '7',
    '7 join',
    '7 join ',
    'x join a',
    '-1 join a',
    '7 dance a',
    '7  join a',
    '12345678901234567 join a',
    '9999999999999999 join a',
    'null',
  ])('is not %j', (wire) => expect(decodeAnnouncement(wire)).toBeUndefined());
});

describe('an announcement of the directory', () => {
  it.each(['added', 'removed'] as const)('comes back as it went: %s', (kind) => {
    const said = { kind, service: 'math' };
    expect(decodeDirectory(encodeDirectory(said))).toEqual(said);
  });

  it.each(['', 'removed ', 'a b', '{"a":1}', 'service', 'a:b', 'removed a:b', 'x'.repeat(201)])(
    'is not %j',
    (wire) => expect(decodeDirectory(wire)).toBeUndefined(),
  );
});
