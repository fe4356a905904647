import { redactText } from '../../core/redact.ts'
import { HttpTarget } from '../../load/http-target.ts'
import type { CommandContext } from '../context.ts'
import { given } from '../given.ts'
import { requireHealthy } from './health.ts'
import { planOf, runLoad, type LoadFlags } from './load.ts'
import { templateText } from './template-text.ts'

export interface LoadHttpFlags extends LoadFlags {
  method?: string
  header?: [string, string][]
  body?: string
  expect?: number[]
  healthCheck: boolean
}

/** `millrace load http`: requests to one route. */
export async function loadHttpCommand(
  context: CommandContext,
  url: string,
  flags: LoadHttpFlags,
): Promise<void> {
  const { io } = context
  const { method, header, expect, timeout } = flags
  const body = flags.body === undefined ? undefined : await templateText(io, flags.body)
  const { concurrency } = planOf(flags)
  const target = new HttpTarget({
    ...given({ method, headers: header, body, expect }),
    url,
    timeoutMs: timeout,
    connections: concurrency,
  })
  if (flags.healthCheck) await requireHealthy(target.origin, timeout, io.signal)
  await runLoad(context, target, { kind: 'http', method: target.method, url: redactText(url) }, flags)
}
