import * as fc from 'fast-check';

import { ProtocolError, RespReader } from '../../../../lib/testing/protocol/resp-reader.js';

const encoded = (argv: readonly string[]) =>
  `*${argv.length}\r\n${argv.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`;

function readAll(...chunks: readonly string[]): (readonly string[])[] {
  const reader = new RespReader();
  const commands: (readonly string[])[] = [];
  for (const chunk of chunks) {
    reader.feed(Buffer.from(chunk, 'latin1'));
    for (let next = reader.next(); next; next = reader.next()) commands.push(next);
  }
  return commands;
}

const byte = fc.nat(255).map((code) => String.fromCharCode(code));
const word = fc.string({ unit: byte, maxLength: 20 });
const command = fc.array(word, { minLength: 1, maxLength: 4 });

describe('what a client sends', () => {
  it('is read the same however it is cut into pieces', () => {
    fc.assert(
      fc.property(fc.array(command, { maxLength: 5 }), fc.array(fc.nat(200)), (commands, cuts) => {
        const text = commands.map(encoded).join('');
        const ends = [...new Set(cuts)].filter((at) => at < text.length).toSorted((a, b) => a - b);
        const chunks = [...ends, text.length].map((end, at) => text.slice(at === 0 ? 0 : ends[at - 1], end));
        expect(readAll(...chunks)).toEqual(commands);
      }),
      { seed: 1 },
    );
  });

  it('may be lines, with quotes', () => {
    expect(readAll('PING\r\nset "a b" \'c\' "\\x41\\n"\n')).toEqual([['PING'], ['set', 'a b', 'c', 'A\n']]);
  });

  it('may be an empty line or an empty command, which is no command', () => {
    expect(readAll('\r\n*0\r\n')).toEqual([[], []]);
  });

  it.each([
    ['*x\r\n', 'invalid multibulk length'],
    ['*1\r\n+a\r\n', "expected '$', got '+'"],
    ['*1\r\n$-1\r\n', 'invalid bulk length'],
    ['*1\r\n$\r\n', 'invalid bulk length'],
    ['*1\r\n$536870913\r\n', 'invalid bulk length'],
    ['a'.repeat(70_000), 'too big inline request'],
    [`*${'1'.repeat(70_000)}`, 'too big mbulk count string'],
  ])('%j is no RESP', (text, reason) => {
    expect(() => readAll(text)).toThrow(new ProtocolError(reason));
  });
});
