import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from 'pg'
import { startTestPostgres, startTestRedis } from '../../src/engines/test-servers.ts'
import { decodeEntry } from '../../src/core/codec.ts'
import { FIRST_POSITION } from '../../src/core/position.ts'
import { RedisStreamLog } from '../../src/redis/redis-log.ts'
import { EventHubsServer } from '../../test/support/event-hubs/server.ts'
import type { SinkName } from './names.ts'
import type { SinkSpec } from './spec.ts'

/** What a sink writes to, and what it holds in the end. */
export interface Target {
  spec: SinkSpec
  /** Whether each event is to be there once, or at least once with an id that tells a repeat. */
  once: boolean
  /** The identity of everything that it holds, repeats included. */
  held(): Promise<string[]>
  close(): Promise<void>
}

/** Makes the place that a sink writes to, with nothing in it. */
export const TARGETS: Record<SinkName, () => Promise<Target>> = {
  file: () => folder('json'),
  jsonl: () => folder('jsonl'),
  postgres,
  webhook,
  'event-hubs': eventHubs,
  stream,
}

async function folder(format: 'json' | 'jsonl'): Promise<Target> {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-sinks-'))
  const held = async () =>
    readdirSync(directory, { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith(`.${format}`))
      .flatMap((file) => readFileSync(join(directory, file), 'utf8').split('\n'))
      .filter((line) => line !== '')
      .map((line) => (JSON.parse(line) as { id: string }).id)
  return {
    spec: { type: 'file', options: { directory, format } },
    once: true,
    held,
    close: async () => rmSync(directory, { recursive: true, force: true }),
  }
}

async function postgres(): Promise<Target> {
  const server = await startTestPostgres()
  const client = new Client(server.url)
  await client.connect()
  await client.query('CREATE TABLE facts (id text, n int)')
  return {
    spec: {
      type: 'postgres',
      options: { url: server.url, table: 'facts', columns: { id: 'id', n: 'data.n' } },
    },
    once: true,
    held: async () => (await client.query<{ id: string }>('SELECT id FROM facts')).rows.map(({ id }) => id),
    async close() {
      await client.end()
      await server.stop()
    },
  }
}

async function webhook(): Promise<Target> {
  const ids: string[] = []
  const server = createServer(async (request, response) => {
    let text = ''
    for await (const part of request) text += String(part)
    for (const { id } of JSON.parse(text) as { id: string }[]) ids.push(id)
    response.writeHead(204).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  return {
    spec: { type: 'webhook', options: { url, allowPrivate: true } },
    once: false,
    held: async () => ids,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function eventHubs(): Promise<Target> {
  const server = await EventHubsServer.start({ hubs: { telemetry: 4 } })
  return {
    spec: {
      type: 'event-hubs',
      options: { connectionString: server.connectionString({ hub: 'telemetry' }) },
    },
    once: false,
    held: async () =>
      server
        .hub('telemetry')
        .messages()
        .map(({ message }) => String(message.message_id)),
    close: () => server.stop(),
  }
}

async function stream(): Promise<Target> {
  const server = await startTestRedis()
  const log = await RedisStreamLog.open({ url: server.url })
  const held = async () => {
    const ids: string[] = []
    for (let after = FIRST_POSITION; ;) {
      const entries = await log.read('copies', after, 1_000)
      if (entries.length === 0) return ids
      for (const entry of entries) ids.push(decodeEntry('copies', entry).id)
      after = entries.at(-1)!.position
    }
  }
  return {
    spec: { type: 'stream', options: { stream: 'copies', redis: { url: server.url } } },
    once: true,
    held,
    async close() {
      await log.close()
      await server.stop()
    },
  }
}
