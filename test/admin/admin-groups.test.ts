import { describe, expect, it } from 'vitest'
import { keyItem, randomKey } from '../../src/security/api-key.ts'
import { adminChecks } from '../support/admin-checks.ts'
import { AdminClient, at } from '../support/admin-client.ts'
import { RunningService } from '../support/running-service.ts'
import { until } from '../support/until.ts'
import { useLog, useRedis } from '../support/use-redis.ts'
import { useEach, useOnce } from '../support/use.ts'
import { Lab } from '../support/worker-lab.ts'

const { server: redis, admin } = useRedis()
const key = randomKey()
const env = () => ({ REDIS_URL: redis.url, ROLES: 'connector', API_KEYS: keyItem(key, 'ada', 'admin') })
const [one, two] = [0, 1].map(() =>
  useOnce(
    () => RunningService.start({}, env()),
    (it) => it.stop(),
  ),
)
const log = useLog(redis)
const lab = useEach(
  async () => new Lab(log),
  (it) => it.close(),
)
const { dryRun, needsConfirmation, confirming } = adminChecks(admin)
const client = new AdminClient(one!, key)
const other = new AdminClient(two!, key)

let number = 0
/** A stream of three entries, of which a consumer of other software holds two, and did so for an hour. */
async function held() {
  const name = `held:${++number}`
  const positions: string[] = []
  for (let entry = 0; entry < 3; entry++)
    positions.push(await admin.send<string>(['XADD', name, '*', 'type', 'a', 'data', '{}']))
  await admin.send(['XGROUP', 'CREATE', name, 'mailer', '0'])
  await admin.send(['XREADGROUP', 'GROUP', 'mailer', 'old', 'COUNT', '2', 'STREAMS', name, '>'])
  await admin.send(['XGROUP', 'CREATECONSUMER', name, 'mailer', 'heir'])
  await admin.send([
    'XCLAIM',
    name,
    'mailer',
    'old',
    '0',
    ...positions.slice(0, 2),
    'IDLE',
    '3600000',
    'JUSTID',
  ])
  return { name, positions, group: `/streams/${name}/groups/mailer` }
}

/** What was done to a stream, newest first. */
const actionsOf = async (name: string) => (await client.get(at`/streams/${name}/actions`)).body.actions

