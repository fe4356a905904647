import { describe, expect, it } from 'vitest'
import { keysKey, keyChangesKey } from '../../src/redis/settings/key-store.ts'
import { digestOfKey, keyItem, randomKey } from '../../src/security/api-key.ts'
import { adminChecks } from '../support/admin-checks.ts'
import { AdminClient, at } from '../support/admin-client.ts'
import { RunningService } from '../support/running-service.ts'
import { until } from '../support/until.ts'
import { useProxy } from '../support/use-proxy.ts'
import { useRedis } from '../support/use-redis.ts'
import { useEach } from '../support/use.ts'

const { server: redis, admin } = useRedis()
const proxy = useProxy(redis)
const { dryRun, needsConfirmation, confirming } = adminChecks(admin)
const configured = randomKey()
const running = useEach(
  async () => [] as RunningService[],
  (all) => Promise.all([...all].map((one) => one.stop())),
)

let number = 0
const newName = () => `keys-${++number}`

/** Services of one name share their keys. */
async function start(name: string, more: NodeJS.ProcessEnv = {}): Promise<RunningService> {
  const env = { REDIS_URL: redis.url, SERVICE_NAME: name, ROLES: 'connector', ...more }
  const one = await RunningService.start({}, env)
  running.push(one)
  return one
}
const withKey = { API_KEYS: keyItem(configured, 'ops', 'admin') }
const mayList = async (one: RunningService, key?: string) =>
  (await new AdminClient(one, key).get('/keys')).status

describe('a key that is made over the API', () => {
  it('is shown once, works here at once and elsewhere soon, after a restart too, and is nowhere but as a digest', async () => {
    const name = newName()
    const [one, two] = [await start(name, withKey), await start(name, withKey)]
    const client = new AdminClient(one!, configured)
    const body = { name: 'ci', scopes: ['admin'], expires: '2999-01-01', reason: 'pipeline' }
    const made = await client.post('/keys', body)
    expect(made).toMatchObject({
      status: 201,
      body: {
        key: expect.stringMatching(/^mr_[0-9a-f]{8}_/),
        info: {
          name: 'ci',
          scopes: ['admin'],
          expiresAt: '2999-01-01T00:00:00.000Z',
          origin: 'stored',
          createdBy: 'ops',
        },
      },
    })
    const { key } = made.body
    expect(await mayList(one!, key)).toBe(200)
    await until('the other instance', async () => (await mayList(two!, key)) === 200)
    expect(await mayList(await start(name, withKey), key)).toBe(200)

    const list = await client.get('/keys')
    expect(list.body.keys).toMatchObject([
      { name: 'ci', origin: 'stored' },
      { name: 'ops', origin: 'configured' },
    ])
    const history = await client.get('/keys/history')
    expect(history.body.changes).toMatchObject([
      { action: 'create-key', name: 'ci', actor: 'ops', reason: 'pipeline' },
    ])
    const settings = await client.get('/settings')
    const settingsHistory = await client.get('/settings/history')
    const shown = JSON.stringify([list, history, settings, settingsHistory, one!.lines, two!.lines])
    const digest = digestOfKey(key).toString('hex')
    expect(shown).not.toContain(key)
    expect(shown).not.toContain(digest)
    const kept = JSON.stringify(await admin.send(['HGETALL', keysKey(name)]))
    expect(kept).toContain(digest)
    expect(kept + JSON.stringify(await admin.send(['XRANGE', keyChangesKey(name), '-', '+']))).not.toContain(
      key,
    )
  })

  it('does no more than its scopes say, and nothing when it has expired', async () => {
    const one = await start(newName(), withKey)
    const client = new AdminClient(one, configured)
    const reader = (await client.post('/keys', { name: 'reader', scopes: ['read'] })).body.key
    expect(await mayList(one, reader)).toBe(403)
    const former = (await client.post('/keys', { name: 'former', scopes: ['admin'], expires: '2020-01-01' }))
      .body.key
    expect(await mayList(one, former)).toBe(401)
  })

  it('is deleted when its name was said: at once here, soon elsewhere', async () => {
    const name = newName()
    const [one, two] = [await start(name, withKey), await start(name, withKey)]
    const client = new AdminClient(one!, configured)
    const { key } = (await client.post('/keys', { name: 'team/ci', scopes: ['admin'] })).body
    await until('the other instance', async () => (await mayList(two!, key)) === 200)
    const remove = (body: object) => client.delete(at`/keys/${'team/ci'}`, body)
    const tried = await dryRun(() => remove({ dryRun: true }))
    expect(tried.body).toMatchObject({ dryRun: true, deleted: { name: 'team/ci' } })
    await needsConfirmation((confirm) => remove(confirming(confirm)))
    expect(await mayList(one!, key)).toBe(200)
    expect((await remove({ confirm: 'team/ci', reason: 'leaked' })).status).toBe(200)
    expect(await mayList(one!, key)).toBe(401)
    await until('the other instance', async () => (await mayList(two!, key)) === 401)
    expect(await remove({ confirm: 'team/ci' })).toMatchObject({ status: 404, body: { code: 'UNKNOWN_KEY' } })
    const { changes } = (await client.get('/keys/history')).body
    expect(changes[0]).toMatchObject({ action: 'delete-key', name: 'team/ci', reason: 'leaked' })
  })

  it('of a name that there is already, or of no sense, is refused', async () => {
    const client = new AdminClient(await start(newName(), withKey), configured)
    const make = (body: object) => client.post('/keys', body)
    expect((await make({ name: 'ci', scopes: ['read'] })).status).toBe(201)
    for (const name of ['ci', 'ops'])
      expect(await make({ name, scopes: ['read'] })).toMatchObject({
        status: 409,
        body: { code: 'KEY_CONFLICT' },
      })
    for (const wrong of [
      { name: 'a b' },
      { scopes: [] },
      { scopes: ['all'] },
      { expires: 'tomorrow' },
      { expires: '2027-02-30' },
    ])
      expect((await make({ name: 'new', scopes: ['read'], ...wrong })).status).toBe(400)
    expect((await client.get('/keys')).body.keys).toHaveLength(2)
    const ofOps = await client.delete('/keys/ops', { confirm: 'ops' })
    expect(ofOps).toMatchObject({ status: 409, body: { detail: expect.stringContaining('API_KEYS') } })
  })

  it('of one name, made by two operators at once, is made by one', async () => {
    const name = newName()
    const all = [await start(name, withKey), await start(name, withKey)]
    const body = { name: 'ci', scopes: ['read'] }
    const answers = await Promise.all(all.map((one) => new AdminClient(one, configured).post('/keys', body)))
    expect(answers.map(({ status }) => status).toSorted()).toEqual([201, 409])
  })
})

