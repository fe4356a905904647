import { collectIssues, InvalidError, type Issue } from '../../core/errors.ts'
import type { Access } from '../../security/access.ts'
import { ApiKeys } from '../../security/api-keys.ts'
import { ServiceKeyRing } from './encryption.ts'

interface Keys {
  apiKeys: readonly string[]
  encryptionKeys: readonly string[]
}

/**
 * From now on these keys count. All are looked at before the first one is replaced.
 *
 * @param ring undefined where the service was started without encryption, which a restart can begin
 * @throws InvalidError `CONFIGURATION_INVALID` with every mistake; all keys are as before then
 */
export function replaceKeys(access: Access, ring: ServiceKeyRing | undefined, keys: Keys): void {
  const issues: Issue[] = []
  collectIssues(issues, () => new ApiKeys(keys.apiKeys), 'API_KEYS')
  if (ring) collectIssues(issues, () => new ServiceKeyRing(keys.encryptionKeys), 'ENCRYPTION_KEYS')
  if (issues.length === 0) collectIssues(issues, () => access.replace(keys.apiKeys), 'API_KEYS')
  if (issues.length > 0)
    throw new InvalidError('CONFIGURATION_INVALID', 'the keys can not be replaced', issues)
  ring?.replace(keys.encryptionKeys)
}
