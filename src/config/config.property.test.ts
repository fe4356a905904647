import {
  assert,
  constant,
  constantFrom,
  oneof,
  property,
  record,
  string,
  subarray,
  tuple,
  type Arbitrary,
} from 'fast-check'
import { expect, it } from 'vitest'
import { InvalidError } from '../core/errors.ts'
import { loadConfig, readConfiguration, type Config } from './config.ts'
import type { Variable } from './variable.ts'
import { VARIABLES } from './variables.ts'

const CANARY = 'cAnArY-7f3a'
const table: [string, Variable][] = Object.entries(VARIABLES)
const options = { cwd: '/nowhere', version: '1.0.0' }

/** Values near to what is wanted, so that many environments are accepted, beside those that nobody expects. */
const plausible = (variable: Variable) =>
  oneof(
    { weight: 4, arbitrary: constant(variable.default ?? '1') },
    {
      weight: 1,
      arbitrary: constantFrom('1', '0', 'true', 'a:1,b:2', 'https://h/x', '::1', 'production'),
    },
    { weight: 1, arbitrary: string({ unit: 'binary', maxLength: 30 }) },
  )

/** A secret in any place of a value where one may stand: whole, or in front of the host or in the query of a URL. */
const secret = ({ secret }: Variable) => {
  const noise = string({ maxLength: 8 })
  if (secret === 'whole') return tuple(noise, noise).map(([a, b]) => `${a}${CANARY}${b}`)
  const scheme = constantFrom('redis://', 'postgres://', 'https://', 'http://', '')
  return oneof(
    tuple(scheme, noise, noise).map(([s, user, rest]) => `${s}${user}:${CANARY}${rest}@host:1/0`),
    tuple(scheme, noise).map(([s, rest]) => `${s}host/0?password=${CANARY}${rest}`),
  )
}

const environment: Arbitrary<Record<string, string>> = record(
  Object.fromEntries(
    table.flatMap(([name, variable]) =>
      [name, ...(variable.aliases ?? [])].map((one) => [
        one,
        variable.secret ? secret(variable) : plausible(variable),
      ]),
    ),
  ),
  { requiredKeys: [] },
).chain((all) => {
  const names = Object.keys(all)
  // Few at a time: an environment of all variables is never accepted.
  return subarray(names, { maxLength: Math.min(6, names.length) }).map((chosen) =>
    Object.fromEntries(chosen.map((name) => [name, all[name]!])),
  )
})

const KNOWN = new Set(table.flatMap(([name]) => [name, `${name}_FILE`]))

const COMPLETE = Object.keys(loadConfig({}, options)).toSorted()

/** What a configuration that was accepted, or its refusal, gets wrong; `shown` is all that anybody sees of it. */
function judge(env: Record<string, string>): { accepted: boolean; wrong: unknown[]; shown: string } {
  let config: Config
  try {
    config = loadConfig(env, options)
  } catch (error) {
    if (!(error instanceof InvalidError) || error.code !== 'CONFIGURATION_INVALID') throw error
    const { issues, message, stack } = error
    const wrong = issues.filter((issue) => !KNOWN.has(issue.path) || !issue.message.includes('wanted'))
    const shown = message + JSON.stringify(issues) + stack
    return { accepted: false, wrong: issues.length === 0 ? ['no mistake is named'] : wrong, shown }
  }
  const { variables } = readConfiguration(env, options)
  const isComplete =
    Object.keys(config).toSorted().join() === COMPLETE.join() && variables.length === table.length
  const shown = [...config.warnings, ...variables.map((reading) => reading.shown)].join('\n')
  return { accepted: true, wrong: isComplete ? [] : ['it is not complete'], shown }
}

it('any environment gives a complete configuration, or all mistakes with their variables, and shows no secret', () => {
  const counts = { accepted: 0, refused: 0 }
  const check = (env: Record<string, string>) => {
    const { accepted, wrong, shown } = judge(env)
    counts[accepted ? 'accepted' : 'refused']++
    expect(wrong).toEqual([])
    expect(shown).not.toContain(CANARY)
  }
  assert(property(environment, check), { numRuns: 600 })
  expect(Math.min(counts.accepted, counts.refused)).toBeGreaterThan(30)
})

it('names every variable that holds what its schema refuses', () => {
  const garbage = '\u0000!'
  for (const [name, { schema, secret: kind }] of table) {
    if (schema.safeParse(garbage).success) continue
    let issues: readonly { path: string; message: string }[] = []
    try {
      loadConfig({ [name]: kind ? CANARY + garbage : garbage }, options)
    } catch (error) {
      issues = (error as InvalidError).issues
    }
    expect(issues.map(({ path }) => path)).toContain(name)
    expect(JSON.stringify(issues)).not.toContain(CANARY)
  }
})
