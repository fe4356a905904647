import type { Distribution, Report, Violation } from './report.ts'

const LISTED_LOSSES = 20

/** The report for people. */
export function renderReport(report: Report): string {
  return [
    ...report.violations.flatMap(violationLines),
    ...lossLines(report),
    '',
    ...Object.entries(report.published).map(
      ([lane, { ok, failed, unknown }]) =>
        `${lane.padEnd(10)} ${String(ok).padStart(8)} ok ${String(failed).padStart(7)} failed ${String(unknown).padStart(6)} unknown`,
    ),
    '',
    'from the end of a fault to the next effect of the slowest group, in ms',
    ...Object.entries(report.progress).map(([kind, times]) => `${kind.padEnd(22)} ${distribution(times)}`),
    `${'redelivery after a kill'.padEnd(22)} ${distribution(report.redelivery)}`,
    '',
    ...Object.entries(report.memory).map(
      ([kind, { heap, resident }]) =>
        `${kind.padEnd(10)} heap ${heap.join(' → ')} MB, resident ${resident.join(' → ')} MB (medians of first and last third)`,
    ),
    summary(report),
  ].join('\n')
}

function summary({
  options,
  seconds,
  published,
  effects,
  repeats,
  faults,
  destroyed,
  totals,
}: Report): string {
  const events = Object.values(published).reduce((sum, { ok }) => sum + ok, 0)
  const count = Object.values(faults).reduce((sum, one) => sum + one, 0)
  const broken = Object.entries(totals).map(([invariant, times]) => `${invariant} ${times}×`)
  return [
    '',
    `seed ${options.seed}, ${options.topology}, ${seconds} s: ${events} events accepted (${Math.round(events / seconds)}/s),` +
      ` ${effects} effects, ${repeats} of them repeats, ${count} faults, ${destroyed.length} entries destroyed by them`,
    broken.length === 0 ? 'every invariant was kept' : `broken: ${broken.join(', ')}`,
  ].join('\n')
}

const distribution = ({ count, p50, p90, max }: Distribution): string =>
  `${String(count).padStart(5)} × p50 ${String(p50).padStart(6)} p90 ${String(p90).padStart(6)} max ${String(max).padStart(6)}`

const violationLines = ({
  invariant,
  subject,
  expected,
  found,
  story = [],
  faults = [],
}: Violation): string[] => [
  `VIOLATION ${invariant}: ${subject}`,
  `  expected ${expected}`,
  `  found    ${found}`,
  ...story.map((line) => `    ${line}`),
  ...faults.map((line) => `    fault ${line}`),
]

function lossLines({ destroyed }: Report): string[] {
  if (destroyed.length === 0) return []
  const more = destroyed.length - LISTED_LOSSES
  return [
    '',
    'destroyed by faults, accepted before and not yet acknowledged (all of them are in the report as JSON):',
    ...destroyed.slice(0, LISTED_LOSSES).map((line) => `  ${line}`),
    ...(more > 0 ? [`  and ${more} more`] : []),
  ]
}
