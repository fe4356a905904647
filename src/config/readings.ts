import type { Issue } from '../core/errors.ts'
import { MASK } from '../core/redact.ts'
import type { Given } from './servers.ts'
import { find, type Found, type Origin, type Source } from './sources.ts'
import type { Variable } from './variable.ts'
import { VARIABLES, type Values, type VariableName } from './variables.ts'

/** A variable as it was found. */
export interface Reading {
  readonly name: VariableName
  /** As it is written, secrets included; undefined where nobody set it and its default follows from other variables. */
  readonly text: string | undefined
  /** What may be shown of it. */
  readonly shown: string | undefined
  readonly origin: Origin
}

interface Readings {
  /** Complete where there are no mistakes. */
  values: Partial<Values>
  /** The variables that somebody set, rightly or not. */
  given: Given
  readings: readonly Reading[]
}

/** Looks every variable up, and adds what is wrong to the mistakes. */
export function readVariables(sources: readonly Source[], cwd: string, mistakes: Issue[]): Readings {
  const values: Partial<Record<VariableName, unknown>> = {}
  const given = new Map<VariableName, number>()
  const readings: Reading[] = []
  for (const [name, variable] of Object.entries(VARIABLES) as [VariableName, Variable][]) {
    const found = find(name, variable, sources, cwd, mistakes)
    if (found) given.set(name, found.rank)
    const text = found ? found.text : variable.default
    readings.push(readingOf(name, variable, text, found))
    if (text === undefined) continue
    const result = variable.schema.safeParse(text)
    if (result.success) values[name] = result.data
    else mistakes.push({ path: name, message: describeMistake(variable, text, found) })
  }
  return { values: values as Partial<Values>, given, readings }
}

function readingOf(
  name: VariableName,
  variable: Variable,
  text: string | undefined,
  found: Found | undefined,
): Reading {
  const shown = text === undefined ? undefined : mask(variable, text)
  return { name, text, shown, origin: found?.origin ?? { source: 'default' } }
}

const MAX_SHOWN_LENGTH = 200

function describeMistake(variable: Variable, text: string, found: Found | undefined): string {
  const shown = mask(variable, text).slice(0, MAX_SHOWN_LENGTH)
  const quoted = variable.secret === 'whole' ? shown : JSON.stringify(shown)
  return `holds ${quoted}${found?.note ? ` (${found.note})` : ''}; wanted: ${variable.schema.description}`
}

function mask({ secret }: Variable, text: string): string {
  if (secret === 'whole') return MASK
  return secret === 'url' ? maskUrl(text) : text
}

/** Works on what is no URL as well: shows what looks like an address, behind the last `@` and before a query. */
function maskUrl(text: string): string {
  const scheme = /^[\w+.-]+:\/\//.exec(text)?.[0] ?? ''
  const at = text.lastIndexOf('@')
  const [address = ''] = text.slice(at === -1 ? scheme.length : at + 1).split('?', 1)
  const isAddress = /^[\w.[\]-]*(:\d+)?(\/[\w.-]*)?$/.test(address)
  return scheme + (at === -1 ? '' : `${MASK}@`) + (isAddress ? address : MASK)
}
