import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { expect, it, onTestFinished } from 'vitest'
import { answerWithin } from './answer-within.ts'

/** A connection to a server that answers `pong` at once. */
async function ask(): Promise<Socket> {
  const server = createServer((socket) => socket.end('pong')).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return connect((server.address() as AddressInfo).port, '127.0.0.1')
}

const never = new Promise<never>(() => {})

it('is the answer, or what went wrong', async () => {
  expect(await answerWithin(Promise.resolve('pong'), 1_000)).toBe('pong')
  await expect(answerWithin(Promise.reject(new Error('refused')), 1_000)).rejects.toThrow('refused')
})

it('is an error where none comes', async () => {
  await expect(answerWithin(never, 5)).rejects.toThrow('no answer within 5 ms')
})

it('reads what came while this process had no time', async () => {
  const socket = await ask()
  await once(socket, 'connect')
  const answer = once(socket, 'data').then(([data]) => String(data))
  const result = answerWithin(answer, 20)
  // Nothing is read and no timer runs meanwhile; after it both are due, and the timer comes first.
  const until = performance.now() + 200
  while (performance.now() < until);
  expect(await result).toBe('pong')
})

it('leaves no timer behind', async () => {
  const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
  const before = timers()
  await answerWithin(Promise.resolve(), 60_000)
  expect(timers()).toBe(before)
})
