import { expect, test } from 'vitest'

import { useRedisServer } from '../../test/support/use-redis.ts'
import { askRedis, infoOf, ReplyError } from './ask-redis.ts'

const server = useRedisServer()
const ask = (...command: string[]) => askRedis(server.port, command)

test('every kind of reply is understood', async () => {
  expect(await ask('SET', 'key', 'a\r\n\xff')).toBe('OK')
  expect(await ask('GET', 'key')).toBe('a\r\n\xff')
  expect(await ask('GET', 'none')).toBe(null)
  expect(await ask('EVAL', 'return {1, {"a", {}}, false}', '0')).toEqual([1, ['a', []], null])
  expect(await ask('SET', 'long', 'x'.repeat(300_000))).toBe('OK')
  expect(await ask('GET', 'long')).toHaveLength(300_000)
  expect((await infoOf(server.port, 'server')).get('process_id')).toBe(String(server.pid))
})

test('an error is told from no answer', async () => {
  await ask('LPUSH', 'list', 'x')
  await expect(ask('INCR', 'list')).rejects.toThrow(ReplyError)
  await server.kill('SIGSTOP')
  await expect(askRedis(server.port, ['PING'], 100)).rejects.toThrow('no reply within 100 ms')
  await server.kill('SIGCONT')
  await server.kill('SIGKILL')
  await expect(ask('PING')).rejects.toThrow('ECONNREFUSED')
})
