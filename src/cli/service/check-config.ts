import { invalidConfiguration, type Config } from '../../config/config.ts'
import { InvalidError, type Issue } from '../../core/errors.ts'
import { noLog } from '../../core/service.ts'
import { serviceSecurity } from './access.ts'
import { serviceKeyRing } from './encryption.ts'
import { pipelinesOf } from './pipelines.ts'
import { databaseTls, redisTls } from './tls.ts'

/**
 * Looks at what the table of variables can't: whether keys, tokens, certificates and pipelines are what they should be. Each is looked
 * at again where it is used; here, so that whoever has to correct them is told everything at once.
 *
 * @throws InvalidError `CONFIGURATION_INVALID` with every mistake, and no secret
 */
export function checkConfig(config: Config, env: NodeJS.ProcessEnv): void {
  const issues: Issue[] = []
  const parts = [
    () => serviceSecurity({ config, logger: { for: () => noLog } }),
    () => serviceKeyRing(config.security.encryptionKeys),
    () => redisTls(config),
    () => databaseTls(config),
    () => config.roles.has('connector') && pipelinesOf(config, env),
  ]
  for (const part of parts) {
    try {
      part()
    } catch (error) {
      if (!(error instanceof InvalidError)) throw error
      issues.push(...error.issues)
    }
  }
  if (issues.length > 0) throw invalidConfiguration(issues)
}
