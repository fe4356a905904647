import { existsSync } from 'node:fs'

import { createClient } from '@redis/client'
import { Client } from 'pg'
import { expect, test } from 'vitest'

import { askRedis } from './ask-redis.ts'
import { startFixture } from './fixtures/start.ts'
import { identityOf } from './processes.ts'
import { findTestValkey, startTestPostgres, startTestRedis } from './test-servers.ts'

test('a Redis can be killed, suspended and started again on its port and data', async () => {
  const server = await startTestRedis({ args: ['--appendonly', 'yes'] })
  const client = await createClient({ url: server.url })
    .on('error', () => {})
    .connect()
  await client.set('key', 'value')
  const { pid } = server
  await server.kill('SIGKILL')
  expect(identityOf(pid)).toBeUndefined()
  await server.restart()
  expect(server.pid).not.toBe(pid)
  await expect.poll(() => client.get('key')).toBe('value')

  await server.kill('SIGSTOP')
  await server.kill('SIGCONT')
  expect(await client.get('key')).toBe('value')
  client.destroy()
  await server.kill('SIGSTOP')
  await server.stop()
  expect(identityOf(server.pid)).toBeUndefined()
  expect(existsSync(server.dir)).toBe(false)
})

test('one that was killed is gone with all of its threads, which hold its sockets', async () => {
  const server = await startTestRedis()
  for (let round = 0; round < 20; round++) {
    await server.kill('SIGKILL')
    await expect(askRedis(server.port, ['PING'])).rejects.toThrow('ECONNREFUSED')
    await server.restart()
  }
  await server.stop()
})

test('a PostgreSQL too', async () => {
  const server = await startTestPostgres()
  const first = await connected(server.url)
  first.on('error', () => {})
  await first.query('CREATE TABLE kept AS SELECT 1 AS value')
  await first.end()
  await server.kill('SIGKILL')
  await server.restart()
  const second = await connected(server.url)
  expect((await second.query('SELECT value FROM kept')).rows).toEqual([{ value: 1 }])
  await second.end()
  await server.stop()
  expect(identityOf(server.pid)).toBeUndefined()
  expect(existsSync(server.dir)).toBe(false)
})

test('they do not outlive a killed test process', async () => {
  const victim = await startFixture<{ pid: number; dir: string }[]>('test-server-user.ts')
  expect(victim.said.map(({ pid }) => identityOf(pid))).not.toContain(undefined)
  await victim.kill()
  for (const { pid, dir } of victim.said) {
    await expect.poll(() => identityOf(pid), { timeout: 10_000 }).toBeUndefined()
    await expect.poll(() => existsSync(dir), { timeout: 10_000 }).toBe(false)
  }
})

test('a Redis that can not start says why', async () => {
  await expect(startTestRedis({ args: ['--no-such-option', 'x'] })).rejects.toThrow('no-such-option')
})

const valkey = await findTestValkey()
test.skipIf(!valkey.software)(
  `${valkey.software ?? `Valkey: ${valkey.reason}`} can be asked for`,
  async () => {
    const server = await startTestRedis({ software: 'valkey' })
    const client = await createClient({ url: server.url }).connect()
    expect(await client.info('server')).toContain('valkey_version:')
    client.destroy()
    await server.stop()
  },
)

async function connected(url: string): Promise<Client> {
  const client = new Client({ connectionString: url })
  await client.connect()
  return client
}
