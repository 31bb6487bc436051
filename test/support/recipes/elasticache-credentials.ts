import { Sha256 } from '@aws-crypto/sha256-js';
import { defaultProvider } from '@aws-sdk/credential-provider-node';
import { SignatureV4 } from '@smithy/signature-v4';

interface Cache {
  /** The user's id, which is also its name. */
  readonly user: string;
  /** The id of the replication group, or the name of the serverless cache: not its host. In lower case. */
  readonly name: string;
  readonly region: string;
  readonly isServerless?: boolean;
}

/** Tokens with which a user of IAM logs in; ElastiCache takes each for fifteen minutes. */
export function elastiCacheCredentials({ user, name, region, isServerless = false }: Cache) {
  const lifeS = 900;
  const signer = new SignatureV4({
    service: 'elasticache',
    region,
    credentials: defaultProvider(),
    sha256: Sha256,
  });
  return async () => {
    const request = {
      method: 'GET',
      protocol: 'http:',
      hostname: name,
      path: '/',
      headers: { host: name },
      query: { Action: 'connect', User: user, ...(isServerless && { ResourceType: 'ServerlessCache' }) },
    };
    const expiresAt = Date.now() + lifeS * 1_000;
    const { query = {} } = await signer.presign(request, { expiresIn: lifeS });
    const words = Object.entries(query).map(([key, value]) => `${key}=${encodeURIComponent(String(value))}`);
    return { username: user, password: `${name}/?${words.join('&')}`, expiresAt };
  };
}
