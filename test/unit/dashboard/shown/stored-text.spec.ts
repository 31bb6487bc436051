import { storedText } from '../../../../lib/dashboard/shown/stored-text.js';

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
