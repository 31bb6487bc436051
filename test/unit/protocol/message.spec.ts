import { describe, expect, it } from '@jest/globals';
import {
  createMessage,
  decodeMessage,
  encodeLongMessage,
  encodeMessage,
  patternOf,
  replyTo,
} from '../../../lib/protocol/message.js';
import type { ReplyFields, UmfMessage } from '../../../lib/protocol/message.js';
import { vectors } from './vectors.js';

interface MessageVector {
  name: string;
  input: object;
  long: string;
  short: string;
}

interface ReplyVector {
  name: string;
  request: string;
  response: { from?: string; typ?: string; body: unknown };
  sent: string;
}

/** What the recorder puts where hydra drew an id or a time. */
const STAMP = { mid: '00000000-0000-4000-8000-000000000001', timestamp: '2000-01-01T00:00:00.000Z' };

function decoded(wire: string): UmfMessage {
  const message = decodeMessage(wire);
  if (message === undefined) throw new Error(`not a message: ${wire}`);
  return message;
}

/** As hydra does on arrival; ours leaves an absent id or time empty. */
function stamped(message: UmfMessage): UmfMessage {
  return { ...message, mid: message.mid || STAMP.mid, timestamp: message.timestamp || STAMP.timestamp };
}

describe('a message', () => {
  const cases = vectors<MessageVector[]>('message').map((vector) => [vector.name, vector] as const);

  it.each(cases)(
    'has the long and the short form that hydra gives it: %s',
    (_name, { input, long, short }) => {
      const message = stamped(decoded(JSON.stringify(input)));
      expect(encodeLongMessage(message)).toBe(long);
      expect(encodeMessage(message)).toBe(short);
    },
  );

  it.each(cases)('is the same read from either form: %s', (_name, { long, short }) => {
    expect(decoded(short)).toEqual(decoded(long));
  });

  it.each(
    vectors<{ name: string; payload: string }[]>('sent').map((sent) => [sent.name, sent.payload] as const),
  )('that hydra published is written again with the same bytes: %s', (_name, payload) => {
    expect(encodeMessage(decoded(payload))).toBe(payload);
  });

  it.each(vectors<{ wire: string; emitted: string | null }[]>('received'))(
    'is what hydra emits for the same bytes, and nothing unless they are an object: $wire',
    ({ wire, emitted }) => {
      const message = decodeMessage(wire);
      if (!/^\s*\{/.test(wire)) expect(message).toBeUndefined();
      else expect(message && encodeMessage(stamped(message))).toBe(emitted);
    },
  );

  it('is stamped by the caller and takes the version of hydra 1.9.3 by default', () => {
    const message = createMessage({ to: 'a:/', from: 'b:/', type: 'ask', body: [1] }, STAMP);
    expect(message).toEqual({
      ...STAMP,
      to: 'a:/',
      from: 'b:/',
      type: 'ask',
      version: 'UMF/1.4.6',
      body: [1],
    });
    expect(createMessage({ to: 'a:/', from: 'b:/', version: 'UMF/2' }, STAMP).version).toBe('UMF/2');
  });

  it.each([0, false, '', null, undefined])('has no body when the body is %p', (body) => {
    const message = createMessage({ to: 'a:/', from: 'b:/', body }, STAMP);
    expect(message.body).toBeUndefined();
    expect(encodeMessage({ ...message, body })).not.toContain('bdy');
  });

  it('drops members of the wrong type and keeps the rest', () => {
    const wire =
      '{"to":5,"from":{},"frm":"x:/","mid":[],"rmid":null,"hdr":[],"tmo":"5","ts":1,"typ":{},"bdy":[]}';
    expect(decodeMessage(wire)).toEqual({
      to: '',
      from: 'x:/',
      mid: '',
      timestamp: '',
      version: 'UMF/1.4.6',
      body: [],
    });
  });

  it('drops a timeout too large to hold', () => {
    expect(decodeMessage('{"tmo":1e999}')?.timeout).toBeUndefined();
  });

  it.each(['__proto__', '\\u005f_proto__', '__\\u0070roto__', '__pr\\u006Fto__', '__pro\\u0074o__'])(
    'loses members that would become a prototype, spelt %s',
    (spelling) => {
      const evil = `{"${spelling}":{"polluted":1},"a":[{"${spelling}":{"polluted":1},"b":2}]}`;
      const message = decoded(`{"to":"a:/","hdr":${evil},"bdy":${evil},"${spelling}":{"type":"evil"}}`);
      expect(message.type).toBeUndefined();
      expect(JSON.stringify([message.headers, message.body])).toBe('[{"a":[{"b":2}]},{"a":[{"b":2}]}]');
      expect(Object.assign({}, message.body)).not.toHaveProperty('polluted');
    },
  );

  it('survives nesting deeper than the call stack', () => {
    const depth = 100_000;
    const deep = `${'{"__proto__":1,"a":'.repeat(depth)}1${'}'.repeat(depth)}`;
    expect(decodeMessage(`{"bdy":${deep}}`)).toBeDefined();
  });
});

describe('a reply', () => {
  const cases = vectors<ReplyVector[]>('reply').map((vector) => [vector.name, vector] as const);

  it.each(cases)("goes where hydra's goes, under the same ids: %s", (_name, { request, response, sent }) => {
    const { from = '', typ: type, body } = response;
    const reply = replyTo(decoded(request), { from, type, body }, STAMP);
    const { to, rmid, via, forward } = decoded(sent);
    expect(reply).toMatchObject({ to, rmid, body, ...(via && { via }), ...(forward && { forward }) });
  });

  it.each(cases.filter(([name]) => name.startsWith('to one instance') || name.startsWith('through')))(
    "has hydra's bytes: %s",
    (_name, { request, response, sent }) => {
      const { from = '', typ: type, body } = response;
      const reply = replyTo(decoded(request), { from, type, body }, STAMP);
      expect(reply && encodeMessage(reply)).toBe(sent);
    },
  );

  it('takes no type, headers, authorization, signature or timeout from the request', () => {
    const request = cases.find(([name]) => name.includes('everything'))?.[1].request ?? '';
    expect(request).toContain('"hdr"');
    const fields: ReplyFields = { from: 'me@alpha:/', body: { a: 1 } };
    expect(replyTo(decoded(request), fields, STAMP)).toEqual({
      ...STAMP,
      to: '00000000000000000000000000000001@alpha:/',
      from: 'me@alpha:/',
      rmid: 'm1',
      version: 'UMF/1.4.6',
      body: { a: 1 },
    });
  });

  it('is not possible to a message that says neither via nor from', () => {
    expect(replyTo(decoded('{"to":"a:/","bdy":{}}'), { from: 'a:/' }, STAMP)).toBeUndefined();
  });
});

describe('the pattern of a message', () => {
  it.each([
    [{ to: 'math:/', typ: 'sum' }, 'sum'],
    [{ to: 'math:[get]/v1/sum', typ: 'sum' }, 'sum'],
    [{ to: 'math:/sum' }, 'sum'],
    [{ to: 'math:[post]/v1/sum' }, 'v1/sum'],
    [{ to: 'a1@math:sum' }, 'sum'],
    [{ to: 'math:/a:b' }, 'a:b'],
    [{ to: 'math:/' }, ''],
    [{ to: 'no colon' }, ''],
    [{}, ''],
  ])('of %j is %j', (wire, pattern) => {
    expect(patternOf(decoded(JSON.stringify(wire)))).toBe(pattern);
  });
});
