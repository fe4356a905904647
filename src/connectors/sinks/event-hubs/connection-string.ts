import type { Issue } from '../../../core/errors.ts'

/** What a connection string says; names as Azure writes them. */
export interface EventHubsConnection {
  readonly eventHub: string | undefined
  /** As the client wants it, which tells capitals from small letters. */
  readonly text: string
  /** What must be shown to nobody. */
  readonly secrets: readonly string[]
}

const NAMES: Readonly<Record<string, string>> = Object.fromEntries(
  [
    'Endpoint',
    'EntityPath',
    'SharedAccessKey',
    'SharedAccessKeyName',
    'SharedAccessSignature',
    'UseDevelopmentEmulator',
  ].map((name) => [name.toLowerCase(), name]),
)
/** Nothing but a host and a port: the client looks for them by patterns that more could lead astray. */
const ENDPOINT = /^sb:\/\/([a-z\d](?:[a-z\d.-]*[a-z\d])?|\[::1\])(?::(\d{1,5}))?\/?$/i
const LOCAL = /^(?:localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\])$/i
const EXAMPLE = 'Endpoint=sb://….servicebus.windows.net/;SharedAccessKeyName=…;SharedAccessKey=…'

/**
 * Every mistake in a connection string for Event Hubs; none of them shows what is in it. `UseDevelopmentEmulator=true`
 * turns TLS off, so it is taken for this machine only: keys and events would be readable on the network.
 */
export function checkEventHubsConnection(connectionString: string): Issue[] {
  return read(connectionString).issues.map((message) => ({ path: 'connectionString', message }))
}

/** @returns what it says, mistakes aside */
export function readEventHubsConnection(connectionString: string): EventHubsConnection {
  const { values } = read(connectionString)
  return {
    eventHub: values.get('EntityPath'),
    text: Array.from(values, (pair) => pair.join('=')).join(';'),
    secrets: ['SharedAccessKey', 'SharedAccessSignature'].flatMap((name) => values.get(name) ?? []),
  }
}

function read(connectionString: string): { values: ReadonlyMap<string, string>; issues: string[] } {
  const values = new Map<string, string>()
  const issues: string[] = []
  for (const part of connectionString.split(';').filter((text) => text.trim() !== '')) {
    const equals = part.indexOf('=')
    const name = NAMES[part.slice(0, equals).trim().toLowerCase()]
    if (equals < 0 || !name) issues.push(`has a part that Azure does not know; it looks like ${EXAMPLE}`)
    else if (values.has(name)) issues.push(`says ${name} twice`)
    else values.set(name, valueOf(name, part.slice(equals + 1).trim()))
  }
  return { values, issues: [...new Set([...issues, ...problems(values)])] }
}

const valueOf = (name: string, text: string) =>
  name === 'UseDevelopmentEmulator' ? text.toLowerCase() : text

function problems(values: ReadonlyMap<string, string>): string[] {
  const [, host, port] = ENDPOINT.exec(values.get('Endpoint') ?? '') ?? []
  const found: string[] = []
  if (!host) found.push('must name its Endpoint, as in sb://example.servicebus.windows.net/')
  if (port !== undefined && Number(port) > 65_535) found.push('has a port above 65535')
  const hasKey = Boolean(values.get('SharedAccessKeyName')) && Boolean(values.get('SharedAccessKey'))
  if (!hasKey && !values.get('SharedAccessSignature'))
    found.push('must carry SharedAccessKeyName and SharedAccessKey, or SharedAccessSignature')
  const emulator = values.get('UseDevelopmentEmulator')
  if (emulator !== undefined && !/^(?:true|false)$/.test(emulator))
    found.push('must say true or false for UseDevelopmentEmulator')
  if (emulator === 'true' && host && !LOCAL.test(host))
    found.push(
      'says UseDevelopmentEmulator=true, which is without TLS and for localhost only: leave it out for other hosts',
    )
  return found
}