describe('a group', () => {
  it('is created where it is to begin, and once', async () => {
    const { name, positions } = await held()
    const create = (body: object) => client.post(at`/streams/${name}/groups`, body)
    expect(await create({ group: 'late', start: '$', reason: 'new team' })).toMatchObject({
      status: 201,
      body: { created: true },
    })
    expect((await create({ group: 'middle', start: positions[1]! })).body.created).toBe(true)
    expect((await create({ group: 'late' })).body.created).toBe(false)
    const { groups } = (await client.get(at`/streams/${name}/groups`)).body
    const behind = Object.fromEntries(
      groups.map((row: { group: string; behind: number }) => [row.group, row.behind]),
    )
    expect(behind).toEqual({ late: 0, mailer: 1, middle: 1 })
    expect(await actionsOf(name)).toMatchObject([
      { action: 'create-group', group: 'middle', actor: 'ada' },
      { action: 'create-group', group: 'late', actor: 'ada', reason: 'new team' },
    ])
    expect(await client.post('/streams/nowhere/groups', { group: 'a' })).toMatchObject({ status: 404 })
  })

  it('is paused and resumed, by whom is written down', async () => {
    const { name, group } = await held()
    expect((await client.post(`${group}/pause`, { reason: 'deploy' })).body).toEqual({
      success: true,
      paused: true,
    })
    expect((await client.post(`${group}/pause`)).body.paused).toBe(false)
    expect((await client.get(group)).body.group.pausedSince).toBeTypeOf('number')
    expect((await client.post(`${group}/resume`)).body.resumed).toBe(true)
    expect((await client.get(group)).body.group).not.toHaveProperty('pausedSince')
    const actions = (await actionsOf(name)).map((one: { action: string }) => one.action)
    expect(actions.slice(-1)).toEqual(['pause'])
    expect(actions[0]).toBe('resume')
    expect((await client.post(`/streams/${name}/groups/mailr/pause`)).body.detail).toContain(
      'did you mean "mailer"?',
    )
  })

  it('is deleted when its name was said, with what a dry run told', async () => {
    const { name, group } = await held()
    const remove = (body: object) => client.delete(group, { force: true, ...body })
    const tried = await dryRun(() => remove({ dryRun: true }))
    expect(tried.body).toMatchObject({ dryRun: true, pending: 2, behind: 1, live: ['heir', 'old'] })
    await needsConfirmation((confirm) => remove(confirming(confirm)))
    expect((await remove({ confirm: 'mailer', reason: 'moved' })).body).toMatchObject({
      dryRun: false,
      pending: 2,
    })
    expect(await remove({ confirm: 'mailer' })).toMatchObject({
      status: 404,
      body: { code: 'UNKNOWN_GROUP' },
    })
    expect(await actionsOf(name)).toMatchObject([
      { action: 'delete-group', group: 'mailer', reason: 'moved' },
    ])
  })

  it('is neither deleted nor reset while consumers live, unless with force', async () => {
    const { group } = await held()
    const answers = [
      await client.delete(group, { confirm: 'mailer' }),
      await client.post(`${group}/reset`, { confirm: 'mailer', to: 'end' }),
    ]
    for (const answer of answers)
      expect(answer).toMatchObject({
        status: 409,
        body: { code: 'GROUP_BUSY', detail: expect.stringContaining('old') },
      })
    const tried = await dryRun(() => client.delete(group, { dryRun: true }))
    expect(tried.body).toMatchObject({ dryRun: true, pending: 2, live: expect.arrayContaining(['heir']) })
  })

  it('is deleted by one of two operators', async () => {
    const { name, group } = await held()
    const answers = await Promise.all(
      [client, other].map((each) => each.delete(group, { confirm: 'mailer', force: true })),
    )
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 404])
    expect(await actionsOf(name)).toHaveLength(1)
  })

  it('is reset when its name was said, with what a dry run told', async () => {
    const { name, positions, group } = await held()
    const reset = (body: object) => client.post(`${group}/reset`, { to: 'end', force: true, ...body })
    const tried = await dryRun(() => reset({ dryRun: true, pending: 'drop' }))
    expect(tried.body).toMatchObject({ dryRun: true, direction: 'forward', entries: 1, dropped: 2 })
    const nowhere = await reset({ dryRun: true, to: 'yesterday' })
    expect(nowhere).toMatchObject({
      status: 400,
      body: { detail: expect.stringContaining('must be start, end') },
    })
    await needsConfirmation((confirm) => reset(confirming(confirm)))
    const done = await reset({ confirm: 'mailer', pending: 'drop' })
    expect(done.body).toMatchObject({
      dryRun: false,
      from: positions[1],
      to: positions[2],
      dropped: 2,
      kept: 0,
    })
    expect((await client.get(group)).body.group).toMatchObject({ behind: 0, pending: 0 })
    const back = await reset({ confirm: 'mailer', to: '2020-01-01T00:00:00Z' })
    expect(back.body.to).toMatch(/^(0-0|1577836799999-)/)
    expect(await actionsOf(name)).toMatchObject([{ action: 'reset' }, { action: 'reset', actor: 'ada' }])
  })
})

