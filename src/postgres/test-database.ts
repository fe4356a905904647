import { randomBytes } from 'node:crypto'
import { Client } from 'pg'

/** A new, empty database on a server, for one test. */
export async function createTestDatabase(serverUrl: string, options = ''): Promise<string> {
  const name = `test_${randomBytes(6).toString('hex')}`
  await queryOnce(serverUrl, `CREATE DATABASE ${name} ${options}`)
  const url = new URL(serverUrl)
  url.pathname = `/${name}`
  return url.href
}

/** Asks past everything that is tested, on a connection of its own. */
export async function queryOnce<Row extends object>(
  url: string,
  text: string,
  values?: unknown[],
): Promise<Row[]> {
  const client = new Client(url)
  await client.connect()
  try {
    return (await client.query<Row>(text, values)).rows
  } finally {
    await client.end()
  }
}