describe('an API that was open', () => {
  it('is closed by its first key, which must be one of admin, for good, and on all instances', async () => {
    const name = newName()
    const [one, two] = [await start(name), await start(name)]
    const anybody = new AdminClient(one!)
    const refused = await anybody.post('/keys', { name: 'ci', scopes: ['publish'] })
    expect(refused).toMatchObject({ status: 409, body: { detail: expect.stringContaining('"admin"') } })
    const over = await anybody.post('/keys', { name: 'root', scopes: ['admin'], expires: '2020-01-01' })
    expect(over).toMatchObject({ status: 400, body: { detail: expect.stringContaining('is over') } })
    expect(await mayList(one!)).toBe(200)
    const { key } = (await anybody.post('/keys', { name: 'root', scopes: ['admin'] })).body
    expect(await mayList(one!)).toBe(401)
    expect(await mayList(one!, key)).toBe(200)
    await until('the other instance', async () => (await mayList(two!)) === 401)

    const last = await new AdminClient(one!, key).delete('/keys/root', { confirm: 'root' })
    expect(last).toMatchObject({
      status: 409,
      body: { code: 'KEY_CONFLICT', detail: expect.stringContaining('last') },
    })
    expect(await mayList(await start(name))).toBe(401)
  })

  it('is closed by keys that can not be used together', async () => {
    const name = newName()
    const item = keyItem(randomKey(), 'a', 'admin')
    const twice = [item, item.replace('a:', 'b:')].map((one) =>
      JSON.stringify({ item: one, createdAt: '', createdBy: '' }),
    )
    await admin.send(['HSET', keysKey(name), 'key:a', twice[0]!, 'key:b', twice[1]!])
    expect(await mayList(await start(name))).toBe(401)
  })

  it('stays closed when all keys are lost, also where what is stored can not be read', async () => {
    const name = newName()
    const one = await start(name)
    await new AdminClient(one).post('/keys', { name: 'root', scopes: ['admin'] })
    await admin.send(['HSET', keysKey(name), 'key:root', '{"item":"root:admin:', 'change', 'x'])
    const two = await start(name)
    expect(await mayList(two)).toBe(401)
    expect(two.lines.some((line) => line.includes('can not be read'))).toBe(true)
    await admin.send(['DEL', keysKey(name)])
    expect(await mayList(one)).toBe(401)
  })
})

it('keys that are known hold while Redis is away, and what changes them answers 503', async () => {
  const one = await start(newName(), { ...withKey, REDIS_URL: proxy.url('redis') })
  const client = new AdminClient(one, configured)
  const { key } = (await client.post('/keys', { name: 'ci', scopes: ['read'] })).body
  proxy.swallow('both')
  try {
    const events = await fetch(`${one.service.url}/api/admin/keys`, { headers: { 'x-api-key': key } })
    expect(events.status).toBe(403)
    expect((await client.post('/keys', { name: 'x', scopes: ['read'] })).status).toBe(503)
  } finally {
    proxy.pass()
  }
})
