import type { z } from 'zod'
import type { Variable } from './variable.ts'
import { SERVICE } from './variables/service.ts'
import { REDIS } from './variables/redis.ts'
import { DATABASE } from './variables/database.ts'
import { CONNECTOR } from './variables/connector.ts'
import { CONSUMERS } from './variables/consumers.ts'
import { TELEMETRY } from './variables/telemetry.ts'
import { SECURITY } from './variables/security.ts'
import { LIMITS } from './variables/limits.ts'

/** By their names, in the order in which they are shown everywhere. */
export const VARIABLES = {
  ...SERVICE,
  ...REDIS,
  ...DATABASE,
  ...CONSUMERS,
  ...CONNECTOR,
  ...TELEMETRY,
  ...SECURITY,
  ...LIMITS,
} satisfies Record<string, Variable>

export type VariableName = keyof typeof VARIABLES

type ValueOf<V extends Variable> = V extends { default: string }
  ? z.output<V['schema']>
  : z.output<V['schema']> | undefined

export type Values = { [N in VariableName]: ValueOf<(typeof VARIABLES)[N]> }
