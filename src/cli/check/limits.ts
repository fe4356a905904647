import type { GroupLag } from '../../core/lag.ts'
import { MillraceError } from '../../core/errors.ts'
import type { Operations } from '../../core/operations.ts'
import { mapInSteps } from '../../redis/operations/in-steps.ts'
import { unknownStream } from '../group/list.ts'
import { formatAge, formatCount } from '../output/format.ts'
import type { CheckFlags, CheckResult, State } from './result.ts'

/** What is over a limit; undefined stands for what nobody can tell. */
interface Figure {
  readonly where: string
  readonly value: number | undefined
}

interface Measure {
  readonly name: 'lag' | 'pending_age' | 'dead_letters'
  readonly figures: readonly Figure[]
  readonly warn: number | undefined
  readonly crit: number | undefined
  readonly show: (value: number) => string
  /** As monitoring wants the figure, with its unit. */
  readonly plot: (value: number) => string
  readonly unit: string
}

/** Goes by the limits that were given, over all groups that are meant; the worst one counts. */
export async function judgeLimits(operations: Operations, flags: CheckFlags): Promise<CheckResult> {
  const streams = await streamsOf(operations, flags)
  const lags = await lagsOf(operations, [...streams.keys()], flags)
  const measures = measuresOf(streams, lags, flags).filter(
    ({ warn, crit }) => warn !== undefined || crit !== undefined,
  )
  const findings = measures.flatMap(findingsOf)
  const state = WORST_FIRST.find((one) => findings.some((finding) => finding.state === one)) ?? 'OK'
  const told = findings.filter((finding) => finding.state === state).map(({ text }) => text)
  const well = `${formatCount(lags.length)} groups of ${formatCount(streams.size)} streams within their limits`
  return {
    state,
    text: told.length === 0 ? well : told.join('; '),
    performance: measures.map(plotOf),
  }
}

/** What is known to be bad is worse than what is not known. */
const WORST_FIRST: readonly State[] = ['CRITICAL', 'WARNING', 'UNKNOWN']

/** How many dead letters there are of each stream. */
async function streamsOf(operations: Operations, { stream }: CheckFlags): Promise<Map<string, number>> {
  if (stream === undefined) {
    const all = await operations.catalogue.list()
    return new Map(all.map(({ stream, deadLetters }) => [stream, deadLetters]))
  }
  const info = await operations.streams.info(stream)
  if (!info) throw unknownStream(stream)
  return new Map([[stream, info.deadLetters]])
}

async function lagsOf(
  { stats }: Operations,
  streams: readonly string[],
  { stream, group }: CheckFlags,
): Promise<(GroupLag & { where: string })[]> {
  const all = await mapInSteps(streams, async (name) => {
    const groups = await stats.lag(name)
    return groups.map((lag) => ({ ...lag, where: `${name}/${lag.group}` }))
  })
  const lags = all.flat()
  if (group === undefined) return lags
  const wanted = lags.filter((lag) => lag.group === group)
  if (wanted.length > 0) return wanted
  throw new MillraceError(
    'UNKNOWN_GROUP',
    `there is no group ${JSON.stringify(group)} on ${JSON.stringify(stream)}`,
  )
}

const measuresOf = (
  streams: ReadonlyMap<string, number>,
  lags: readonly (GroupLag & { where: string })[],
  flags: CheckFlags,
): Measure[] => [
  {
    name: 'lag',
    figures: lags.map(({ where, behind }) => ({ where, value: behind === 'unknown' ? undefined : behind })),
    warn: flags.warnLag,
    crit: flags.critLag,
    show: formatCount,
    plot: String,
    unit: '',
  },
  {
    name: 'pending_age',
    figures: lags.map(({ where, oldestPendingAgeMs = 0 }) => ({ where, value: oldestPendingAgeMs })),
    warn: flags.warnPendingAge,
    crit: flags.critPendingAge,
    show: formatAge,
    plot: (ms) => String(ms / 1_000),
    unit: 's',
  },
  {
    name: 'dead_letters',
    figures: [...streams].map(([where, value]) => ({ where, value })),
    warn: flags.warnDeadLetters,
    crit: flags.critDeadLetters,
    show: formatCount,
    plot: String,
    unit: '',
  },
]

/** The worst of one kind, and what nobody can tell. */
function findingsOf(measure: Measure): { state: State; text: string }[] {
  const { name, figures, show, warn, crit } = measure
  const label = name.replace('_', ' ')
  const unknown = figures.find(({ value }) => value === undefined)
  const doubt = unknown ? [{ state: 'UNKNOWN' as const, text: `${unknown.where} ${label} unknown` }] : []
  const worst = worstOf(measure)
  if (!worst) return doubt
  const over = (limit: number | undefined) => limit !== undefined && worst.value > limit
  const state = over(crit) ? 'CRITICAL' : over(warn) ? 'WARNING' : undefined
  if (!state) return doubt
  const limit = state === 'CRITICAL' ? crit! : warn!
  return [{ state, text: `${worst.where} ${label} ${show(worst.value)} is over ${show(limit)}` }, ...doubt]
}

function worstOf({ figures }: Measure): { where: string; value: number } | undefined {
  let worst: { where: string; value: number } | undefined
  for (const { where, value } of figures)
    if (value !== undefined && (!worst || value > worst.value)) worst = { where, value }
  return worst
}

/** As `'label'=value[unit];warn;crit;min`; `U` where there is no value. */
function plotOf(measure: Measure): string {
  const { name, plot, unit, warn, crit, figures } = measure
  const worst = worstOf(measure)
  const value = worst ? plot(worst.value) + unit : figures.length === 0 ? `0${unit}` : 'U'
  const limits = [warn, crit].map((limit) => (limit === undefined ? '' : plot(limit)))
  return `${name}=${value};${limits.join(';')};0`
}
