import { LoadRun } from '../../load/load-run.ts'
import type { LoadPlan } from '../../load/plan.ts'
import { reportOf, type LoadReport, type TargetDescription } from '../../load/report.ts'
import type { LoadTarget } from '../../load/target.ts'
import type { Thresholds } from '../../load/thresholds.ts'
import type { CommandContext } from '../context.ts'
import { CommandError, EXIT } from '../exit.ts'
import { given } from '../given.ts'
import { printJson, say } from '../io.ts'
import { LoadProgress } from './load-progress.ts'
import { printReport } from './render.ts'

/** What is said about any load. */
export interface LoadFlags {
  count?: number
  duration?: number
  concurrency?: number
  rate?: number
  rampUp?: number
  warmUp?: number
  timeout: number
  maxP50?: number
  maxP95?: number
  maxP99?: number
  maxErrors?: Thresholds['maxErrors']
  minRate?: number
  json?: boolean
}

const DEFAULT_DURATION_MS = 10_000
const DEFAULT_CONCURRENCY = 10
/** With a rate, how many are under way follows from how long answers take: this is no more than a bound. */
const DEFAULT_CONCURRENCY_AT_RATE = 100
/** Beyond it the figures tell as much about the tester as about the target. */
const BUSY_TESTER = 0.9
/** What is shorter is all beginning. */
const TELLING_MS = 1_000

export const planOf = (flags: LoadFlags): LoadPlan => ({
  ...given({
    count: flags.count,
    durationMs: flags.count === undefined ? (flags.duration ?? DEFAULT_DURATION_MS) : undefined,
    ratePerSecond: flags.rate,
    rampUpMs: flags.rampUp,
    warmUpMs: flags.warmUp,
  }),
  concurrency:
    flags.concurrency ?? (flags.rate === undefined ? DEFAULT_CONCURRENCY : DEFAULT_CONCURRENCY_AT_RATE),
})

/**
 * Puts a target under load as the flags say, closes it, and prints the report. The exit code tells whether all was kept.
 *
 * @throws CommandError where no request ever reached the target
 */
export async function runLoad(
  { io, setExitCode }: CommandContext,
  target: LoadTarget,
  description: TargetDescription,
  flags: LoadFlags,
): Promise<void> {
  const plan = planOf(flags)
  const run = new LoadRun(target, plan)
  const startedAt = Date.now()
  const progress = new LoadProgress(io, run, plan)
  await run.run(io.signal).finally(async () => {
    progress.stop()
    await target.close()
  })
  const report = reportOf(run, description, plan, startedAt, thresholdsOf(flags))
  if (flags.json) await printJson(io, report)
  else await printReport(io, report)
  for (const line of report.missed) say(io, `missed: ${line}`)
  if (report.testerBusy > BUSY_TESTER && report.measuredMs > TELLING_MS)
    say(
      io,
      'warning: the load tester itself was busy nearly all the time; give it less to do, or another machine',
    )
  if (!report.passed) setExitCode(EXIT.failed)
  requireReached(report)
}

const thresholdsOf = (flags: LoadFlags): Thresholds =>
  given({
    maxP50Ms: flags.maxP50,
    maxP95Ms: flags.maxP95,
    maxP99Ms: flags.maxP99,
    maxErrors: flags.maxErrors,
    minRatePerSecond: flags.minRate,
  })

function requireReached({ requests, errors }: LoadReport): void {
  const nobody = errors.every(({ kind }) => kind === 'refused' || kind === 'unreachable')
  if (requests.ok === 0 && errors.length > 0 && nobody)
    throw new CommandError(`no request reached the target: ${errors[0]!.sample}`, EXIT.unreachable)
}
