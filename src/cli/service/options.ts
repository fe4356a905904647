import type { App } from '../../app/app.ts'
import type { Config, Role } from '../../config/config.ts'
import type { Logger } from '../../telemetry/logger.ts'

/** What a service is made of. */
export interface ServiceOptions {
  config: Config
  app: App
  logger: Logger
  /** Where engines live that nobody configured. */
  engineFolder: string
  env: NodeJS.ProcessEnv
}

/** Whether this process has one of these roles. */
export const hasRole = ({ config }: Pick<ServiceOptions, 'config'>, ...roles: Role[]): boolean =>
  roles.some((role) => config.roles.has(role))
