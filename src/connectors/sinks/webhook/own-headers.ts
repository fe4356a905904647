import { InvalidError, type Issue } from '../../../core/errors.ts'

/** Those that say how a request is transferred, which is not for its sender to say. */
const OF_TRANSFER: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'expect',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/**
 * Headers as they are sent: by small letters, and without the end of the line that a file with a token has.
 *
 * @throws InvalidError `CONFIGURATION_INVALID` for those that no request can carry; it never says what one holds
 */
export function ownHeaders(given: Readonly<Record<string, string>> = {}): Record<string, string> {
  const headers = new Headers()
  const issues: Issue[] = []
  for (const [name, value] of Object.entries(given)) {
    const path = `headers.${name}`
    if (OF_TRANSFER.has(name.toLowerCase()))
      issues.push({ path, message: 'is set by the sink itself: leave it out' })
    else if (!isSettable(headers, name, value))
      issues.push({
        path,
        message: "can't be sent: a name has letters, digits and dashes, a value is one line of Latin-1",
      })
  }
  if (issues.length > 0)
    throw new InvalidError('CONFIGURATION_INVALID', 'the headers can not be sent', issues)
  return Object.fromEntries(headers)
}

function isSettable(headers: Headers, name: string, value: string): boolean {
  try {
    headers.set(name, value)
    return true
  } catch {
    // What it says holds the value, which may be a secret.
    return false
  }
}
