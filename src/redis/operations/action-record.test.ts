import { describe, expect, test } from 'vitest'
import { redisLab } from '../../../test/support/redis-lab.ts'
import { failureOf } from '../../../test/support/until.ts'
import type { ActionDetail } from '../../core/action-record.ts'
import { actionsKey, RedisActionRecords } from './action-record.ts'
import { RedisGroupControl } from './group-control.ts'
import { RedisHolds } from '../retention/holds.ts'

const ada = { actor: 'ada@example.com', reason: 'a drill' }
const lab = redisLab()
const actions = new RedisActionRecords(lab.admin)
const records = async () => (await actions.actions(lab.stream)).records

describe('a record of what is more than one step', () => {
  test('is read as it was written', async () => {
    const what = {
      group: 'g',
      count: 12,
      ids: ['1-1', '1-2'],
      run: 'r1',
      detail: { file: 'a', __proto__x: 'ü' },
    }
    const id = await actions.record(lab.stream, 'backup', ada, what)
    await actions.record(lab.stream, 'trim', { actor: 'bob' })
    expect(await records()).toEqual([
      {
        id: expect.any(String), time: expect.any(String), action: 'trim', actor: 'bob', reason: '',
        stream: lab.stream, count: 0, ids: [], run: expect.stringMatching(/^[0-9a-f]{16}$/), detail: {},
      },
      { id, time: expect.any(String), action: 'backup', ...ada, stream: lab.stream, ...what },
    ]) // prettier-ignore
  })

  test.each<[string, ActionDetail]>([
    ['a count that is none', { count: -1 }],
    ['a field that every record has', { detail: { actor: 'eve' } }],
    ['what is no text', { detail: { n: 1 as never } }],
  ])('is refused with %s', async (_, what) => {
    expect(await failureOf(actions.record(lab.stream, 'trim', ada, what))).toMatchObject({
      code: 'CONFIGURATION_INVALID',
    })
    expect(await records()).toEqual([])
  })

  test('needs somebody who did it', async () => {
    for (const operator of [{ actor: '' }, { actor: 'a\nb' }])
      expect(await failureOf(actions.record(lab.stream, 'trim', operator))).toMatchObject({
        code: 'NAME_INVALID',
      })
  })
})

describe('the records of all streams', () => {
  const recent = async (limit: number) => {
    const found: string[] = []
    for (let after: string | undefined; ;) {
      const { records, next } = await actions.recent({ limit, ...(after && { after }) })
      found.push(...records.map(({ stream, id }) => `${id} ${stream.slice(lab.stream.length)}`))
      if (next === undefined) return found
      after = next
    }
  }

  test('come newest first, each once, whatever a page has', async () => {
    await lab.send('FLUSHALL')
    const write = (stream: string, id: string) =>
      lab.send(
        'XADD',
        actionsKey(lab.stream + stream),
        id,
        'action',
        'trim',
        'actor',
        'a',
        'stream',
        lab.stream + stream,
      )
    const written = ['9-1 x', '10-1 x', '10-1 {y}', '10-1 a}b', '11-0 a}b', '12-0 x', '12-1 x', '100-0 {y}']
    for (const one of written) await write(one.split(' ')[1]!, one.split(' ')[0]!)
    await lab.send('XADD', 'actions', '50-0', 'stream', 'no companion')
    await lab.send('XADD', '{z}:actions', '50-0', 'other', 'things')
    const all = await recent(100)
    expect(all.map((one) => one.split(' ')[0])).toEqual([
      '100-0',
      '12-1',
      '12-0',
      '11-0',
      '10-1',
      '10-1',
      '10-1',
      '9-1',
    ])
    expect([...all].sort()).toEqual([...written].sort())
    for (const limit of [1, 2, 3, 7, 8]) expect(await recent(limit)).toEqual(all)
  })

  test('are in pages that can be asked for', async () => {
    for (const page of [{ limit: 0 }, { limit: 501 }, { after: 'x' }, { after: '1-1' }, { after: 'x y' }])
      expect(await failureOf(actions.recent(page))).toMatchObject({ code: 'CONFIGURATION_INVALID' })
  })
})

describe('pauses and holds', () => {
  test('are written down with who did it, and only where they changed something', async () => {
    const control = new RedisGroupControl(lab.admin)
    const holds = new RedisHolds(lab.admin)
    await lab.join()
    const group = [lab.stream, 'group'] as const
    expect(await control.pause(...group, ada)).toBe(true)
    expect(await control.pause(...group, ada)).toBe(false)
    expect(await control.resume(...group, ada)).toBe(true)
    expect(await control.resume(...group, ada)).toBe(false)
    await holds.set(lab.stream, 'mine', '5-0', {}, ada)
    await holds.set(lab.stream, 'other', '7-0')
    expect(await holds.release(lab.stream, 'mine', ada)).toBe(true)
    expect(await holds.release(lab.stream, 'mine', ada)).toBe(false)
    expect(await holds.release(lab.stream, 'other')).toBe(true)
    expect(await records()).toMatchObject([
      { action: 'release-hold', ...ada, count: 1, detail: { hold: 'mine' } },
      { action: 'hold', ...ada, count: 1, detail: { hold: 'mine', position: '5-0' } },
      { action: 'resume', ...ada, group: 'group', count: 1 },
      { action: 'pause', ...ada, group: 'group', count: 1 },
    ])
    expect(await failureOf(control.pause(lab.stream, 'grop', ada))).toMatchObject({ code: 'UNKNOWN_GROUP' })
    expect(await records()).toHaveLength(4)
  })

  test('are not done where they can not be written down', async () => {
    const control = new RedisGroupControl(lab.admin)
    await lab.join()
    await lab.send('SET', actionsKey(lab.stream), 'text')
    expect(await failureOf(control.pause(lab.stream, 'group', ada))).toMatchObject({ code: 'REDIS_REFUSED' })
    expect(await control.pausedSince(lab.stream, 'group')).toBeUndefined()
    const holds = new RedisHolds(lab.admin)
    expect(await failureOf(holds.set(lab.stream, 'mine', '5-0', {}, ada))).toMatchObject({
      code: 'REDIS_REFUSED',
    })
    expect(await holds.list(lab.stream)).toEqual([])
    expect(await control.pause(lab.stream, 'group')).toBe(true)
  })
})
