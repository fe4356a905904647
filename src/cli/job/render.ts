import type { Job } from '../../core/jobs.ts'
import { formatCount, formatRate } from '../output/format.ts'
import type { Style } from '../output/style.ts'
import type { Column } from '../output/table.ts'
import { harmless } from '../output/text.ts'

const STYLES: Readonly<Partial<Record<Job['state'], Style>>> = {
  running: 'cyan',
  done: 'green',
  failed: 'red',
  interrupted: 'yellow',
}

export const JOB_COLUMNS: readonly Column<Job>[] = [
  { title: 'ID', text: ({ id }) => id },
  { title: 'KIND', text: ({ kind }) => kind },
  { title: 'STATE', text: ({ state }) => state, style: ({ state }) => STYLES[state] },
  { title: 'PROGRESS', text: progressText, align: 'right' },
  { title: 'RATE', text: ({ ratePerSecond }) => formatRate(ratePerSecond), align: 'right' },
  { title: 'CREATED', text: ({ createdAt }) => createdAt },
  { title: 'ACTOR', text: ({ actor }) => actor, shrinks: true },
  { title: 'WHAT', text: whatOf, shrinks: true },
]

/** Such as `1,200 of 5,000 entries (24%)`. */
export function progressText({ progress: { done, total, unit } }: Job): string {
  if (total === undefined) return `${formatCount(done)} ${unit}`
  const part = total === 0 ? 100 : Math.floor((100 * Math.min(done, total)) / total)
  return `${formatCount(done)} of ${formatCount(total)} ${unit} (${part}%)`
}

/** How a job stands, on one line. */
export const summaryOf = (job: Job): string =>
  `the ${job.kind} job ${job.id} is ${job.state}: ${progressText(job)}${job.error ? `; ${harmless(job.error.message)}` : ''}`

/** A job in a few words: its params, without what was not said. */
export function whatOf({ params }: Job): string {
  const said = Object.entries(params).filter(([, value]) => value !== undefined && value !== null)
  return said.map(([name, value]) => `${name}=${wordOf(value)}`).join(' ')
}

/** All that is known of a job, a line each. */
export function jobLines(job: Job): string[] {
  const facts: [name: string, value: string | undefined][] = [
    ['id', job.id],
    ['kind', job.kind],
    ['state', job.state],
    ['progress', progressText(job)],
    ['at', job.progress.note],
    ['rate', formatRate(job.ratePerSecond)],
    ['started by', job.actor],
    ['reason', job.reason || undefined],
    ['created', job.createdAt],
    ['started', job.startedAt],
    ['updated', job.updatedAt],
    ['finished', job.finishedAt],
    ['runner', job.runner],
    ['host', job.host && `${job.host} (it needs a file there)`],
    ['error', job.error && `${job.error.code}: ${job.error.message}`],
  ]
  const lines = facts.flatMap(([name, value]) => (value === undefined ? [] : [line(name, value)]))
  return [
    ...lines,
    ...memberLines('params', job.params),
    ...(job.result ? memberLines('result', job.result) : []),
    'history:',
    ...job.history.map(({ time, action, actor }) => `  ${time}  ${action} by ${harmless(actor)}`),
  ]
}

const line = (name: string, value: string): string => `${`${name}:`.padEnd(12)}${harmless(value)}`

const memberLines = (title: string, members: Readonly<Record<string, unknown>>): string[] => [
  `${title}:`,
  ...Object.entries(members).map(([name, value]) => `  ${harmless(`${name}: ${wordOf(value)}`)}`),
]

const wordOf = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value))
