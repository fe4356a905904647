import { expect, it } from 'vitest'
import { AdminClient } from '../support/admin-client.ts'
import { adminChecks } from '../support/admin-checks.ts'
import { RunningService } from '../support/running-service.ts'
import { until } from '../support/until.ts'
import { useLog, useRedis } from '../support/use-redis.ts'
import { useEach, useOnce } from '../support/use.ts'
import { Lab } from '../support/worker-lab.ts'

const { server: redis, admin } = useRedis()
const log = useLog(redis)
const { dryRun, needsConfirmation, confirming } = adminChecks(admin)
/** It runs jobs, and the other one takes requests alone. */
const running = useOnce(
  () => RunningService.start({}, { REDIS_URL: redis.url, ROLES: 'connector' }),
  (it) => it.stop(),
)
const client = new AdminClient(running)
const lab = useEach(
  async () => new Lab(log),
  (it) => it.close(),
)

/** Two dead letters of `group`, of type `number`, and the path to them. */
async function given() {
  await lab.publish(2)
  const fail = () => Promise.reject(Object.assign(new Error('no route to host'), { code: 'SMTP_DOWN' }))
  const worker = await lab.start(fail, { retry: { attempts: 1, delayMs: 1 } })
  const path = `/streams/${lab.stream}/dead-letters`
  await until('both are dead letters', async () => (await client.get(path)).body.letters?.length === 2)
  await worker.stop(1_000)
  const letters: { id: string }[] = (await client.get(`${path}?order=oldest`)).body.letters
  return { path, ids: letters.map(({ id }) => id) }
}

it('dead letters are listed, by filters and in pages, summed up and shown', async () => {
  const { path, ids } = await given()
  const idsOf = async (query: string) =>
    (await client.get(`${path}?${query}`)).body.letters.map((letter: { id: string }) => letter.id)
  expect(await idsOf('')).toEqual(ids.toReversed())
  expect(await idsOf('group=group&type=number&error=SMTP_DOWN&order=oldest')).toEqual(ids)
  expect(await idsOf('error=OTHER')).toEqual([])
  expect(await idsOf('to=2020-01-01T00:00:00Z')).toEqual([])
  const { letters, next } = (await client.get(`${path}?limit=1&order=oldest`)).body
  expect(letters).toMatchObject([
    { id: ids[0], event: { type: 'number', data: 0 }, attempts: 1, reason: 'no route to host' },
  ])
  expect(await idsOf(`limit=1&order=oldest&after=${next}`)).toEqual([ids[1]])
  expect((await client.get(`${path}/summary`)).body).toMatchObject({
    total: 2,
    complete: true,
    counts: [{ group: 'group', error: 'SMTP_DOWN', type: 'number', count: 2 }],
  })
  expect((await client.get(`${path}/${ids[0]}`)).body.letter).toMatchObject({
    id: ids[0],
    stream: lab.stream,
  })
  expect(await client.get(`${path}/7-7`)).toMatchObject({
    status: 404,
    body: { code: 'UNKNOWN_DEAD_LETTER' },
  })
  const { streams } = (await client.get('/dead-letters')).body
  expect(streams).toContainEqual({ stream: lab.stream, letters: 2 })
})

it('a dead letter is edited, and what came stays readable', async () => {
  const { path, ids } = await given()
  const edit = (body: object) => client.patch(`${path}/${ids[0]}`, body)
  const edited = await edit({ data: { fixed: true }, reason: 'wrong address' })
  expect(edited.body.letter).toMatchObject({ event: { data: { fixed: true } }, original: expect.any(Array) })
  expect((await edit({ data: null })).body.letter.event.data).toBeNull()
  expect((await edit({ fields: ['type', 'b', 'data', '1'] })).body.letter.event).toMatchObject({
    type: 'b',
    data: 1,
  })
  expect((await edit({ original: true })).body.letter).not.toHaveProperty('original')
  for (const body of [{}, { data: 1, original: true }, { fields: ['odd'] }])
    expect((await edit(body)).status).toBe(400)
  const { actions } = (await client.get(`/streams/${lab.stream}/actions`)).body
  expect(actions.at(-1)).toMatchObject({ action: 'edit', reason: 'wrong address', ids: [ids[0]] })
})

it('dead letters are redriven and discarded by jobs, which a dry run counts', async () => {
  const { path, ids } = await given()
  const tried = await dryRun(() => client.post(`${path}/redrive`, { filter: {}, dryRun: true }))
  expect(tried.body.preview).toMatchObject({ kind: 'redrive', count: 2, unit: 'letters' })
  const redriven = await client.post(`${path}/redrive`, {
    ids: [ids[0]],
    reason: 'mended',
    ratePerSecond: 100,
  })
  expect(redriven).toMatchObject({
    status: 202,
    body: { job: { kind: 'redrive', actor: 'anonymous', reason: 'mended', ratePerSecond: 100 } },
  })

  const discard = (body: object) =>
    client.post(`${path}/discard`, { filter: { error: 'SMTP_DOWN' }, ...body })
  await dryRun(() => discard({ dryRun: true }))
  await needsConfirmation((confirm) => discard(confirming(confirm)))
  expect((await discard({ confirm: lab.stream })).status).toBe(202)

  expect(await client.post(`${path}/redrive`, {})).toMatchObject({
    status: 400,
    body: { errors: [{ path: 'ids' }] },
  })
  const both = await client.post(`${path}/redrive`, { ids, filter: {} })
  expect(both).toMatchObject({ status: 400, body: { errors: [{ path: 'ids' }] } })
  const deleted = await client.post(`${path}/redrive`, { filter: { group: 'grup' } })
  expect(deleted).toMatchObject({ status: 404, body: { code: 'UNKNOWN_GROUP' } })
  const nowhere = await client.post(`${path.replace('lab:', 'lob:')}/redrive`, { filter: {} })
  expect(nowhere).toMatchObject({
    status: 404,
    body: { code: 'UNKNOWN_STREAM', detail: expect.stringContaining('did you mean') },
  })
})
