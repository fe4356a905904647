import { expect, it } from 'vitest'
import { failureOf } from '../../../test/support/until.ts'
import type { AdminPorts } from './admin-ports.ts'
import { Looks } from './looks.ts'

it('a look that a stop cuts off is no fault of ours, and one that fails otherwise is told as it is', async () => {
  const stopping = new AbortController()
  const fault = new Error('a fault')
  const list = async ({ signal }: { signal: AbortSignal }) => {
    signal.throwIfAborted()
    throw fault
  }
  const operations = { catalogue: { list }, explain: { explain: list } }
  const ports = { operations: () => operations, jobs: () => ({}), stopping: stopping.signal }
  const looks = new Looks(ports as unknown as AdminPorts)
  expect(await failureOf(looks.streams.get(0))).toBe(fault)
  stopping.abort()
  for (const look of [looks.streams, looks.explain])
    expect(await failureOf(look.get(0))).toMatchObject({ code: 'CLOSED' })
})
