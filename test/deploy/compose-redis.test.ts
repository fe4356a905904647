import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { freePort } from '../../src/engines/ports.ts'
import { findRedis } from '../../src/engines/redis-program.ts'
import { sharedFolder } from '../../src/engines/test-server.ts'
import { openConnection } from '../../src/redis/connections/servers.ts'
import { failureOf, until } from '../support/until.ts'

const FOLDER = join(import.meta.dirname, '../../deploy/compose/redis')
const UGLY = String.raw`a "quoted" \back\slash 'and' $HOME #` + '`id` é'

const options = { path: process.env['PATH'], engines: join(sharedFolder(), 'engines'), onProgress: () => {} }
const program = await findRedis(options)
const client = join(dirname(program.file), 'redis-cli')

let dir = ''
let port = 0
let server: ChildProcess | undefined

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'millrace-compose-redis-'))
  port = await freePort()
})

afterEach(async () => {
  if (server && server.exitCode === null && server.signalCode === null) {
    server.kill('SIGKILL')
    await once(server, 'close')
  }
  server = undefined
  rmSync(dir, { recursive: true })
})

const environment = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv => {
  const { PATH = '' } = process.env
  return { ...program.env, PATH: `${dirname(program.file)}:${PATH}`, REDIS_PORT: String(port), ...env }
}

/** As in the container, but for the port and the address. */
function start(env: NodeJS.ProcessEnv): ChildProcess {
  const args = [join(FOLDER, 'redis.conf'), '--port', String(port), '--bind', '127.0.0.1']
  server = spawn('sh', [join(FOLDER, 'start.sh'), ...args], {
    cwd: dir,
    env: environment(env),
    stdio: 'pipe',
  })
  return server
}

const open = (password: string) =>
  until('Redis', () => openConnection({ url: urlWith(password) }, 'compose-test'))
const urlWith = (password: string): string => `redis://:${encodeURIComponent(password)}@127.0.0.1:${port}`

describe('the Redis of the Compose files', () => {
  test.each(['a variable', 'a file'])(
    'takes its password from %s, and loses and evicts nothing',
    async (where) => {
      const file = join(dir, 'password')
      writeFileSync(file, `${UGLY}\n`)
      start(where === 'a file' ? { REDIS_PASSWORD: '', REDIS_PASSWORD_FILE: file } : { REDIS_PASSWORD: UGLY })
      const connection = await open(UGLY)
      try {
        for (const [name, value] of Object.entries({ appendonly: 'yes', 'maxmemory-policy': 'noeviction' }))
          expect(await connection.send(['CONFIG', 'GET', name])).toContain(value)
        // Whoever may list processes reads no password.
        const commandLine = readFileSync(`/proc/${server!.pid}/cmdline`, 'utf8')
        expect(commandLine).toContain('redis-server')
        expect(commandLine).not.toContain('quoted')
      } finally {
        await connection.close()
      }
      for (const wrong of ['', 'wrong'])
        expect(await failureOf(openConnection({ url: urlWith(wrong) }, 'compose-test'))).toBeInstanceOf(Error)
    },
  )

  test('does not start without a password', async () => {
    const child = start({})
    const lines = createInterface({ input: child.stderr! })
    const [[line], [code]] = (await Promise.all([once(lines, 'line'), once(child, 'close')])) as [
      [string],
      [number],
    ]
    expect({ code, line }).toEqual({
      code: 1,
      line: expect.stringContaining('has to give a password') as string,
    })
  })

  test.skipIf(!existsSync(client))('is healthy when it takes that password (needs redis-cli)', async () => {
    const health = (REDIS_PASSWORD: string) =>
      new Promise<number>((resolve) => {
        const child = execFile('sh', [join(FOLDER, 'health.sh')], { env: environment({ REDIS_PASSWORD }) })
        child.once('close', (code) => resolve(code ?? -1))
      })
    expect(await health(UGLY)).not.toBe(0)
    start({ REDIS_PASSWORD: UGLY })
    await until('a healthy Redis', async () => (await health(UGLY)) === 0)
    expect(await health('wrong')).not.toBe(0)
  })
})
