import { expect, test } from 'vitest'
import { defineApp } from '../../app/app.ts'
import { pipeline } from '../../connectors/pipeline.ts'
import type { Sink } from '../../core/sink.ts'
import { retained } from './retained.ts'

const to: Sink = { connect: async () => {}, write: async () => {}, close: async () => {} }
const handler = {
  stream: 'orders',
  options: { group: 'mailer', start: '$' },
  bind: () => ({ handler: () => {} }),
}
const archive = pipeline('archive', { from: ['orders', 'returns'], to, group: 'keepers' })

test('the groups of pipelines need what they have not had, like those of the app', () => {
  const retention = ['orders', 'returns', 'others'].map((stream) => ({ stream, policy: { maxLength: 10 } }))
  const found = retained(defineApp({ retention, handlers: [handler], pipelines: [archive] }))
  expect(found.map(({ stream, groups }) => [stream, groups])).toEqual([
    [
      'orders',
      [
        { name: 'mailer', start: '$' },
        { name: 'keepers', start: '0' },
      ],
    ],
    ['returns', [{ name: 'millrace-audit' }, { name: 'keepers', start: '0' }]],
    ['others', [{ name: 'millrace-audit' }]],
  ])
})
