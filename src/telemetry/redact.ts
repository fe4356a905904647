import { MASK, redactText } from '../core/redact.ts'

const SECRET_NAME =
  /pass(word|wd|phrase)|pwd|secret|token|authori[sz]ation|api[-_]?key|private[-_]?key|credential|cookie|connection[-_]?string|(^|_)pw$/i

const isSecretName = (name: string): boolean => SECRET_NAME.test(name)

/** Deeper than anything that is worth reading in a line of a log. */
const MAX_DEPTH = 6

/**
 * The fields of a line of a log as plain data that JSON can hold: secrets masked, errors as message and code, what
 * can't be shown said so. Never throws, whatever it is given.
 */
export function presentable(fields: object, withStacks: boolean): Record<string, unknown> {
  const shown = fields instanceof Error ? { error: fields } : fields
  try {
    return presentMembers(shown, withStacks, 0)
  } catch {
    return { fields: 'cannot be shown' }
  }
}

function presentMembers(value: object, withStacks: boolean, depth: number): Record<string, unknown> {
  // A null prototype, so that a field named `__proto__` is a field like any other.
  const members: Record<string, unknown> = Object.create(null)
  for (const [name, member] of Object.entries(value)) {
    members[name] = isSecretName(name) && member !== undefined ? MASK : present(member, withStacks, depth + 1)
  }
  return members
}

function present(value: unknown, withStacks: boolean, depth: number): unknown {
  if (typeof value === 'string') return redactText(value)
  if (typeof value === 'bigint') return String(value)
  if (typeof value !== 'object' || value === null) return value
  if (depth > MAX_DEPTH) return '…'
  if (value instanceof Error) return presentError(value, withStacks, depth)
  if (value instanceof Uint8Array) return `${value.length} bytes`
  if (value instanceof Map) return presentMembers(Object.fromEntries(value), withStacks, depth)
  if (Array.isArray(value) || value instanceof Set) {
    return Array.from(value, (item) => present(item, withStacks, depth + 1))
  }
  const { toJSON } = value as { toJSON?: unknown }
  return typeof toJSON === 'function'
    ? present(toJSON.call(value), withStacks, depth + 1)
    : presentMembers(value, withStacks, depth)
}

function presentError(error: Error, withStacks: boolean, depth: number): unknown {
  const { code, cause, stack } = error as Error & { code?: unknown }
  return {
    message: redactText(messageOf(error)),
    ...(code !== undefined && { code: present(code, withStacks, depth + 1) }),
    ...(cause !== undefined && { cause: present(cause, withStacks, depth + 1) }),
    ...(withStacks && stack !== undefined && { stack: redactText(stack) }),
  }
}

/** Node refuses a connection to a name with several addresses by an error without a message. */
function messageOf(error: Error): string {
  if (error.message !== '' || !(error instanceof AggregateError)) return error.message || error.name
  return error.errors.map((inner) => (inner instanceof Error ? inner.message : String(inner))).join('; ')
}
