import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { InvalidError } from '../core/errors.ts'
import { readConfigFile } from './config-file.ts'
import { loadConfig, readConfiguration } from './config.ts'

let cwd: string
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'millrace-config-file-'))
})
afterEach(() => rmSync(cwd, { recursive: true }))

/** As `process.features.typescript` says, which older versions do not have. */
const loadsTypeScript = Boolean((process.features as { typescript?: unknown }).typescript)

const write = (name: string, text: string) => writeFileSync(join(cwd, name), text)
const load = async (env: Record<string, string> = {}, path?: string) =>
  loadConfig(env, { cwd, version: '1', file: await readConfigFile(cwd, path) })
const mistakesOf = async (path?: string) => {
  const error = await load({}, path).catch((thrown: unknown) => thrown)
  return error instanceof InvalidError ? error.issues : error
}

describe('the configuration file', () => {
  it('is a module, whose values are those that the environment would spell out', async () => {
    write(
      'millrace.config.js',
      `export default {
        SERVICE_PORT: 8080, ROLES: ['api', 'worker'], METRICS_ENABLED: false, STREAM: 'own', RETRY_DELAYS: [1, 20],
        APP: undefined,
      }`,
    )
    const config = await load()
    expect(config).toMatchObject({ http: { port: 8080 }, metrics: { enabled: false }, stream: 'own' })
    expect(config.roles).toEqual(new Set(['api', 'worker']))
    expect(config.connect.delaysMs).toEqual([1, 20])
    expect(config.app).toBeUndefined()
  })

  it('is JSON', async () => {
    write('millrace.config.json', '{"SERVICE_NAME":"orders","CONCURRENCY":3}')
    expect(await load()).toMatchObject({ service: { name: 'orders' }, consumers: { concurrency: 3 } })
  })

  const typescript = 'const port: number = 81\nexport default { SERVICE_PORT: port }'

  it.runIf(loadsTypeScript)('is TypeScript where this Node loads it', async () => {
    write('millrace.config.ts', typescript)
    expect((await load()).http.port).toBe(81)
  })

  it.skipIf(loadsTypeScript)('says what to do where this Node does not load TypeScript', async () => {
    write('millrace.config.ts', typescript)
    const message = `can't be loaded by Node.js ${process.versions.node}; name it .js, or use Node.js 22.18 or newer`
    expect(await mistakesOf()).toEqual([{ path: 'millrace.config.ts', message }])
  })

  it('is the one that is named, wherever it is', async () => {
    mkdirSync(join(cwd, 'etc'))
    write('millrace.config.json', '{"STREAM":"not this one"}')
    write('etc/prod.json', '{"STREAM":"this one"}')
    expect((await load({}, 'etc/prod.json')).stream).toBe('this one')
    expect((await load({}, join(cwd, 'etc/prod.json'))).stream).toBe('this one')
  })

  it('gives way to .env, that to the environment, that to a flag; and it may hold aliases and files of secrets', async () => {
    write('millrace.config.json', '{"PORT":1,"STREAM":"file","LOG_LEVEL":"warn","REDIS_PW_FILE":"pw"}')
    write('pw', 'geheim\n')
    write('.env', 'STREAM=dotenv\nLOG_LEVEL=error')
    const file = await readConfigFile(cwd)
    const flags = { REDIS_HOST: 'h' }
    const { config, variables } = readConfiguration(
      { LOG_LEVEL: 'debug' },
      { cwd, version: '1', flags, file },
    )
    expect(config).toMatchObject({ http: { port: 1 }, stream: 'dotenv', log: { level: 'debug' } })
    const originOf = (name: string) => variables.find((reading) => reading.name === name)?.origin
    expect(originOf('SERVICE_PORT')).toEqual({ source: 'millrace.config.json', as: 'PORT' })
    expect(originOf('REDIS_PW')).toEqual({ source: 'millrace.config.json', as: 'REDIS_PW_FILE', path: 'pw' })
    expect(originOf('STREAM')).toEqual({ source: '.env' })
    expect(originOf('LOG_LEVEL')).toEqual({ source: 'environment' })
    expect(originOf('REDIS_HOST')).toEqual({ source: 'flag' })
    expect(originOf('HOST')).toEqual({ source: 'default' })
  })

  it('is read anew each time, with what it imports, of whichever kind it is', async () => {
    for (const level of ['warn', 'error']) {
      write('level.mjs', `export const level = '${level}'`)
      write('millrace.config.js', `import { level } from './level.mjs'\nexport default { LOG_LEVEL: level }`)
      expect((await load()).log.level).toBe(level)
      write('common.cjs', `module.exports = { LOG_LEVEL: '${level}' }`)
      expect((await load({}, 'common.cjs')).log.level).toBe(level)
    }
  })
})

