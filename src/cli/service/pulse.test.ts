import { afterEach, describe, expect, it, vi } from 'vitest'
import { Pulse, type PulseOptions } from './pulse.ts'

const running: Pulse[] = []
afterEach(() => {
  for (const pulse of running.splice(0)) pulse.stop()
})

async function beating(ask: () => Promise<unknown>, options: PulseOptions = {}): Promise<Pulse> {
  const pulse = new Pulse(ask, { intervalMs: 4, ...options })
  running.push(pulse)
  await pulse.start()
  return pulse
}

describe('the pulse', () => {
  it('knows after its start what the server says', async () => {
    const pulse = await beating(async () => {})
    expect(pulse.check).toMatchObject({ status: 'healthy', latency: expect.any(Number) })
  })

  it('is unhealthy before', () => {
    expect(new Pulse(async () => {}).check).toEqual({ status: 'unhealthy', error: 'not connected yet' })
  })

  it('follows what the server says, and tells', async () => {
    let fault: Error | undefined
    const [onAnswer, onFailure] = [vi.fn(), vi.fn()]
    const ask = () => (fault ? Promise.reject(fault) : Promise.resolve())
    const pulse = await beating(ask, { onAnswer, onFailure })
    fault = new Error('gone')
    await vi.waitUntil(() => !pulse.answers)
    expect(pulse.check).toMatchObject({ status: 'unhealthy', error: 'gone' })
    expect(onFailure).toHaveBeenCalled()
    onAnswer.mockClear()
    fault = undefined
    await vi.waitUntil(() => pulse.answers)
    expect(onAnswer).toHaveBeenCalled()
  })

  it('can be waited for, as long as one wants to', async () => {
    let fault: Error | undefined = new Error('gone')
    const pulse = await beating(() => (fault ? Promise.reject(fault) : Promise.resolve()))
    await pulse.untilAnswer(AbortSignal.timeout(30))
    expect(pulse.answers).toBe(false)
    const answer = pulse.untilAnswer(new AbortController().signal)
    fault = undefined
    await answer
    expect(pulse.answers).toBe(true)
  })

  it('does not wait for a server that hangs, nor ask it twice at once', async () => {
    let asked = 0
    let hangs = false
    const ask = () => (hangs ? new Promise<void>(() => asked++) : Promise.resolve())
    const pulse = await beating(ask, { timeoutMs: 30 })
    hangs = true
    await vi.waitUntil(() => !pulse.answers)
    expect(pulse.check).toMatchObject({ error: 'no answer within 30 ms' })
    await new Promise((resolve) => setTimeout(resolve, 80))
    expect(asked).toBe(1)
  })

  it('ends', async () => {
    let asked = 0
    const pulse = await beating(async () => void asked++)
    pulse.stop()
    const then = asked
    await new Promise((resolve) => setTimeout(resolve, 30))
    expect(asked).toBe(then)
  })
})
