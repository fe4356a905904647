import { hostname } from 'node:os'
import { expect, test } from 'vitest'
import { uniqueName } from './unique-name.ts'

test('a name says where its owner runs, and is nobody else’s', () => {
  expect(uniqueName().startsWith(`${hostname()}-${process.pid}-`)).toBe(true)
  expect(uniqueName('mailer').startsWith(`mailer-${process.pid}-`)).toBe(true)
  expect(new Set(Array.from({ length: 1_000 }, () => uniqueName())).size).toBe(1_000)
})
