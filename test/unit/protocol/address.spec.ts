import { describe, expect, it } from '@jest/globals';
import { decodeAddress, encodeAddress, serviceNameProblem } from '../../../lib/protocol/address.js';
import type { Address } from '../../../lib/protocol/address.js';
import { vectors } from './vectors.js';

interface AddressVector {
  input: unknown;
  throws?: true;
  parsed?: {
    instance: string;
    subID: string;
    serviceName: string;
    httpMethod?: string;
    apiRoute: string;
    error: string;
  };
}

const recorded = vectors<AddressVector[]>('address');

/** hydra's answer in our words. */
function expectedOf({ parsed }: AddressVector): Address | undefined {
  if (parsed === undefined || parsed.error) return undefined;
  return {
    service: parsed.serviceName,
    ...(parsed.instance && { instance: parsed.instance }),
    ...(parsed.subID && { subId: parsed.subID }),
    ...(parsed.httpMethod && { verb: parsed.httpMethod }),
    path: parsed.apiRoute,
  };
}

describe('an address', () => {
  it.each(recorded.map((vector) => [JSON.stringify(vector.input), vector] as const))(
    'is read as hydra reads it: %s',
    (_text, vector) => {
      expect(decodeAddress(vector.input)).toEqual(expectedOf(vector));
    },
  );

  it('says the same after it was written and read again', () => {
    for (const { input } of recorded) {
      const address = decodeAddress(input);
      if (address) expect(decodeAddress(encodeAddress(address))).toEqual(address);
    }
  });

  it.each([
    [{ service: 'math', path: '/' }, 'math:/'],
    [{ service: 'math', instance: 'a1', path: '/' }, 'a1@math:/'],
    [{ service: 'hydra-router', instance: 'a1', subId: 'c2', path: '/' }, 'a1-c2@hydra-router:/'],
    [{ service: 'math', verb: 'get', path: '/v1/sum?a=1:2' }, 'math:[get]/v1/sum?a=1:2'],
  ])('is written in the order instance, service, verb, path: %j', (address, text) => {
    expect(encodeAddress(address)).toBe(text);
  });

  it.each([undefined, null, 5, {}, [], Symbol('x')])('is nothing but a string: %p', (value) => {
    expect(decodeAddress(value)).toBeUndefined();
  });
});

describe('a service name', () => {
  it.each(['math', 'math-v2', 'Math', 'a.b_c', 'hydra-router', 'services', 'xhttp', 'été'])(
    'may be %s',
    (name) => {
      expect(serviceNameProblem(name)).toBeUndefined();
    },
  );

  it.each([
    ['', 'it is empty'],
    ['x'.repeat(201), 'more than 200 characters'],
    ['a:b', 'it contains ":"'],
    ['a@b', 'it contains "@"'],
    ['a*', 'it contains "*"'],
    ['a?', 'it contains "?"'],
    ['[a', 'it contains "["'],
    ['a]', 'it contains "]"'],
    ['a\\b', 'it contains "\\\\"'],
    ['a b', 'it contains " "'],
    ['a\n', 'it contains "\\n"'],
    ['http', 'it starts with "http"'],
    ['HTTPbin', 'it starts with "http"'],
    ['service', '"service" would match'],
    ['Service', '"service" would match'],
  ])('is refused with the reason: %j', (name, reason) => {
    expect(serviceNameProblem(name)).toContain(reason);
  });
});
