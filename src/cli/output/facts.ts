import { print, type Io } from '../io.ts'
import { painter } from './style.ts'
import { harmless, padEnd, widthOf } from './text.ts'

/** Prints names and values, one under the other; what is undefined is left out. */
export async function printFacts(io: Io, facts: Readonly<Record<string, string | undefined>>): Promise<void> {
  const paint = painter(io)
  const known = Object.entries(facts).filter((fact): fact is [string, string] => fact[1] !== undefined)
  const width = Math.max(...known.map(([name]) => widthOf(name)))
  for (const [name, value] of known)
    await print(io, `${paint('dim', padEnd(name, width))}  ${harmless(value)}`)
}