describe('mistakes in the file', () => {
  it('are listed with all others, without the values', async () => {
    write(
      'millrace.config.json',
      `{"SERVICE_PROT":80,"REDIS_PASWORD":"hunter2","completely-else":1,"__proto__":{"a":1},"STREAM":null,
        "ROLES":["api",{}],"RETRY_DELAYS":["1,2"],"DB_PASSWORD":{"x":"hunter2"},"LOG_LEVEL":"loud"}`,
    )
    const error = await load({ CONCURRENCY: 'x' }).catch((thrown: Error) => thrown)
    const { issues, message } = error as InvalidError
    const where = '(in millrace.config.json)'
    const wanted = 'wanted: a text, a number, true or false, or a list of these without commas in them'
    expect(message).not.toContain('hunter2')
    expect(issues).toEqual([
      { path: 'SERVICE_PROT', message: `is no variable ${where}; did you mean SERVICE_PORT?` },
      { path: 'REDIS_PASWORD', message: `is no variable ${where}; did you mean REDIS_PASSWORD?` },
      { path: 'completely-else', message: `is no variable ${where}` },
      { path: '__proto__', message: `is no variable ${where}` },
      { path: 'STREAM', message: `holds null ${where}; ${wanted}` },
      { path: 'ROLES', message: `holds a list that can not be read ${where}; ${wanted}` },
      { path: 'RETRY_DELAYS', message: `holds a list that can not be read ${where}; ${wanted}` },
      { path: 'DB_PASSWORD', message: `holds an object ${where}; ${wanted}` },
      { path: 'CONCURRENCY', message: 'holds "x"; wanted: a whole number from 1 to 10000' },
      {
        path: 'LOG_LEVEL',
        message:
          'holds "loud" (in millrace.config.json); wanted: one of trace, debug, info, warn, error, fatal',
      },
    ])
  })

  it.each([
    ['millrace.config.json', '{"STREAM":', /can't be read: /],
    ['millrace.config.json', '[1]', /holds no variables; wanted: an object/],
    ['millrace.config.json', 'null', /holds no variables/],
    ['millrace.config.js', 'export const x = 1', /has no default export/],
    ['millrace.config.js', 'throw new Error("no luck")', /can't be read: no luck/],
    ['millrace.config.js', 'throw null', /can't be read: null/],
    ['millrace.config.js', 'export default { STREAM: () => 1 }', /can't be read: .*could not be cloned/],
    ['millrace.config.js', 'process.exit(3)', /can't be read: it ended the process/],
  ])('%s that says %s', async (name, text, message) => {
    write(name, text)
    expect(await mistakesOf()).toEqual([{ path: name, message: expect.stringMatching(message) }])
  })

  it('a file that is named and is not there', async () => {
    expect(await mistakesOf('nowhere.json')).toEqual([
      { path: 'nowhere.json', message: expect.stringContaining('ENOENT') },
    ])
  })

  it('two files', async () => {
    write('millrace.config.js', 'export default {}')
    write('millrace.config.json', '{}')
    expect(await mistakesOf()).toEqual([
      { path: 'millrace.config.js', message: 'is there beside millrace.config.json; wanted: one of them' },
    ])
  })
})
