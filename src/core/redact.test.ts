import { describe, expect, it } from 'vitest'
import { redactText } from './redact.ts'

describe('redactText', () => {
  it.each([
    ['at redis://ann:hunter2@host:6379/0', 'at redis://ann:****@host:6379/0'],
    ['redis://:hunter2@host and amqp://b:hunter3@h', 'redis://:****@host and amqp://b:****@h'],
    ['redis://host:6379, ask ann@example.com', 'redis://host:6379, ask ann@example.com'],
    ['https://a.b/c:d@e', 'https://a.b/c:d@e'],
    ['redis://ann:p@ss@host', 'redis://ann:****@host'],
    ['GET /x?page=2&access_token=hunter2&b=1', 'GET /x?page=2&access_token=****&b=1'],
    ['host=db password=hunter2 user=ann', 'host=db password=**** user=ann'],
    [
      'Endpoint=sb://h/;SharedAccessKey=hunter2=;EntityPath=e',
      'Endpoint=sb://h/;SharedAccessKey=****;EntityPath=e',
    ],
    ['https://h/x?sv=1&sig=hunter2%3D&se=2', 'https://h/x?sv=1&sig=****&se=2'],
    ['authorization: Bearer hunter2hunter2hunter2', 'authorization: Bearer ****'],
    [`the key mr_0123abcd_${'Aa0-_'.repeat(9).slice(0, 43)} leaked`, 'the key mr_0123abcd_**** leaked'],
    ['the token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln expired', 'the token **** expired'],
  ])('%s', (text, shown) => expect(redactText(text)).toBe(shown))

  it('gets through text that a careless pattern would choke on', () => {
    const text = `${'://'.repeat(200_000)}${'a:'.repeat(200_000)}@`
    expect(redactText(text)).toBe(`${'://'.repeat(200_000)}a:****@`)
  })
})
