import type { Job, JobKind, JobProgress, JobState } from '../../core/jobs.ts'

/** What is read of a job, in this order. The first two are worked out. */
export const JOB_FIELDS = [
  'id',
  'state',
  'kind',
  'params',
  'progress',
  'rate',
  'actor',
  'reason',
  'created',
  'started',
  'updated',
  'finished',
  'runner',
  'host',
  'result',
  'error',
  'history',
  'run',
] as const

export type JobRow = (string | null)[]

/** A job as it is stored: times in ms, what has parts as JSON, a line for each part of the history. */
export function toJob(row: JobRow): { job: Job; run: number } {
  const fields = new Map<string, string>()
  JOB_FIELDS.forEach((name, at) => {
    const value = row[at]
    if (typeof value === 'string') fields.set(name, value)
  })
  const text = (name: string) => fields.get(name) ?? ''
  const time = (name: string) => new Date(Number(text(name))).toISOString()
  const given = <T>(name: string, as: string, read: (text: string) => T) =>
    fields.has(name) ? { [as]: read(text(name)) } : {}
  const iso = (ms: string) => new Date(Number(ms)).toISOString()
  const job = {
    id: text('id'),
    kind: text('kind') as JobKind,
    params: JSON.parse(text('params')) as Job['params'],
    state: text('state') as JobState,
    progress: JSON.parse(text('progress')) as JobProgress,
    ...given('rate', 'ratePerSecond', Number),
    actor: text('actor'),
    reason: text('reason'),
    createdAt: time('created'),
    ...given('started', 'startedAt', iso),
    updatedAt: time('updated'),
    ...given('finished', 'finishedAt', iso),
    ...given('runner', 'runner', String),
    ...given('host', 'host', String),
    ...given('result', 'result', (json) => JSON.parse(json) as Job['result']),
    ...given('error', 'error', (json) => JSON.parse(json) as Job['error']),
    history: text('history').split('\n').filter(Boolean).map(toHistory),
  }
  return { job, run: Number(text('run')) }
}

/** `<ms> <action> <actor>`; an actor has no line breaks in it. */
function toHistory(line: string): Job['history'][number] {
  const [ms = '', action = ''] = line.split(' ', 2)
  return {
    time: new Date(Number(ms)).toISOString(),
    action,
    actor: line.slice(ms.length + action.length + 2),
  }
}
