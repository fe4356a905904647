import { describe, expect, it } from 'vitest'
import { redactText } from './redact.ts'

describe('redactText', () => {
  it.each([
    ['at redis://ann:hunter2@host:6379/0', 'at redis://ann:****@host:6379/0'],
    ['redis://:hunter2@host and amqp://b:hunter3@h', 'redis://:****@host and amqp://b:****@h'],
    ['redis://host:6379, ask ann@example.com', 'redis://host:6379, ask ann@example.com'],
    ['https://a.b/c:d@e', 'https://a.b/c:d@e'],
  ])('%s', (text, shown) => expect(redactText(text)).toBe(shown))

  it('gets through text that a careless pattern would choke on', () => {
    const text = `${'://'.repeat(200_000)}${'a:'.repeat(200_000)}@`
    expect(redactText(text)).toBe(`${'://'.repeat(200_000)}a:****@`)
  })
})
