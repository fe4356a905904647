import { InvalidError, MillraceError, toError, type Issue } from '../../core/errors.ts'
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
  collect('API_KEYS', issues, () => new ApiKeys(keys.apiKeys))
  if (ring) collect('ENCRYPTION_KEYS', issues, () => new ServiceKeyRing(keys.encryptionKeys))
  if (issues.length === 0) collect('API_KEYS', issues, () => access.replace(keys.apiKeys))
  if (issues.length > 0)
    throw new InvalidError('CONFIGURATION_INVALID', 'the keys can not be replaced', issues)
  ring?.replace(keys.encryptionKeys)
}

function collect(path: string, issues: Issue[], work: () => unknown): void {
  try {
    work()
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error
    const faults = error instanceof InvalidError ? error.issues : []
    issues.push(...(faults.length > 0 ? faults : [{ path, message: toError(error).message }]))
  }
}
