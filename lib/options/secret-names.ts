const KEYS = ['api', 'private', 'access', 'encryption'].flatMap((kind) => [
  `${kind}key`,
  `${kind}_key`,
  `${kind}-key`,
]);

/** Names whose values are secret wherever they appear, in whatever case: in logs, and where configurations are shown. */
export const SECRET_NAMES: readonly string[] = [
  ...['password', 'passwd', 'passphrase', 'secret', 'token', 'credential', 'credentials'],
  ...['authorization', 'cookie'],
  ...KEYS,
];
