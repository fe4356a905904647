import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { CapturedIo } from '../../../test/support/captured-io.ts'
import { VARIABLES } from '../../config/variables.ts'
import { EXIT } from '../exit.ts'
import { run } from '../program.ts'

let io: CapturedIo
afterEach(() => io.remove())

const inFolder = (env: NodeJS.ProcessEnv, files: Record<string, string> = {}) => {
  io = new CapturedIo(env)
  for (const [name, text] of Object.entries(files)) writeFileSync(join(io.cwd, name), text)
  return io
}

const files = {
  'millrace.config.json': '{"STREAM":"own","ROLES":["api","worker"]}',
  '.env': 'LOG_FORMAT=json',
  pw: 'hunter2\n',
}
const env = { PORT: '81', REDIS_PW_FILE: 'pw', DATABASE_URL: 'postgres://ann:hunter3@db/x?sslkey=hunter4' }

describe('millrace config print', () => {
  it('shows every variable, masked, with its origin', async () => {
    inFolder(env, files)
    expect(await run(io, ['config', 'print', '--redis', 'redis://:hunter5@h'])).toBe(EXIT.ok)
    const [titles, ...lines] = io.stdout.text.trimEnd().split('\n')
    expect(titles).toMatch(/^VARIABLE +VALUE +ORIGIN$/)
    expect(lines).toHaveLength(Object.keys(VARIABLES).length)
    const lineOf = (name: string) => lines.find((line) => line.startsWith(`${name} `))!.split(/\s{2,}/)
    expect(lineOf('SERVICE_PORT')).toEqual(['SERVICE_PORT', '81', 'environment (PORT)'])
    expect(lineOf('REDIS_PW')).toEqual(['REDIS_PW', '****', 'environment (REDIS_PW_FILE: pw)'])
    expect(lineOf('DATABASE_URL')).toEqual(['DATABASE_URL', 'postgres://****@db/x', 'environment'])
    expect(lineOf('REDIS_URL')).toEqual(['REDIS_URL', 'redis://****@h', 'flag'])
    expect(lineOf('LOG_FORMAT')).toEqual(['LOG_FORMAT', 'json', '.env'])
    expect(lineOf('ROLES')).toEqual(['ROLES', 'api,worker', 'millrace.config.json'])
    expect(lineOf('LOG_LEVEL')).toEqual(['LOG_LEVEL', 'info', 'default'])
    expect(lineOf('JWT_ISSUER')).toEqual(['JWT_ISSUER', '(no tokens are accepted)', 'default'])
    expect(io.stdout.text + io.stderr.text).not.toContain('hunter')
  })

  it('prints JSON', async () => {
    inFolder(env, files)
    expect(await run(io, ['config', 'print', '--json'])).toBe(EXIT.ok)
    const rows = io.json[0] as { name: string; value: string | null; origin: string }[]
    expect(rows).toContainEqual({ name: 'SERVICE_PORT', value: '81', origin: 'environment', as: 'PORT' })
    expect(rows).toContainEqual({ name: 'HOST', value: null, origin: 'default' })
    const secret = { name: 'REDIS_PW', value: '****', origin: 'environment', as: 'REDIS_PW_FILE', path: 'pw' }
    expect(rows).toContainEqual(secret)
    expect(io.stdout.text).not.toContain('hunter')
  })

  it('ends with 2 and every mistake', async () => {
    inFolder({ LOG_LEVEL: 'loud', REDIS_PW: '' }, { 'prod.json': '{"SERVICE_PROT":1}' })
    expect(await run(io, ['config', 'print', '--config', 'prod.json'])).toBe(EXIT.usage)
    expect(io.stdout.text).toBe('')
    expect(io.stderr.text).toContain(
      'SERVICE_PROT: is no variable (in prod.json); did you mean SERVICE_PORT?',
    )
    expect(io.stderr.text).toContain('LOG_LEVEL: holds "loud"')
  })
})

describe('millrace config example', () => {
  it('prints what config print accepts', async () => {
    inFolder({})
    expect(await run(io, ['config', 'example'])).toBe(EXIT.ok)
    const example = io.stdout.text
    io.remove()
    inFolder({}, { '.env': example })
    expect(await run(io, ['config', 'print'])).toBe(EXIT.ok)
  })
})
