import { collectIssues, type Issue } from '../../../core/errors.ts'
import { checkName } from '../../../core/names.ts'
import { LONGEST_TIMER_MS, requireCounts } from '../../../core/require-counts.ts'
import type { CsvOptions } from './csv.ts'
import { hasGlobInDirectory } from './listing.ts'

interface CommonOptions {
  /** A file, or several: in the last part of the path `*` stands for any text and `?` for any one character. */
  path: string
  /** Whether it goes on with what is added, like `tail -F` (false: it ends with the files that are there). */
  follow?: boolean
  /** A longer line is a dead letter, in bytes (1048576). */
  maxLineBytes?: number
  /** Lines that are published together, at most (500). */
  batchSize?: number
  /** How often it looks for more, in ms (250). */
  pollMs?: number
}

interface LineOptions extends CommonOptions {
  /** The type of the events, or the path in each line where it stands, such as `{ field: 'kind' }`. */
  eventType: string | { readonly field: string }
  /** Where in a line the key of its event stands, such as `user.id`. */
  key?: string
  /** Where its time stands: ISO 8601, or ms since 1970. */
  time?: string
  /** Where an id of its own stands. */
  id?: string
}

export type FileSourceOptions =
  | (LineOptions & { format: 'jsonl' })
  | (LineOptions & { format: 'csv'; csv?: CsvOptions })
  /** A CloudEvent in JSON in each line, which says all about its event itself. */
  | (CommonOptions & { format: 'cloudevents' })

export const DEFAULTS = { follow: false, maxLineBytes: 1_048_576, batchSize: 500, pollMs: 250 }

const FORMATS = ['jsonl', 'csv', 'cloudevents']
const COUNTS = ['maxLineBytes', 'batchSize'] as const
const PATHS = ['key', 'time', 'id'] as const

/** Every mistake; no compiler looks at options in JavaScript or in a file. */
export function issuesOf(options: FileSourceOptions): Issue[] {
  const issues: Issue[] = []
  const { path, format, follow } = options
  if (typeof path !== 'string' || path === '' || path.includes('\0'))
    issues.push({ path: 'path', message: 'must be the path of a file, such as "./in/*.jsonl"' })
  else if (hasGlobInDirectory(path))
    issues.push({ path: 'path', message: 'may have * and ? in its last part only' })
  if (!FORMATS.includes(format))
    issues.push({ path: 'format', message: `must be one of ${FORMATS.join(', ')}` })
  if (follow !== undefined && typeof follow !== 'boolean')
    issues.push({ path: 'follow', message: 'must be true or false' })
  const counts = { ...DEFAULTS, ...options }
  collectIssues(issues, () => requireCounts('counts', counts, COUNTS))
  collectIssues(issues, () => requireCounts('times', counts, ['pollMs'], LONGEST_TIMER_MS))
  issues.push(...partIssues(options as Partial<LineOptions> & { format: string }))
  const { csv } = options as { csv?: CsvOptions }
  if (csv !== undefined) issues.push(...csvIssues(csv, format))
  return issues
}

function partIssues({ format, ...parts }: Partial<LineOptions> & { format: string }): Issue[] {
  const issues: Issue[] = []
  if (format === 'cloudevents') {
    for (const path of ['eventType', ...PATHS] as const)
      if (parts[path] !== undefined) issues.push({ path, message: 'is in each CloudEvent; leave it out' })
    return issues
  }
  const { eventType } = parts
  if (typeof eventType === 'object' && eventType !== null)
    issues.push(...pathIssues('eventType.field', eventType.field))
  else collectIssues(issues, () => checkName('event type', eventType), 'eventType')
  for (const path of PATHS) if (parts[path] !== undefined) issues.push(...pathIssues(path, parts[path]))
  return issues
}

const pathIssues = (path: string, value: unknown): Issue[] =>
  typeof value === 'string' && /^[^.]+(?:\.[^.]+)*$/.test(value)
    ? []
    : [{ path, message: 'must be where it stands in a line, such as "user.id"' }]

function csvIssues({ delimiter, columns, convert }: CsvOptions, format: string): Issue[] {
  const issues: Issue[] = []
  if (format !== 'csv') issues.push({ path: 'csv', message: 'is for the format csv' })
  if (
    delimiter !== undefined &&
    (typeof delimiter !== 'string' || !/^[^"\r\n\u0080-\uffff]$/.test(delimiter))
  )
    issues.push({ path: 'csv.delimiter', message: 'must be one ASCII character such as ";"' })
  const isList = Array.isArray(columns) && columns.every((name) => typeof name === 'string' && name !== '')
  if (columns !== undefined && (!isList || columns.length === 0 || new Set(columns).size < columns.length))
    issues.push({ path: 'csv.columns', message: 'must be a list of different names' })
  if (convert !== undefined && typeof convert !== 'boolean')
    issues.push({ path: 'csv.convert', message: 'must be true or false' })
  return issues
}
