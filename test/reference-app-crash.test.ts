import { expect, it } from 'vitest'
import { until } from './support/until.ts'
import { useAppServices } from './support/use-app-services.ts'

const { admin, place, launch: launchApp } = useAppServices()

const launch = (roles: string) => launchApp('examples/app.ts', { ROLES: roles })

const signUp = (url: string) =>
  fetch(`${url}/api/users`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username: 'ada', email: 'ada@example.com' }),
  })

const published = () => admin.send<number>(['XLEN', 'user:events'])
const count = async (table: string) => (await place.database.query(`SELECT 1 FROM ${table}`)).length

it('a kill between the row and its event leaves neither, and the name is free', async () => {
  const first = await launch('api')
  const locked = await place.database.connect()
  await locked.query('BEGIN; LOCK TABLE millrace_outbox IN EXCLUSIVE MODE')
  const answer = signUp(first.url).catch(() => 'nothing')
  // The user is written, and its event waits for the lock.
  await until('the event at the lock', async () => {
    const waits = "relation = 'millrace_outbox'::regclass AND NOT granted"
    return (await count(`pg_locks WHERE ${waits}`)) > 0
  })
  await first.end('SIGKILL')
  expect(await answer).toBe('nothing')
  await locked.query('ROLLBACK')
  locked.release()

  const second = await launch('api,worker')
  await until('the name', async () => (await signUp(second.url)).status === 201)
  await until('its event', async () => (await count('millrace_outbox')) === 0)
  expect([await count('users'), await published()]).toEqual([1, 1])
})

it('a kill between the commit and the relay leaves both: the event comes, and is consumed once', async () => {
  const api = await launch('api')
  const { status } = await signUp(api.url)
  expect(status).toBe(201)
  // There is no relay in this role.
  await api.end('SIGKILL')
  expect([await count('users'), await count('millrace_outbox'), await published()]).toEqual([1, 1, 0])

  await launch('api,worker')
  await until('the relay', async () => (await count('millrace_outbox')) === 0)
  await until('its consumer', async () => (await count("millrace_audit WHERE state = 'processed'")) > 0)
  expect([await count('users'), await published(), await count('millrace_audit')]).toEqual([1, 1, 1])
})
