import { describe, expect, it } from 'vitest'
import { MillraceError, type ErrorCode } from '../../core/errors.ts'
import { noLog } from '../../core/service.ts'
import { failureOf, until } from '../../../test/support/until.ts'
import { RedisCircuit } from './circuit.ts'

const failing = (code: ErrorCode) => async () => [new MillraceError(code, 'no')]
const throwing = (code: ErrorCode) => () => Promise.reject(new MillraceError(code, 'no'))
const fine = async () => ['1-0']

const circuitOf = (openMs = 1e9, failures = 3) => new RedisCircuit({ failures, openMs }, noLog)
const isState = (circuit: RedisCircuit, state: string) => until(state, () => circuit.state === state)

async function fail(circuit: RedisCircuit, times: number, code: ErrorCode = 'REDIS_UNAVAILABLE') {
  for (let time = 0; time < times; time++) await circuit.run(failing(code))
}

async function opened(openMs?: number): Promise<RedisCircuit> {
  const circuit = circuitOf(openMs)
  await fail(circuit, 3)
  await isState(circuit, openMs === 0 ? 'half-open' : 'open')
  return circuit
}

describe('the circuit around Redis', () => {
  it.each<ErrorCode>(['REDIS_UNAVAILABLE', 'REDIS_UNCERTAIN', 'PUBLISH_UNCERTAIN'])(
    'opens after so many failures in a row: %s',
    async (code) => {
      const circuit = circuitOf()
      await fail(circuit, 2, code)
      expect(circuit.state).toBe('closed')
      await failureOf(circuit.run(throwing(code)))
      await isState(circuit, 'open')
      let tried = false
      const refused = await failureOf(circuit.run(async () => ((tried = true), [])))
      expect([refused.code, tried]).toEqual(['CIRCUIT_OPEN', false])
    },
  )

  it('begins to count anew after a success', async () => {
    const circuit = circuitOf()
    await fail(circuit, 2)
    expect(await circuit.run(fine)).toEqual(['1-0'])
    await fail(circuit, 2)
    expect(circuit.state).toBe('closed')
  })

  it.each<ErrorCode>(['REDIS_REFUSED', 'EVENT_INVALID', 'PUBLISH_QUEUE_FULL'])(
    'takes %s for no failure',
    async (code) => {
      const circuit = circuitOf()
      await fail(circuit, 9, code)
      for (let time = 0; time < 9; time++)
        expect((await failureOf(circuit.run(throwing(code)))).code).toBe(code)
      expect(circuit.state).toBe('closed')
    },
  )

  it('opens by the pulse alone, and closes by it at once', async () => {
    const circuit = circuitOf()
    for (let time = 0; time < 3; time++) circuit.failed()
    await isState(circuit, 'open')
    circuit.answered()
    await isState(circuit, 'closed')
    expect(await circuit.run(fine)).toEqual(['1-0'])
  })

  it('is not kept closed by a pulse that answers while publishing fails', async () => {
    const circuit = circuitOf()
    for (let time = 0; time < 3; time++) {
      circuit.answered()
      await fail(circuit, 1)
    }
    await isState(circuit, 'open')
    expect((await failureOf(circuit.run(fine))).code).toBe('CIRCUIT_OPEN')
  })

  it('believes the pulse once, and then waits for its time and for a publish', async () => {
    const circuit = await opened()
    circuit.answered()
    await isState(circuit, 'closed')
    await fail(circuit, 3)
    await isState(circuit, 'open')
    circuit.answered()
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(circuit.state).toBe('open')
    // Gone and back again is something else.
    circuit.failed()
    circuit.answered()
    await isState(circuit, 'closed')
  })

  it('lets one try when its time has come, and closes by its success', async () => {
    const circuit = await opened(0)
    let succeed = () => {}
    const trial = circuit.run(() => new Promise((resolve) => (succeed = () => resolve(['1-0']))))
    expect((await failureOf(circuit.run(fine))).code).toBe('CIRCUIT_OPEN')
    succeed()
    expect(await trial).toEqual(['1-0'])
    expect(circuit.state).toBe('closed')
  })

  it('opens again by its failure, which whoever tried is told', async () => {
    const circuit = await opened(0)
    const [result] = await circuit.run(failing('PUBLISH_UNCERTAIN'))
    expect((result as MillraceError).code).toBe('PUBLISH_UNCERTAIN')
    expect(circuit.state).not.toBe('closed')
  })

  it('is not opened by what began before it closed', async () => {
    const circuit = circuitOf()
    const endings: (() => void)[] = []
    const slow = Array.from({ length: 9 }, () =>
      circuit.run(
        () =>
          new Promise((resolve) =>
            endings.push(() => resolve([new MillraceError('PUBLISH_UNCERTAIN', 'no')])),
          ),
      ),
    )
    await fail(circuit, 3)
    await isState(circuit, 'open')
    circuit.answered()
    await isState(circuit, 'closed')
    for (const end of endings) end()
    await Promise.all(slow)
    await new Promise((resolve) => setTimeout(resolve, 10))
    expect(circuit.state).toBe('closed')
  })
})
