/** What a server's certificate, or the way it answers, has against it. */
const SERVER: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: "the server's certificate, or one of those that sign it, has expired",
  CERT_NOT_YET_VALID: "the server's certificate is not valid yet",
  CERT_REVOKED: "the server's certificate is revoked",
  CERT_UNTRUSTED: "the server's certificate is not trusted",
  DEPTH_ZERO_SELF_SIGNED_CERT: "the server's certificate is signed by itself and not known here (tls.ca)",
  SELF_SIGNED_CERT_IN_CHAIN: "the server's certificate is signed by a CA that is not known here (tls.ca)",
  UNABLE_TO_GET_ISSUER_CERT: "the CA that signed the server's certificate is not known here (tls.ca)",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "the CA that signed the server's certificate is not known here (tls.ca)",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "the CA that signed the server's certificate is not known here (tls.ca)",
  ERR_TLS_CERT_ALTNAME_INVALID:
    "the server's certificate is for another name (tls.servername says which one to expect)",
  ERR_SSL_WRONG_VERSION_NUMBER:
    'the server does not speak TLS at this port (redis:// in place of rediss://?)',
  ERR_SSL_PACKET_LENGTH_TOO_LONG:
    'the server does not speak TLS at this port (redis:// in place of rediss://?)',
};

/** What a server says of our certificate, by the alert of TLS that it ends with. */
const OURS: readonly (readonly [RegExp, string])[] = [
  [/CERTIFICATE_REQUIRED/, 'the server wants a client certificate, and was given none (tls.cert, tls.key)'],
  [/ALERT_UNKNOWN_CA/, 'the server does not know the CA of our certificate (tls.cert)'],
  [/ALERT_CERTIFICATE_EXPIRED/, 'the server says that our certificate has expired (tls.cert)'],
  [/ALERT_(BAD|UNSUPPORTED|REVOKED)?_?CERTIFICATE/, 'the server does not take our certificate (tls.cert)'],
  [
    /ALERT_HANDSHAKE_FAILURE/,
    'the server ended the handshake: it may want a client certificate (tls.cert, tls.key)',
  ],
];

/** The socket was broken off by the other side. */
const BROKEN_OFF = /^(ECONNRESET|EPIPE)$/;

/** What is known of a connection that failed before Redis answered. */
export interface FailedConnection {
  /** Where it went, without credentials. */
  readonly place: string;
  readonly usesTls: boolean;
  /** Whether this side has a certificate to show. */
  readonly hasCertificate: boolean;
  /** Whether Redis answered before: then a break is only one. */
  readonly hasWorked: boolean;
}

/** The error with what is wrong with TLS, and at which address; as it is where it is about something else. */
export function explainTls(error: Error, failed: FailedConnection): Error {
  const { lastNodeError, code } = error as { lastNodeError?: unknown; code?: string };
  if (lastNodeError instanceof Error) return explainTls(lastNodeError, failed);
  const problem = problemOf(error, failed);
  if (problem === undefined) return error;
  // OpenSSL's own words have pointers, files and line numbers.
  const words = /:SSL routines:[^:]*:([^:]+):/.exec(error.message)?.[1] ?? error.message.trim();
  const text = `${failed.usesTls ? 'TLS with ' : ''}${failed.place}: ${problem}: ${words}`;
  return Object.assign(new Error(text, { cause: error }), { code });
}

function problemOf(
  error: Error,
  { usesTls, hasCertificate, hasWorked }: FailedConnection,
): string | undefined {
  const { code = '' } = error as { code?: string };
  const known = SERVER[code] ?? OURS.find(([pattern]) => pattern.test(code))?.[1];
  if (known !== undefined) return known;
  if (hasWorked) return undefined;
  if (usesTls && code === 'ETIMEDOUT') return 'no handshake in time: is that port one of TLS?';
  if (!BROKEN_OFF.test(code)) return undefined;
  if (!usesTls) return 'the server ended the connection without an answer: it may want TLS (rediss://)';
  if (hasCertificate) return 'the server ended the handshake: it may not take our certificate (tls.cert)';
  return 'the server ended the handshake: it may want a client certificate (tls.cert, tls.key)';
}
