/** How important a line is, the least important first. */
export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** Makes a line; the parts that are the same in all lines of a level and context were made before. */
export type Render = (timestamp: string, message: string, fields: object) => string

const CONTROL_CHARACTERS = /[\p{Cc}\u2028\u2029]/gu

/** A message holds what others wrote: a line break in it must not pass for another line. */
const onOneLine = (text: string): string => text.replace(CONTROL_CHARACTERS, escape)

const escape = (character: string): string =>
  character === '\n' ? '\\n' : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`

/** For people: `2025-06-28T23:40:13.653Z INFO  [redis-connection] Connected {"attempt":1}`. */
export const textRenderer = (level: LogLevel, context: string): Render => {
  const label = `${level.toUpperCase().padEnd(5)} [${context}]`
  return (timestamp, message, fields) => {
    const json = JSON.stringify(fields)
    return `${timestamp} ${label} ${onOneLine(json === '{}' ? message : `${message} ${json}`)}\n`
  }
}

const RESERVED: ReadonlySet<string> = new Set([
  'timestamp',
  'level',
  'service',
  'environment',
  'context',
  'message',
])

/** For machines: one object a line. */
export const jsonRenderer =
  ({ service, environment }: { service: string; environment: string }) =>
  (level: LogLevel, context: string): Render => {
    const middle = JSON.stringify({ level, service, environment, context }).slice(1, -1)
    return (timestamp, message, fields) => {
      const members = JSON.stringify(withoutClashes(fields)).slice(1, -1)
      const tail = members === '' ? '' : `,${members}`
      return `{"timestamp":"${timestamp}",${middle},"message":${JSON.stringify(message)}${tail}}\n`
    }
  }

/** A field named like one of the line's own keeps its value under another name: JSON with a name twice is read at random. */
function withoutClashes(fields: object): object {
  const names = Object.keys(fields)
  if (!names.some((name) => RESERVED.has(name))) return fields
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [RESERVED.has(name) ? `${name}_` : name, value]),
  )
}
