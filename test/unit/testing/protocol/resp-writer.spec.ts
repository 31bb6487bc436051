import {
  CommandError,
  DoubleReply,
  MapReply,
  NO_REPLY,
  NULL_ARRAY,
  OK,
  PushReply,
  SetReply,
  VerbatimReply,
  type Reply,
} from '../../../../lib/testing/protocol/reply.js';
import { encodeReply } from '../../../../lib/testing/protocol/resp-writer.js';

const FORMS: readonly (readonly [string, Reply, resp2: string, resp3: string])[] = [
  ['a status', OK, '+OK\r\n', '+OK\r\n'],
  ['an error', new CommandError('ERR a\nb'), '-ERR a b\r\n', '-ERR a b\r\n'],
  ['an integer', -7, ':-7\r\n', ':-7\r\n'],
  ['bytes', 'a\r\n\u00ff', '$4\r\na\r\n\u00ff\r\n', '$4\r\na\r\n\u00ff\r\n'],
  ['no text', '', '$0\r\n\r\n', '$0\r\n\r\n'],
  ['nothing', null, '$-1\r\n', '_\r\n'],
  ['no array', NULL_ARRAY, '*-1\r\n', '_\r\n'],
  ['no answer', NO_REPLY, '', ''],
  [
    'an array',
    ['a', [1, null]],
    '*2\r\n$1\r\na\r\n*2\r\n:1\r\n$-1\r\n',
    '*2\r\n$1\r\na\r\n*2\r\n:1\r\n_\r\n',
  ],
  ['a map', new MapReply([['a', 1]]), '*2\r\n$1\r\na\r\n:1\r\n', '%1\r\n$1\r\na\r\n:1\r\n'],
  ['a set', new SetReply(['a']), '*1\r\n$1\r\na\r\n', '~1\r\n$1\r\na\r\n'],
  ['a fraction', new DoubleReply(2.5), '$3\r\n2.5\r\n', ',2.5\r\n'],
  ['infinity', new DoubleReply(-Infinity), '$4\r\n-inf\r\n', ',-inf\r\n'],
  ['a text for people', new VerbatimReply('a'), '$1\r\na\r\n', '=5\r\ntxt:a\r\n'],
  [
    'a message',
    new PushReply(['message', 'c', 'x']),
    '*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nx\r\n',
    '>3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nx\r\n',
  ],
];

describe('an answer on the wire', () => {
  it.each(FORMS)('%s', (_, reply, resp2, resp3) => {
    expect(encodeReply(reply, 2)).toBe(resp2);
    expect(encodeReply(reply, 3)).toBe(resp3);
  });
});
