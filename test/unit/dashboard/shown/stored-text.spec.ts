import { memberText, storedText, withStoredNumbers } from '../../../../lib/dashboard/shown/stored-text.js';

describe('storedText', () => {
  it('shows JSON with all its digits, and without its secrets', () => {
    const text = storedText('{"n":12345678901234567890,"db":{"password":"hunter2"}}');
    expect(text).toBe('{\n  "n": 12345678901234567890,\n  "db": {\n    "password": "[redacted]"\n  }\n}');
  });

  it.each([
    ['a text in brackets', '[worker] password=hunter2 refused', ''],
    ['a text in braces', '{password: hunter2', ''],
    ['JSON that was cut off', '{"a":1,"password":"hunter2', ''],
    ['a field with the name of a secret', 'hunter2', 'password'],
    ['JSON in a field with the name of a secret', '{"a":"hunter2"}', 'authToken'],
  ])('hides the secret in %s', (_what, text, name) => {
    expect(storedText(text, name)).not.toContain('hunter2');
  });

  it('hides a secret text that is longer than what is shown', () => {
    const text = `{"secret":"${'hunter2 '.repeat(40_000)}"}`;
    expect(storedText(text)).toBe('{\n  "secret": "[redacted]"\n…');
  });

  it('shows a long text up to where it is cut off, as one', () => {
    const text = storedText(JSON.stringify({ text: 'one, two: three '.repeat(20_000) }));
    expect(text.split('\n')).toHaveLength(3);
  });
});

describe('memberText', () => {
  it.each([
    ['{"a":{"result":1},"result":12345678901234567890,"job":{}}', '12345678901234567890'],
    ['{ "result" : { "b": [1, {"c": 2}], "d": "}" } , "e": 3}', '{"b":[1,{"c":2}],"d":"}"}'],
    ['{"text":"\\"result\\":1"}', undefined],
    ['[{"result":1}]', undefined],
    ['{"result":1', undefined],
  ])('gives the value of a member of %s as it is stored', (text, value) => {
    expect(memberText(text, 'result')).toBe(value);
  });
});

describe('withStoredNumbers', () => {
  it('keeps the digits of numbers that the change leaves alone', () => {
    const text = '{"n":12345678901234567890,"list":[1.50,2],"password":98765432109876543210,"s":"1.50"}';
    const changed = withStoredNumbers(text, (document) => ({ ...(document as object), password: 'hidden' }));
    expect(changed).toBe(
      '{\n  "n": 12345678901234567890,\n  "list": [\n    1.50,\n    2\n  ],\n  "password": "hidden",\n  "s": "1.50"\n}',
    );
  });
});
