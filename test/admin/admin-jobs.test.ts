import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import type { Job } from '../../src/core/jobs.ts'
import { adminChecks } from '../support/admin-checks.ts'
import { AdminClient } from '../support/admin-client.ts'
import { RunningService } from '../support/running-service.ts'
import { until } from '../support/until.ts'
import { usePostgres } from '../support/use-postgres.ts'
import { useRedis } from '../support/use-redis.ts'
import { useOnce } from '../support/use.ts'

const { server: redis, admin } = useRedis()
const postgres = usePostgres()
const { dryRun, needsConfirmation, confirming } = adminChecks(admin)
const directory = mkdtempSync(join(tmpdir(), 'backups-'))
afterAll(() => rmSync(directory, { recursive: true }))
const env = () => ({ REDIS_URL: redis.url, DATABASE_URL: postgres.url, BACKUP_DIRECTORY: directory })
/** This one runs jobs too; the other one only takes requests. */
const running = useOnce(
  () => RunningService.start({}, { ...env(), ROLES: 'api' }),
  (it) => it.stop(),
)
const asked = useOnce(
  () => RunningService.start({}, { ...env(), ROLES: 'connector' }),
  (it) => it.stop(),
)
const client = new AdminClient(running)
const other = new AdminClient(asked)

let number = 0
/** A stream of so many entries, with a group that has read them all. */
async function written(count: number): Promise<string> {
  const name = `jobs:${++number}`
  for (let entry = 0; entry < count; entry++)
    await admin.send(['XADD', name, '*', 'type', 'n', 'data', String(entry)])
  await admin.send(['XGROUP', 'CREATE', name, 'mailer', '$'])
  return name
}

const ended = (id: string) =>
  until('its end', async () => {
    const { job } = (await other.get(`/jobs/${id}`)).body as { job: Job }
    return job.finishedAt === undefined ? undefined : job
  })
const started = async (path: string, body: object): Promise<Job> => {
  const answer = await other.post(path, body)
  expect(answer.status).toBe(202)
  return answer.body.job
}

it('what is asked for here runs there, and tells how it came out', async () => {
  const name = await written(10)
  const path = `/streams/${name}`
  const tried = await dryRun(() => other.post(`${path}/replays`, { group: 'mailer', dryRun: true }))
  expect(tried.body.preview).toMatchObject({ kind: 'replay', count: 10, unit: 'entries', complete: true })
  const replay = await started(`${path}/replays`, { group: 'mailer', reason: 'lost mails' })
  expect(replay).toMatchObject({
    kind: 'replay',
    actor: 'anonymous',
    reason: 'lost mails',
    params: { stream: name, group: 'mailer' },
  })
  expect(await ended(replay.id)).toMatchObject({ state: 'done', result: { copied: 10 } })

  const copy = await started(`${path}/copy`, { to: `${name}:copy` })
  expect(await ended(copy.id)).toMatchObject({ state: 'done' })
  expect(await admin.send(['XLEN', `${name}:copy`])).toBe(10)

  const trim = (body: object) => other.post(`${path}/trim`, { maxLength: 3, ...body })
  await dryRun(() => trim({ dryRun: true }))
  await needsConfirmation((confirm) => trim(confirming(confirm)))
  const trimmed = await trim({ confirm: name })
  expect(await ended(trimmed.body.job.id)).toMatchObject({ state: 'done', result: { trimmed: 7 } })
  const { actions } = (await other.get(`${path}/actions`)).body
  expect(actions.map((one: { action: string }) => one.action)).toContain('trim')

  const listed = (await other.get('/jobs?kind=trim&state=done&limit=1')).body.jobs
  expect(listed).toMatchObject([{ kind: 'trim', state: 'done' }])
})

