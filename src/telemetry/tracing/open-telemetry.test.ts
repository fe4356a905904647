import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { TestDelivery } from '../../middleware/test-delivery.ts'
import { openTelemetry } from './open-telemetry.ts'

/** No SDK is registered in this file. */
describe('without an SDK', () => {
  const tracing = openTelemetry()

  it('everything goes on as it is', async () => {
    const entries = [{ fields: ['type', 't', 'data', '1'] }]
    const event = { type: 't', data: 1 }
    const sent = await tracing.send('s', entries, async (given) => {
      expect(given).toEqual(entries)
      return ['1-1']
    })
    expect(sent).toEqual(['1-1'])
    expect(tracing.carry(event)).toBe(event)
    expect(await tracing.query('INSERT', 't', async () => 7)).toBe(7)
    const delivery = new TestDelivery({ headers: { traceparent: 'garbage' } })
    await expect(tracing.process([delivery], () => Promise.reject(new Error('no')))).rejects.toThrow('no')
  })

  it('an answer is an answer, whatever the request says', async () => {
    const request = { method: 'BREW', url: 'http://[::1]:80/a?token=x', header: () => 'garbage' }
    let asked = 0
    await tracing.request(request, async () => ({ status: 200 + asked++ }))
    expect(asked).toBe(1)
  })
})

it('the package depends on the API of OpenTelemetry alone', () => {
  const file = join(import.meta.dirname, '../../../package.json')
  const {
    dependencies = {},
    optionalDependencies = {},
    peerDependencies = {},
  } = JSON.parse(readFileSync(file, 'utf8')) as Record<string, Record<string, string>>
  const names = Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies })
  expect(names.filter((name) => name.includes('opentelemetry'))).toEqual(['@opentelemetry/api'])
})
