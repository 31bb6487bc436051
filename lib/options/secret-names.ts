const KEYS = ['api', 'private', 'access', 'encryption'].flatMap((kind) => [
  `${kind}key`,
  `${kind}_key`,
  `${kind}-key`,
]);

/** The text in place of a secret. */
export const REDACTED = '[redacted]';

/** Names whose values are secret wherever they appear, in whatever case: in logs, and where configurations are shown. */
export const SECRET_NAMES: readonly string[] = [
  ...['password', 'passwd', 'passphrase', 'secret', 'token', 'credential', 'credentials'],
  ...['authorization', 'cookie'],
  ...KEYS,
];

const SECRET_NAME = new RegExp(SECRET_NAMES.join('|'), 'i');

/** Whether a name says that its value is secret. */
export function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name);
}