it('what can not be is refused before anything is written down', async () => {
  const name = await written(2)
  const jobsBefore = (await client.get('/jobs')).body.jobs.length
  const refused: [string, object, number, string][] = [
    [`/streams/${name}/replays`, {}, 400, 'REQUEST_INVALID'],
    [`/streams/${name}/replays`, { group: 'mailr' }, 404, 'UNKNOWN_GROUP'],
    [`/streams/nowhere/replays`, { group: 'mailer' }, 404, 'UNKNOWN_STREAM'],
    [`/streams/${name}/replays`, { group: 'mailer', from: '2-0', to: '1-0' }, 400, 'REQUEST_INVALID'],
    [`/streams/${name}/replays`, { group: 'mailer', from: 'noon' }, 400, 'REQUEST_INVALID'],
    [`/streams/${name}/replays`, { group: 'mailer', dryrun: true }, 400, 'REQUEST_INVALID'],
    [`/streams/${name}/copy`, { to: name }, 400, 'REQUEST_INVALID'],
    [`/streams/${name}/copy`, { to: await written(1) }, 409, 'JOB_CONFLICT'],
    [`/streams/${name}/trim`, { confirm: name }, 400, 'REQUEST_INVALID'],
    [`/streams/${name}/trim`, { confirm: name, hardMaxLength: 1 }, 400, 'REQUEST_INVALID'],
    ['/restores', { path: '../../etc/passwd', confirm: '../../etc/passwd' }, 400, 'REQUEST_INVALID'],
  ]
  for (const [path, body, status, code] of refused)
    expect({ path, sent: body, ...(await client.post(path, body)) }).toMatchObject({
      path,
      status,
      body: { code },
    })
  expect((await client.get('/jobs')).body.jobs).toHaveLength(jobsBefore)
  expect(await client.get('/jobs?kind=nap')).toMatchObject({
    status: 400,
    body: { errors: [{ path: 'kind' }] },
  })
  for (const what of ['cancel', 'resume'])
    expect(await client.post(`/jobs/4711/${what}`)).toMatchObject({
      status: 404,
      body: { code: 'UNKNOWN_JOB' },
    })
})

it('streams are backed up into the directory of the instance, and restored from there', async () => {
  const name = await written(5)
  const body = { path: 'one.millrace', streams: [name], reason: 'before the move' }
  await dryRun(() => client.post('/backups', { ...body, dryRun: true }))
  const backup = await client.post('/backups', body)
  expect(backup.status).toBe(202)
  expect(await ended(backup.body.job.id)).toMatchObject({ state: 'done', result: { streams: 1, entries: 5 } })
  const { backups } = (await client.get('/backups')).body
  expect(backups).toMatchObject([{ file: 'one.millrace', bytes: expect.any(Number) }])
  expect((await client.post('/backups', body)).status).toBeOneOf([400, 409])

  const restore = (more: object) => client.post('/restores', { path: 'one.millrace', ...more })
  expect(await restore({ confirm: 'one.millrace' })).toMatchObject({
    status: 409,
    body: { code: 'RESTORE_CONFLICT' },
  })
  await dryRun(() => restore({ dryRun: true, rename: 'again:' }))
  await needsConfirmation((confirm) => restore({ rename: 'again:', ...confirming(confirm) }))
  const restored = await restore({ confirm: 'one.millrace', rename: 'again:' })
  expect(await ended(restored.body.job.id)).toMatchObject({ state: 'done', result: { entries: 5 } })
  expect(await admin.send(['XLEN', `again:${name}`])).toBe(5)

  const file = join(directory, 'one.millrace')
  const bytes = readFileSync(file)
  bytes[bytes.length >> 1]! ^= 1
  writeFileSync(file, bytes)
  const broken = await restore({ confirm: 'one.millrace', rename: 'broken:' })
  expect(broken).toMatchObject({ status: 422, body: { code: 'BACKUP_INVALID' } })
})

it('a job can be slowed down, cancelled and resumed, and streams its progress to its end', async () => {
  const name = await written(400)
  const { id } = await started(`/streams/${name}/replays`, { group: 'mailer', ratePerSecond: 50 })
  const seen: Job[] = []
  let lastId: string | undefined
  const listen = async () => {
    for await (const { event, data, id: eventId } of other.events(`/jobs/${id}/events`)) {
      expect(event).toBe('job')
      seen.push(data)
      lastId = eventId
    }
  }
  const told = listen()
  await until('progress', () => seen.some(({ progress }) => progress.done > 0 && progress.done < 400))
  const paced = await client.patch(`/jobs/${id}`, { ratePerSecond: 100 })
  expect(paced.body.job).toMatchObject({ ratePerSecond: 100 })
  expect((await client.post(`/jobs/${id}/cancel`, { reason: 'wrong group' })).status).toBe(200)
  await told
  expect(seen.at(-1)).toMatchObject({ id, state: 'cancelled' })
  const dones = seen.map(({ progress }) => progress.done)
  expect(dones).toEqual(dones.toSorted((a, b) => a - b))

  const again = await other.fetch(`/jobs/${id}/events`, { headers: { 'last-event-id': lastId! } })
  expect(again.status).toBe(204)
  expect(await client.post(`/jobs/${id}/cancel`)).toMatchObject({
    status: 409,
    body: { code: 'JOB_CONFLICT' },
  })

  await client.patch(`/jobs/${id}`, { ratePerSecond: null })
  expect((await client.post(`/jobs/${id}/resume`)).status).toBe(200)
  const done = await ended(id)
  expect(done).toMatchObject({ state: 'done' })
  expect(done.history.map(({ action }) => action)).toContain('cancelled')
  expect((await client.get(`/jobs/4711/events`)).status).toBe(404)
})
