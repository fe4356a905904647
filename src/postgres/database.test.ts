import { inspect } from 'node:util'
import { describe, expect, it, vi } from 'vitest'
import { failureOf } from '../../test/support/until.ts'
import { usePostgres } from '../../test/support/use-postgres.ts'
import type { MillraceError } from '../core/errors.ts'
import { Database, databaseVersion } from './database.ts'
import { queryOnce } from './test-database.ts'

const server = usePostgres()

const withUrl = (change: (url: URL) => void): string => {
  const url = new URL(server.url)
  change(url)
  return url.href
}

const failureAt = async (url: string): Promise<Error & { code: string }> => {
  const database = new Database({ url })
  try {
    return await database.ping().then(
      () => expect.unreachable(),
      (error: unknown) => error as Error & { code: string },
    )
  } finally {
    await database.close()
  }
}

describe('a failure', () => {
  it.each([
    ['nobody listens', (url: URL) => (url.port = '1'), /ECONNREFUSED.*is it running/],
    [
      'nobody listens on any address',
      (url: URL) => (url.host = 'localhost:1'),
      /ECONNREFUSED.*is it running/,
    ],
    [
      'the password is wrong',
      (url: URL) => (url.password = 'hush-hush'),
      /password authentication.*check the user/,
    ],
    [
      'there is no such database',
      (url: URL) => (url.pathname = '/nowhere'),
      /"nowhere".*create the database/,
    ],
  ])('says what to do when %s, and no password', async (_, change, expected) => {
    const url = withUrl(change)
    const error = await failureAt(url)
    expect(error).toMatchObject({ code: 'DATABASE_UNAVAILABLE' })
    expect(error.message).toMatch(expected)
    expect(error.message).toContain(new URL(url).host)
    expect(inspect(error, { depth: 9 })).not.toContain(new URL(url).password)
  })

  it.each(['postgres://user:hush-hush@[nonsense/', 'user:hush-hush@localhost:5432/x', ''])(
    'is told at once where the URL is none: %s',
    async (url) => {
      const error = await databaseVersion({ url }).catch((error: unknown) => error)
      expect(error).toMatchObject({ code: 'CONFIGURATION_INVALID' })
      expect(inspect(error)).toContain('DATABASE_URL is not of the form')
      expect(inspect(error)).not.toContain('hush-hush')
    },
  )
})

describe('a database', () => {
  it('tells the version of the server', async () => {
    expect(await databaseVersion({ url: server.url })).toMatch(/^\d+\.\d+/)
  })

  it('survives that an idle connection is cut, says so and connects again', async () => {
    const onError = vi.fn()
    const database = new Database({ url: server.url, onError })
    const [row] = await database.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
    await queryOnce(server.url, 'SELECT pg_terminate_backend($1)', [row!.pid])
    await expect.poll(() => onError.mock.calls.length).toBe(1)
    expect(onError.mock.calls[0]![0]).toMatchObject({ code: 'DATABASE_UNAVAILABLE' })
    await database.ping()
    await database.close()
  })

  it('finds back after an outage', async () => {
    const database = new Database({ url: server.url })
    await database.ping()
    await server.kill('SIGKILL')
    // The process behind a connection outlives the server by a moment, and may answer once more.
    const answer = () =>
      database.ping().then(
        () => 'alive',
        ({ code }: MillraceError) => code,
      )
    await expect.poll(answer).toBe('DATABASE_UNAVAILABLE')
    await server.restart()
    await database.ping()
    await database.close()
  })

  it('ends the sessions that it opened, also after a failure', async () => {
    const database = new Database({ url: server.url })
    const failure = database.session(async (query) => {
      await query('BEGIN; CREATE TABLE left_behind ()')
      await query('SELECT no_such_function()')
    })
    await expect(failure).rejects.toMatchObject({ code: 'DATABASE_UNAVAILABLE' })
    await expect(database.query('SELECT FROM left_behind')).rejects.toThrow('does not exist')
    await database.close()
  })

  it('gives a statement up with its signal, and nobody waits for it, also at its end', async () => {
    const database = new Database({ url: server.url, maxConnections: 1 })
    const sleeping = async (seconds: number, end: AbortController) => {
      const text = `SELECT pg_sleep(${seconds})`
      const failure = failureOf(database.runUntil(end.signal, text))
      const running = `SELECT FROM pg_stat_activity WHERE state = 'active' AND query = '${text}'`
      await expect.poll(async () => (await queryOnce(server.url, running)).length).toBe(1)
      end.abort(new Error('enough'))
      expect((await failure).message).toBe('enough')
    }
    const alive = new AbortController().signal
    await sleeping(50, new AbortController())
    const { rows } = await database.runUntil(alive, 'SELECT 1 AS one')
    expect(rows).toEqual([{ one: 1 }])
    const late = AbortSignal.abort(new Error('too late'))
    await expect(database.runUntil(late, 'SELECT 1')).rejects.toThrow('too late')
    await expect(database.runUntil(alive, 'nonsense')).rejects.toMatchObject({ code: 'DATABASE_UNAVAILABLE' })
    await sleeping(51, new AbortController())
    await database.ping()
    await database.close()
  })

  it('says what to do when a connection can not be had, of the pool or besides it', async () => {
    const database = new Database({ url: withUrl((url) => (url.port = '1')) })
    await expect(database.connect()).rejects.toThrow(/ECONNREFUSED.*is it running/)
    await expect(database.openConnection()).rejects.toThrow(/ECONNREFUSED.*is it running/)
    await database.close()
  })

  it('answers CLOSED once it is closed, and can be closed twice', async () => {
    const database = new Database({ url: server.url })
    const query = database.query<{ one: number }>('SELECT 1 AS one FROM pg_sleep(0.1)')
    await Promise.all([database.close(), database.close()])
    expect(await query).toEqual([{ one: 1 }])
    await expect(database.ping()).rejects.toMatchObject({ code: 'CLOSED' })
    await expect(database.connect()).rejects.toMatchObject({ code: 'CLOSED' })
  })
})
