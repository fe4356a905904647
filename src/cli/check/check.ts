import { toError } from '../../core/errors.ts'
import { limited } from '../../core/limited.ts'
import type { ExitCode } from '../exit.ts'
import { given } from '../given.ts'
import { print, type Io } from '../io.ts'
import { formatAge } from '../output/format.ts'
import { harmless } from '../output/text.ts'
import { withOperations, type Opened } from '../with-operations.ts'
import { judgeLimits } from './limits.ts'
import { STATES, type CheckFlags, type CheckResult } from './result.ts'
import { judgeVerdicts } from './verdicts.ts'

/** `millrace check`: one line for monitoring, whatever happens, and in time. */
export async function checkCommand(io: Io, flags: CheckFlags): Promise<ExitCode> {
  const { state, text, performance } = await inTime(io, flags).catch((error): CheckResult => ({
    state: 'UNKNOWN',
    text: toError(error).message,
    performance: [],
  }))
  const figures = performance.length === 0 ? '' : ` | ${performance.join(' ')}`
  // A bar in the text would begin the figures.
  await print(io, `MILLRACE ${state} - ${harmless(text).replaceAll('|', '/')}${figures}`)
  return STATES[state]
}

async function inTime(io: Io, flags: CheckFlags): Promise<CheckResult> {
  if (flags.group !== undefined && flags.stream === undefined)
    throw new Error('--group needs --stream: groups of that name may be on many')
  const signal = limited(io.signal, flags.timeout)
  // Listens first, so that its words come before what the work says of its end.
  const late = new Promise<never>((_, reject) => {
    const error = new Error(`there was no answer within ${formatAge(flags.timeout)}`)
    signal.addEventListener('abort', () => io.signal.aborted || reject(error), { once: true })
  })
  return Promise.race([judge({ ...io, signal }, flags), late])
}

/** Connecting and asking share the time, so that nothing is left running when it is over. */
async function judge(io: Io, flags: CheckFlags): Promise<CheckResult> {
  const { stream, group, timeout } = flags
  let result: CheckResult | undefined
  const work = async ({ operations }: Opened): Promise<void> => {
    const asked = given({ stream, group, minIdleMs: flags.deadAfter })
    result = hasLimits(flags)
      ? await judgeLimits(operations, flags)
      : judgeVerdicts(await operations.explain.explain({ ...asked, signal: io.signal }))
  }
  await withOperations(io, flags, work, { names: { stream, group }, timeoutMs: Math.ceil(timeout / 2) })
  return result!
}

const hasLimits = (flags: CheckFlags): boolean =>
  [
    flags.warnLag,
    flags.critLag,
    flags.warnPendingAge,
    flags.critPendingAge,
    flags.warnDeadLetters,
    flags.critDeadLetters,
  ].some((limit) => limit !== undefined)
