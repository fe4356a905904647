import { appendFileSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { createClient } from '@redis/client'
import { Client } from 'pg'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

import { postgresEngine, redisEngine, type Engine } from './engines.ts'
import { engineFolder, removeFolder } from './fixtures/folder.ts'
import { startFixture } from './fixtures/start.ts'
import { findProcesses, isAlive, signal, untilGone, type FoundProcess } from './processes.ts'

const env = { PATH: process.env['PATH'] }

interface Kind {
  name: 'redis' | 'postgres'
  start: typeof redisEngine
  write(url: string, value: string): Promise<void>
  read(url: string): Promise<string[]>
  place: string
}

const redis: Kind = {
  name: 'redis',
  start: redisEngine,
  write: (url, value) => onRedis(url, async (client) => void (await client.rPush('values', value))),
  read: (url) => onRedis(url, (client) => client.lRange('values', 0, -1)),
  place: '--dir',
}

const postgres: Kind = {
  name: 'postgres',
  start: postgresEngine,
  write: (url, value) =>
    onPostgres(url, async (client) => {
      await client.query('CREATE TABLE IF NOT EXISTS kept (value text)')
      await client.query('INSERT INTO kept VALUES ($1)', [value])
    }),
  read: (url) =>
    onPostgres(url, async (client) => {
      const { rows } = await client.query<{ value: string }>('SELECT value FROM kept')
      return rows.map(({ value }) => value)
    }),
  place: '-D',
}

let dir: string
beforeEach(async () => {
  dir = await engineFolder()
})
afterEach(() => removeFolder(dir))

const user = (kind: Kind) => startFixture<Pick<Engine, 'url' | 'origin'>>('engine-user.ts', kind.name, dir)
const engineProcesses = (kind: Kind): FoundProcess[] => findProcesses(` ${kind.place} ${dir}/${kind.name} `)

async function killEngine(kind: Kind): Promise<void> {
  const { pid, identity } = engineProcesses(kind)[0]!
  signal(pid, 'SIGKILL')
  await untilGone(identity, 10_000)
}

describe.each([redis, postgres])('the $name engine', (kind) => {
  test('is shared by processes, and stops with the last of them', async () => {
    const first = await user(kind)
    expect(first.said.origin).not.toBe('running')
    const second = await kind.start({ dir, env })
    expect(second).toMatchObject({ url: first.said.url, origin: 'running' })

    await first.finish()
    await kind.write(second.url, 'a')
    expect(await kind.read(second.url)).toEqual(['a'])

    await second.stop()
    await second.stop()
    expect(engineProcesses(kind)).toEqual([])
  })

  test('is started once when many processes start at the same time', async () => {
    const users = await Promise.all([user(kind), user(kind), user(kind)])
    expect(new Set(users.map(({ said }) => said.url)).size).toBe(1)
    expect(users.filter(({ said }) => said.origin !== 'running')).toHaveLength(1)
    await Promise.all(users.map(({ finish }) => finish()))
    expect(engineProcesses(kind)).toEqual([])
  })

  test('counts uses, not processes', async () => {
    const [one, two] = [await kind.start({ dir, env }), await kind.start({ dir, env })]
    await one.stop()
    expect(engineProcesses(kind)).toHaveLength(1)
    await two.stop()
    expect(engineProcesses(kind)).toEqual([])
  })

  test('keeps port and data over a clean stop', async () => {
    const first = await kind.start({ dir, env })
    await kind.write(first.url, 'a')
    await first.stop()
    const second = await kind.start({ dir, env })
    expect(second.url).toBe(first.url)
    expect(await kind.read(second.url)).toEqual(['a'])
    await second.stop()
  })

  test('is adopted when its only user was killed', async () => {
    const killed = await user(kind)
    await kind.write(killed.said.url, 'a')
    await killed.kill()
    const heir = await kind.start({ dir, env })
    expect(heir).toMatchObject({ url: killed.said.url, origin: 'running' })
    expect(await kind.read(heir.url)).toEqual(['a'])
    await heir.stop()
    expect(engineProcesses(kind)).toEqual([])
  })

  test('recovers when it was killed together with its user', async () => {
    const killed = await user(kind)
    await kind.write(killed.said.url, 'a')
    await Promise.all([killed.kill(), killEngine(kind)])
    const heir = await kind.start({ dir, env })
    expect(heir.url).toBe(killed.said.url)
    expect(await kind.read(heir.url)).toEqual(['a'])
    await heir.stop()
  })

  test('comes back by itself, on its port, when it dies in use', async () => {
    const lines: string[] = []
    const engine = await kind.start({ dir, env, onProgress: (line) => lines.push(line) })
    await kind.write(engine.url, 'a')
    await killEngine(kind)
    await expect.poll(() => kind.read(engine.url).catch(() => []), { timeout: 20_000 }).toEqual(['a'])
    expect(lines.join('\n')).toContain('has died: starting it again')
    await engine.stop()
    expect(engineProcesses(kind)).toEqual([])
  })

  test('recovers from stale locks and from garbage in every file of ours', async () => {
    const killed = await user(kind)
    await kind.write(killed.said.url, 'a')
    await Promise.all([killed.kill(), killEngine(kind)])
    ruinFiles(kind)
    const heir = await kind.start({ dir, env })
    expect(await kind.read(heir.url)).toEqual(['a'])
    await heir.stop()
    expect(engineProcesses(kind)).toEqual([])
  })

  test('is found while it runs though our files hold garbage', async () => {
    const killed = await user(kind)
    await kind.write(killed.said.url, 'a')
    await killed.kill()
    ruinFiles(kind)
    const heir = await kind.start({ dir, env })
    expect(engineProcesses(kind)).toHaveLength(1)
    expect(await kind.read(heir.url)).toEqual(['a'])
    await heir.stop()
    expect(engineProcesses(kind)).toEqual([])
  })

  test('shows the end of its log when it can not start', async () => {
    const engine = await kind.start({ dir, env })
    await engine.stop()
    if (kind === redis) writeFileSync(join(dir, 'redis/appendonlydir/appendonly.aof.manifest'), 'nonsense')
    else writeFileSync(join(dir, 'postgres/PG_VERSION'), '9')
    await expect(kind.start({ dir, env })).rejects.toMatchObject({
      code: 'ENGINE_START_FAILED',
      message: expect.stringMatching(/did not start[^]*(manifest|version 9)/) as string,
    })
    expect(engineProcesses(kind)).toEqual([])
  })
})

/** A dead holder, a dead user, and files that a full disk or a curious hand spoiled. */
function ruinFiles({ name }: Kind): void {
  const names = name === 'redis' ? 'redis' : 'postgresql'
  const locks = join(dir, 'locks', names)
  const latest = Math.max(...readdirSync(locks).map(Number))
  symlinkSync('999999-1', join(locks, String(latest + 1)))
  writeFileSync(join(locks, String(latest + 2)), 'nonsense')
  writeFileSync(join(dir, 'users', names, 'nonsense'), '')
  mkdirSync(join(dir, 'users', names, '999999-1-1'))
  writeFileSync(join(dir, `${name}.json`), '{"port":"nonsense')
}

test('an engine that hangs is replaced', async () => {
  const killed = await user(redis)
  await redis.write(killed.said.url, 'a')
  await killed.kill()
  const [hanging] = engineProcesses(redis)
  signal(hanging!.pid, 'SIGSTOP')
  const heir = await redisEngine({ dir, env })
  expect(await redis.read(heir.url)).toEqual(['a'])
  expect(isAlive(hanging!.identity)).toBe(false)
  await heir.stop()
})

test('Redis starts with a torn end of its append-only file', async () => {
  const engine = await redisEngine({ dir, env })
  await redis.write(engine.url, 'a')
  await engine.stop()
  const folder = join(dir, 'redis/appendonlydir')
  const log = readdirSync(folder).find((name) => name.endsWith('.incr.aof'))!
  appendFileSync(join(folder, log), '*3\r\n$5\r\nRPUSH\r\n$6\r\nval')
  const again = await redisEngine({ dir, env })
  expect(await redis.read(again.url)).toEqual(['a'])
  await again.stop()
})

test.each(['nonsense', '', `${process.pid}\nanother process has the pid\n`])(
  'PostgreSQL starts though postmaster.pid holds %j',
  async (content) => {
    const engine = await postgresEngine({ dir, env })
    await postgres.write(engine.url, 'a')
    await engine.stop()
    writeFileSync(join(dir, 'postgres/postmaster.pid'), content)
    const again = await postgresEngine({ dir, env })
    expect(await postgres.read(again.url)).toEqual(['a'])
    await again.stop()
  },
)

test('PostgreSQL wants the password, which only the owner may read', async () => {
  const engine = await postgresEngine({ dir, env })
  const stranger = engine.url.replace(/:[^:@]+@/, ':guess@')
  await expect(postgres.read(stranger)).rejects.toThrow('password authentication failed')
  expect(engine.detail).not.toContain(new URL(engine.url).password)
  expect(readFileSync(join(dir, 'postgres.json'), 'utf8')).toContain(new URL(engine.url).password)
  await engine.stop()
})

test('what the environment names is used as it is', async () => {
  const given = await redisEngine({ dir, env: { REDIS_HOST: 'cache', REDIS_PW: 'p@ss' } })
  expect(given).toMatchObject({ url: 'redis://:p%40ss@cache:6379', origin: 'environment' })
  const url = 'redis://elsewhere:7000'
  expect(await redisEngine({ dir, env: { REDIS_URL: url, REDIS_HOST: 'cache' } })).toMatchObject({ url })
  expect(await postgresEngine({ dir, env: { DB_HOST: 'db', DB_USER: 'me' } })).toMatchObject({
    url: 'postgres://me@db:5432/redis_streams_db',
    origin: 'environment',
  })
  await given.stop()
})

const redisClient = (url: string) => createClient({ url, socket: { reconnectStrategy: false } })

async function onRedis<T>(
  url: string,
  work: (client: ReturnType<typeof redisClient>) => Promise<T>,
): Promise<T> {
  const client = redisClient(url)
  client.on('error', () => {})
  await client.connect()
  return work(client).finally(() => client.destroy())
}

async function onPostgres<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url })
  client.on('error', () => {})
  await client.connect()
  return work(client).finally(() => client.end())
}
