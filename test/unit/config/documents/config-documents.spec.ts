import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { differences } from '../../../../lib/config/documents/difference.js';
import { redact, secretTest } from '../../../../lib/config/documents/config-secrets.js';
import { resolveReferences } from '../../../../lib/config/documents/references.js';

const nothing = () => false;

describe('differences', () => {
  it.each([
    [{}, {}, []],
    [{ a: [] }, { a: [] }, []],
    [{}, { a: {} }, [{ path: 'a', kind: 'added', after: {} }]],
    [{ a: null }, {}, [{ path: 'a', kind: 'removed', before: null }]],
    [{ a: [1] }, { a: { 0: 1 } }, [{ path: 'a', kind: 'changed', before: [1], after: { 0: 1 } }]],
    [{ a: [1, 2] }, { a: [1] }, [{ path: 'a.1', kind: 'removed', before: 2 }]],
    [{ 'a.b': 1 }, { 'a.b': 2 }, [{ path: '"a.b"', kind: 'changed', before: 1, after: 2 }]],
  ])('between %j and %j are %j', (a, b, expected) => {
    expect(differences(a, b, nothing)).toEqual(expected);
  });

  it('do not show a secret inside of something that was added', () => {
    const changes = differences({}, { db: { password: 'x', list: [{ token: 'y' }] } }, secretTest([]));
    expect(changes).toEqual([
      { path: 'db', kind: 'added', after: { password: '[redacted]', list: [{ token: '[redacted]' }] } },
    ]);
  });
});

describe('redaction', () => {
  it('follows marks, stars and telling names, and leaves references', () => {
    const isSecret = secretTest(['hosts.*.key', 'vault']);
    const document = {
      hosts: [{ key: 1, name: 'a' }],
      vault: { deep: { er: true } },
      apiKey: 'x',
      dbPassword: 'env:DB_PASSWORD',
      monkey: 'kept',
    };
    expect(redact(document, isSecret)).toEqual({
      hosts: [{ key: '[redacted]', name: 'a' }],
      vault: { deep: { er: '[redacted]' } },
      apiKey: '[redacted]',
      dbPassword: 'env:DB_PASSWORD',
      monkey: 'kept',
    });
  });
});

describe('references', () => {
  it('are replaced wherever they stand, and nothing else is', async () => {
    const path = join(await mkdtemp(join(tmpdir(), 'hydra-refs-')), 'secret');
    await writeFile(path, 'from a file\n');
    const document = {
      a: ['env:HERE', 'environment'],
      b: { c: `file:${path}` },
      d: 'env:not a name',
      e: null,
    };
    expect(await resolveReferences(document, { HERE: 'x' })).toEqual({
      a: ['x', 'environment'],
      b: { c: 'from a file' },
      d: 'env:not a name',
      e: null,
    });
  });

  it.each([
    ['env:NOT_THERE', 'a.b: env:NOT_THERE is not set'],
    ['file:/not/there', 'a.b: file:/not/there cannot be read'],
    ['file:/dev/zero', 'cannot be read'],
  ])('that lead nowhere are named: %s', async (reference, message) => {
    await expect(resolveReferences({ a: { b: reference } }, {})).rejects.toThrow(message);
  });
});
