import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { loadConfig } from './config.ts'
import { envExample } from './example.ts'
import type { Variable } from './variable.ts'
import { VARIABLES } from './variables.ts'

let cwd: string
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'millrace-example-'))
})
afterEach(() => rmSync(cwd, { recursive: true }))

const load = (dotEnv: string) => {
  writeFileSync(join(cwd, '.env'), dotEnv)
  return loadConfig({}, { cwd, version: '1' })
}
const defaults = () => loadConfig({}, { cwd: '/nowhere', version: '1' })

describe('.env.example', () => {
  it('gives the defaults as it is', () => {
    expect(load(envExample())).toEqual(defaults())
  })

  it('gives the defaults with every variable that has one set to it', () => {
    const settings = envExample().replaceAll(/^# ([A-Z_]+=.+)$/gm, '$1')
    expect(settings).toMatch(/^SERVICE_PORT=8000$/m)
    // Ports and names of servers that nobody named are worth a warning.
    expect(load(settings)).toEqual({ ...defaults(), warnings: expect.any(Array) })
  })

  it('has every variable once, with its other names', () => {
    const text = envExample()
    for (const [name, { aliases = [], secret, about }] of Object.entries(
      VARIABLES as Record<string, Variable>,
    )) {
      expect(text.split(`\n# ${name}=`)).toHaveLength(2)
      expect(text).toContain(about)
      for (const other of [...aliases, ...(secret ? [`${name}_FILE`] : [])]) expect(text).toContain(other)
    }
  })
})
