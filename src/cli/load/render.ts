import type { LatencySummary } from '../../load/latencies.ts'
import type { LoadReport } from '../../load/report.ts'
import { print, type Io } from '../io.ts'
import { printFacts } from '../output/facts.ts'
import { formatAge, formatCount, formatRate } from '../output/format.ts'
import { printTable } from '../output/table.ts'
import { formatLatency } from './format.ts'

const BAR_WIDTH = 40

/** Prints a report for people. */
export async function printReport(io: Io, report: LoadReport): Promise<void> {
  await printFacts(io, factsOf(report))
  await printLatencies(io, report)
  await printHistogram(io, report)
  if (report.errors.length === 0) return
  await print(io, '')
  await printTable(io, report.errors, [
    { title: 'FAILED', text: ({ count }) => formatCount(count), align: 'right' },
    { title: 'KIND', text: ({ kind, code }) => (code === null ? kind : `${kind} ${code}`) },
    { title: 'SUCH AS', text: ({ sample }) => sample, shrinks: true },
  ])
}

function factsOf({ target, requests, measuredMs, answersPerSecond, partial }: LoadReport) {
  const { kind, ...place } = target
  const { late, latestMs, neverBegun, unanswered, warmUp } = requests
  const some = (count: number, text: string) => (count === 0 ? undefined : `${formatCount(count)}${text}`)
  return {
    target: `${kind} ${Object.values(place).join(' ')}`,
    time: `${formatAge(measuredMs)}${partial ? ', stopped before its end' : ''}`,
    requests: formatCount(requests.begun),
    ok: `${formatCount(requests.ok)}, ${formatRate(answersPerSecond)}`,
    failed: formatCount(requests.failed),
    unanswered: some(unanswered, ' when it was stopped'),
    late: some(late, ` were begun late, the latest by ${formatLatency(latestMs)}`),
    'never begun': some(neverBegun, ' were due within the time'),
    'warm-up': some(warmUp, ' before measuring'),
  }
}

interface LatencyRow {
  name: string
  latency: LatencySummary
}

const COLUMNS = ['min', 'p50', 'p75', 'p90', 'p95', 'p99', 'p999', 'max'] as const

async function printLatencies(io: Io, { latency, uncorrectedLatency, corrected }: LoadReport): Promise<void> {
  if (!latency) return
  const rows: LatencyRow[] = [{ name: corrected ? 'since due' : 'since begun', latency }]
  if (uncorrectedLatency) rows.push({ name: 'since begun', latency: uncorrectedLatency })
  await print(io, '')
  await printTable(io, rows, [
    { title: 'LATENCY', text: ({ name }) => name },
    ...COLUMNS.map((column) => ({
      title: column.toUpperCase(),
      text: (row: LatencyRow) => formatLatency(row.latency[column]),
      align: 'right' as const,
    })),
  ])
  if (!corrected)
    await print(
      io,
      'not corrected for coordinated omission: while an answer is slow less is asked; --rate corrects it',
    )
}

async function printHistogram(io: Io, { histogram }: LoadReport): Promise<void> {
  if (histogram.length === 0) return
  const most = Math.max(...histogram.map(({ count }) => count))
  await print(io, '')
  await printTable(io, histogram, [
    { title: 'UP TO', text: ({ upToMs }) => formatLatency(upToMs), align: 'right' },
    { title: 'REQUESTS', text: ({ count }) => formatCount(count), align: 'right' },
    { title: '', text: ({ count }) => '#'.repeat(Math.ceil((BAR_WIDTH * count) / most)) },
  ])
}
