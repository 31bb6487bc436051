import { DefaultAzureCredential, type TokenCredential } from '@azure/identity';
import { EntraIdCredentialsProviderFactory, REDIS_SCOPE_DEFAULT } from '@redis/entraid';

/** Logs in as whom the environment, the managed identity or `az login` says. The user of Redis is its object id. */
export function entraCredentials(credential: TokenCredential = new DefaultAzureCredential()) {
  return EntraIdCredentialsProviderFactory.createForDefaultAzureCredential({
    credential,
    scopes: REDIS_SCOPE_DEFAULT,
    // After three quarters of the life of a token, with a tenth of a second before each further attempt.
    tokenManagerConfig: {
      expirationRefreshRatio: 0.75,
      retry: {
        maxAttempts: 10,
        initialDelayMs: 100,
        maxDelayMs: 30_000,
        backoffMultiplier: 2,
        jitterPercentage: 10,
      },
    },
  });
}
