import { expect, test } from 'vitest'
import { failureOf } from '../../test/support/until.ts'
import { useLog, useRedis } from '../../test/support/use-redis.ts'
import { cursorsKey } from './keys.ts'

const { server, admin } = useRedis()
const log = useLog(server)

test('a cursor is remembered by service and pipeline, whatever they are called', async () => {
  const cursor = '{"file":"ä\u2028.jsonl","offset":9007199254740993}'
  const names = ['intake', '__proto__', 'a:b{c}']
  for (const name of names) {
    expect(await log.cursors('shop').load(name)).toBeUndefined()
    await log.cursors('shop').save(name, cursor + name)
  }
  for (const name of names) {
    expect(await log.cursors('shop').load(name)).toBe(cursor + name)
    expect(await log.cursors('shop:two').load(name)).toBeUndefined()
  }
  await log.cursors('shop').save('intake', '')
  expect(await log.cursors('shop').load('intake')).toBe('')
})

test('a key that holds something else is an error, and stays as it is', async () => {
  await admin.send(['SET', cursorsKey('other'), 'x'])
  const cursors = log.cursors('other')
  for (const call of [() => cursors.load('a'), () => cursors.save('a', '1')])
    expect(await failureOf(call())).toMatchObject({ message: expect.stringContaining('WRONGTYPE') })
  expect(await admin.send(['GET', cursorsKey('other')])).toBe('x')
})
