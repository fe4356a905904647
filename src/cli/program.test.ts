import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import { afterEach, describe, expect, it } from 'vitest'
import { CapturedIo } from '../../test/support/captured-io.ts'
import { InvalidError, MillraceError } from '../core/errors.ts'
import { EXIT, exitCodeOf, renderError } from './exit.ts'
import { createProgram, run } from './program.ts'

let io: CapturedIo
afterEach(() => io?.remove())

async function millrace(args: string[], env: NodeJS.ProcessEnv = {}): Promise<number> {
  io = new CapturedIo(env)
  return run(io, args)
}

/** The commands that do something, by their words; `help` and what is hidden aside. */
function leaves(command: Command, words: readonly string[] = []): string[] {
  const below = command.createHelp().visibleCommands(command)
  const named = below.filter((one) => one.name() !== 'help')
  if (named.length === 0) return [words.join(' ')]
  return named.flatMap((one) => leaves(one, [...words, one.name()]))
}

function commands(): string[] {
  const unused = new CapturedIo()
  unused.remove()
  return leaves(createProgram(unused, () => {}))
}

describe('the command line', () => {
  it.each(commands())('%s has help with examples', async (words) => {
    expect(await millrace([...words.split(' '), '--help'])).toBe(EXIT.ok)
    expect(io.stdout.text).toMatch(new RegExp(`Examples:\n(.*\n)*? .*millrace ${words}`))
  })

  it('prints its version', async () => {
    expect(await millrace(['--version'])).toBe(EXIT.ok)
    expect(io.stdout.text).toMatch(/^\d+\.\d+\.\d+\n$/)
  })

  it.each([[['nonsense']], [['tail']], [['serve', '--colour']]])(
    'refuses %j as a mistake in the words',
    async (args) => {
      expect(await millrace(args)).toBe(EXIT.usage)
      expect(io.stderr.text).toContain('error:')
    },
  )

  it('lists every mistake of the configuration, a line each', async () => {
    expect(await millrace(['serve'], { SERVICE_PORT: 'x', LOG_LEVEL: 'y', REDIS_URL: 'z' })).toBe(EXIT.usage)
    const lines = io.stderr.text.split('\n')
    for (const name of ['SERVICE_PORT', 'LOG_LEVEL', 'REDIS_URL']) {
      expect(lines.find((line) => line.startsWith(`  - ${name}`))).toBeDefined()
    }
  })
})

describe('keys, tokens and certificates', () => {
  const env = {
    API_KEYS: 'canary1',
    ENCRYPTION_KEYS: 'canary2',
    JWT_SIGNING_KEY: 'canary3',
    REDIS_URL: 'rediss://localhost',
    REDIS_TLS_CA: 'nowhere.pem',
    DB_TLS_ENABLED: 'true',
    DB_TLS_KEY: 'nowhere.pem',
    DATABASE_URL: 'postgres://localhost/x',
  }

  it.each([[['serve']], [['config', 'print']]])(
    '%j lists every mistake in them, and shows none',
    async (args) => {
      expect(await millrace(args, env)).toBe(EXIT.usage)
      for (const name of ['API_KEYS', 'ENCRYPTION_KEYS', 'JWT_SIGNING_KEY', 'REDIS_TLS_CA', 'DB_TLS_KEY'])
        expect(io.stderr.text).toContain(`  - ${name}`)
      expect(io.stderr.text + io.stdout.text).not.toContain('canary')
    },
  )
})

describe('serve --app', () => {
  const file = (text: string): string[] => {
    writeFileSync(join(io.cwd, 'app.mjs'), text)
    return ['serve', '--app', 'app.mjs']
  }

  it.each([
    ['is not there', undefined, /can't be loaded: Cannot find module '[^']*' imported from \S+$/m],
    ['throws', '\nthrow new Error("no luck")', /no luck \(\S*app\.mjs:2:7\)/],
    ['exports nothing', 'export const app = 1', /no default export/],
  ])('says when the module %s', async (_, text, message) => {
    io = new CapturedIo()
    const args = text === undefined ? ['serve', '--app', 'nowhere.mjs'] : file(text)
    expect(await run(io, args)).toBe(EXIT.failed)
    expect(io.stderr.text).toMatch(message)
  })

  it('refuses groups that are made by hand, each by its place', async () => {
    io = new CapturedIo()
    const group = '{ stream: "s", options: { group: "g" }, handler() {} }'
    expect(await run(io, file(`export default { handlers: [${group}, ${group}] }`))).toBe(EXIT.usage)
    expect(io.stderr.text).toContain('  - handlers.1: must be made by handle, handleOnce or handleBatch')
  })
})

describe('errors', () => {
  it.each([
    [new MillraceError('UNKNOWN_STREAM', 'x'), EXIT.notFound],
    [new MillraceError('REDIS_UNAVAILABLE', 'x'), EXIT.unreachable],
    [new InvalidError('CONFIGURATION_INVALID', 'x'), EXIT.usage],
    [new Error('a bug'), EXIT.failed],
    [undefined, EXIT.failed],
  ])('%s has an exit code', (error, code) => expect(exitCodeOf(error)).toBe(code))

  it('show a stack only where they are bugs', () => {
    expect(renderError(new TypeError('a bug'))).toContain('program.test.ts')
    expect(renderError(new MillraceError('REDIS_UNAVAILABLE', 'away'))).toBe('error: away')
  })
})