describe('what is pending', () => {
  it('comes in pages, of one consumer, and of those that are idle', async () => {
    const { positions, group } = await held()
    const first = (await client.get(`${group}/pending?limit=1`)).body
    expect(first.pending).toMatchObject([{ position: positions[0], consumer: 'old', deliveries: 1 }])
    const rest = (await client.get(`${group}/pending?limit=1&after=${encodeURIComponent(first.next)}`)).body
    expect(rest.pending).toMatchObject([{ position: positions[1] }])
    expect((await client.get(`${group}/pending?consumer=heir`)).body.pending).toEqual([])
    expect((await client.get(`${group}/pending?minIdleMs=3000000`)).body.pending).toHaveLength(2)
    expect((await client.get(`${group}/pending?minIdleMs=9000000`)).body.pending).toEqual([])
  })

  it('is claimed for another consumer', async () => {
    const { name, positions, group } = await held()
    const claim = (body: object) =>
      client.post(`${group}/pending/claim`, { to: 'heir', minIdleMs: 0, ...body })
    const tried = await dryRun(() => claim({ consumer: 'old', dryRun: true }))
    expect(tried.body).toMatchObject({ dryRun: true, done: 2, missing: 0 })
    const some = await claim({ positions: [positions[0], '5-5'], reason: 'old is gone' })
    expect(some.body).toMatchObject({ dryRun: false, done: 1, missing: 1 })
    expect((await client.get(`${group}/pending?consumer=heir`)).body.pending).toMatchObject([
      { position: positions[0] },
    ])
    expect(await actionsOf(name)).toMatchObject([
      { action: 'claim', group: 'mailer', actor: 'ada', reason: 'old is gone' },
    ])
    expect(await claim({ consumer: 'old', to: 'hair' })).toMatchObject({
      status: 404,
      body: { code: 'UNKNOWN_CONSUMER' },
    })
  })

  it('is not released to a group that nobody of Millrace reads for', async () => {
    const { group } = await held()
    const released = await client.post(`${group}/pending/release`, {
      consumer: 'old',
      minIdleMs: 0,
    })
    expect(released).toMatchObject({ status: 409, body: { code: 'GROUP_FOREIGN' } })
  })

  it('is released to a group of Millrace, which runs it at once', async () => {
    await lab.publish(1)
    let attempts = 0
    const failOnce = async () => {
      if (++attempts === 1) throw new Error('not yet')
    }
    await lab.start(failOnce, { retry: { delayMs: 3_600_000, maxDelayMs: 3_600_000 } })
    const group = `/streams/${lab.stream}/groups/group`
    const waiting = await until('its retry', async () => {
      const { pending } = (await client.get(`${group}/pending?consumer=~retry`)).body
      return pending?.length === 1 && pending
    })
    expect(waiting).toMatchObject([{ consumer: '~retry', deliveries: 1, dueAt: expect.any(Number) }])
    const release = (body: object) => client.post(`${group}/pending/release`, { consumer: '~retry', ...body })
    expect((await release({ dryRun: true })).body).toMatchObject({ dryRun: true, done: 1 })
    expect(attempts).toBe(1)
    expect((await release({ reason: 'mended' })).body).toMatchObject({ dryRun: false, done: 1 })
    await until('the second attempt', () => attempts === 2)
    expect((await actionsOf(lab.stream))[0]).toMatchObject({ action: 'release', reason: 'mended' })
  })

  it('is acknowledged when the name of the group was said; of two operators each does its part', async () => {
    const { name, positions, group } = await held()
    const acknowledge = (each: AdminClient, body: object) =>
      each.post(`${group}/pending/acknowledge`, { minIdleMs: 0, ...body })
    const tried = await dryRun(() => acknowledge(client, { consumer: 'old', dryRun: true }))
    expect(tried.body).toMatchObject({ done: 2 })
    await needsConfirmation((confirm) => acknowledge(client, { consumer: 'old', ...confirming(confirm) }))
    const body = { positions: positions.slice(0, 2), confirm: 'mailer' }
    const answers = await Promise.all([client, other].map((each) => acknowledge(each, body)))
    const sum = (of: 'done' | 'missing') => answers.reduce((all, answer) => all + answer.body[of], 0)
    expect([sum('done'), sum('missing')]).toEqual([2, 2])
    expect((await client.get(group)).body.group.pending).toBe(0)
    expect((await actionsOf(name))[0]).toMatchObject({ action: 'acknowledge', group: 'mailer' })
  })
})

describe('a consumer', () => {
  it('is removed when it is dead and holds nothing', async () => {
    const { name, group } = await held()
    const { consumers } = (await client.get(`${group}/consumers?minIdleMs=0`)).body
    expect(consumers.map((each: { name: string; pending: number }) => [each.name, each.pending])).toEqual([
      ['heir', 0],
      ['old', 2],
    ])
    const remove = (consumer: string, body: object) =>
      client.delete(`${group}/consumers/${consumer}`, { minIdleMs: 0, ...body })
    expect(await remove('old', { confirm: 'old' })).toMatchObject({
      status: 409,
      body: { code: 'CONSUMER_BUSY' },
    })
    const tried = await dryRun(() => remove('heir', { dryRun: true }))
    expect(tried.body).toEqual({ success: true, dryRun: true, removed: true })
    await needsConfirmation((confirm) => remove('heir', confirming(confirm)))
    expect((await remove('heir', { confirm: 'heir' })).body.removed).toBe(true)
    expect((await actionsOf(name))[0]).toMatchObject({ action: 'remove-consumer', actor: 'ada' })
    expect((await remove('hair', { confirm: 'hair' })).body.removed ?? 'unknown').toBeOneOf([
      false,
      'unknown',
    ])
  })
})
