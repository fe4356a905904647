import { MASK, redactText } from '../core/redact.ts'
import { PersonalFields, type PersonalPlace } from './personal-fields.ts'

const SECRET_NAME =
  /pass(word|wd|phrase)|pwd|secret|token|authori[sz]ation|api[-_]?key|private[-_]?key|credential|cookie|connection[-_]?string|(^|_)pw$/i

const isSecretName = (name: string): boolean => SECRET_NAME.test(name)

/** Deeper than anything that is worth reading in a line of a log. */
const MAX_DEPTH = 6

const NO_PERSONAL_FIELDS = new PersonalFields([])

/**
 * The fields of a line of a log as plain data that JSON can hold: secrets and personal fields masked, events without
 * their payload, errors as message and code, what can't be shown said so. Never throws, whatever it is given.
 */
export function presentable(
  fields: object,
  withStacks: boolean,
  personal = NO_PERSONAL_FIELDS,
): Record<string, unknown> {
  const shown = fields instanceof Error ? { error: fields } : fields
  try {
    return presentMembers(shown, { withStacks, depth: 0, place: personal.root })
  } catch {
    return { fields: 'cannot be shown' }
  }
}

interface Surroundings {
  readonly withStacks: boolean
  readonly depth: number
  readonly place: PersonalPlace
}

function presentMembers(value: object, around: Surroundings): Record<string, unknown> {
  // A null prototype, so that a field named `__proto__` is a field like any other.
  const members: Record<string, unknown> = Object.create(null)
  const payload = payloadName(value)
  for (const [name, member] of Object.entries(value)) {
    const place = around.place.member(name)
    if (member === undefined) members[name] = undefined
    else if (name === payload) members[name] = '…'
    else if (place === 'masked' || isSecretName(name)) members[name] = MASK
    else members[name] = present(member, { ...around, place, depth: around.depth + 1 })
  }
  return members
}

/** What an event, the body of a request to publish one, or an entry carries is nobody's business here. */
function payloadName(value: object): string | undefined {
  const { type, eventType, position, fields } = value as Record<string, unknown>
  if (typeof type === 'string' && 'data' in value) return 'data'
  if (typeof eventType === 'string' && 'payload' in value) return 'payload'
  return typeof position === 'string' && Array.isArray(fields) ? 'fields' : undefined
}

function present(value: unknown, around: Surroundings): unknown {
  if (typeof value === 'string') return presentText(value)
  if (typeof value === 'bigint') return String(value)
  if (typeof value !== 'object' || value === null) return value
  if (around.depth > MAX_DEPTH) return '…'
  if (value instanceof Error) return presentError(value, around)
  if (value instanceof Uint8Array) return `${value.length} bytes`
  if (value instanceof Map) return presentMembers(Object.fromEntries(value), around)
  const deeper = { ...around, depth: around.depth + 1 }
  if (Array.isArray(value) || value instanceof Set) return Array.from(value, (item) => present(item, deeper))
  const { toJSON } = value as { toJSON?: unknown }
  return typeof toJSON === 'function' ? present(toJSON.call(value), deeper) : presentMembers(value, around)
}

/** Message, code and causes; whatever else an error has, such as the values of a row in `detail`, is left out. */
function presentError(error: Error, around: Surroundings): unknown {
  const { code, cause } = error as Error & { code?: unknown }
  const { message, stack } = presentWords(error)
  const deeper = { ...around, depth: around.depth + 1 }
  return {
    message,
    ...(code !== undefined && { code: present(code, deeper) }),
    ...(cause !== undefined && { cause: present(cause, deeper) }),
    ...(around.withStacks && stack !== undefined && { stack }),
  }
}

/** What JSON.parse shows of a text that it can't read. */
const JSON_SNIPPET = /(Unexpected token) '[^]{1,2}', (?:\.\.\.)?"[^]{0,200}?"(?:\.\.\.)? is not valid JSON/g
/** How PostgreSQL refuses a value, where only its words are left, as in the reason of a dead letter. */
const REFUSAL = /(?:invalid|malformed|out of range)[^":]{0,80}: "|value "/

/** A text of a line, without secrets and without what a parser or PostgreSQL quotes of data. */
export function presentText(text: string): string {
  let shown = redactText(text)
  if (shown.includes('is not valid JSON')) shown = shown.replace(JSON_SNIPPET, '$1 in the JSON')
  return shown.includes('invalid') || shown.includes('malformed') || shown.includes('out of range')
    ? withoutRefusedValue(shown)
    : shown
}

/** The value may hold quotes itself, so it ends at the last one. */
function withoutRefusedValue(text: string): string {
  const refusal = REFUSAL.exec(text)
  if (!refusal) return text
  const from = refusal.index + refusal[0].length
  const to = text.lastIndexOf('"')
  return to < from ? text : text.slice(0, from) + MASK + text.slice(to)
}

/** What may be shown of an error: its message, and its stack, which begins with that. */
export function presentWords(error: Error): { message: string; stack: string | undefined } {
  const message = messageOf(error)
  const shown = presentText(quotesValues(error) ? message.replace(/"[^]*"/, `"${MASK}"`) : message)
  const { stack } = error
  return { message: shown, stack: stack && presentText(stack.replace(message, () => shown)) }
}

/** PostgreSQL quotes the value that it refuses (`invalid input syntax for type uuid: "…"`), and whoever wraps it, too. */
function quotesValues(error: Error): boolean {
  for (let depth = 0, at: unknown = error; at instanceof Error && depth < MAX_DEPTH; depth++, at = at.cause) {
    const { code, severity } = at as { code?: unknown; severity?: unknown }
    if (typeof severity === 'string' && typeof code === 'string' && code.startsWith('22')) return true
  }
  return false
}

/** Node refuses a connection to a name with several addresses by an error without a message. */
function messageOf(error: Error): string {
  if (error.message !== '' || !(error instanceof AggregateError)) return error.message || error.name
  return error.errors.map((inner) => (inner instanceof Error ? inner.message : String(inner))).join('; ')
}
