import { describe, expect, test } from 'vitest'
import type { InvalidError } from '../../../core/errors.ts'
import { checkEventHubsConnection } from './connection-string.ts'
import { resolveEventHubs, type EventHubsSinkOptions } from './options.ts'

const KEY = 'SharedAccessKeyName=Root;SharedAccessKey=c2VjcmV0'
const REMOTE = `Endpoint=sb://example.servicebus.windows.net/;${KEY}`
const messages = (text: string) => checkEventHubsConnection(text).map(({ message }) => message)

describe('a connection string', () => {
  test.each([
    REMOTE,
    `${REMOTE};EntityPath=telemetry`,
    ` endpoint=sb://example.servicebus.windows.net ; SHAREDACCESSKEYNAME=Root;sharedaccesskey=a== ;`,
    'Endpoint=sb://example.servicebus.windows.net/;SharedAccessSignature=SharedAccessSignature sr=x&sig=y&se=1&skn=z',
    `Endpoint=sb://localhost;${KEY};UseDevelopmentEmulator=true`,
    `Endpoint=sb://localhost:5673/;${KEY};UseDevelopmentEmulator=TRUE`,
    `Endpoint=sb://127.0.0.1:5673;${KEY};usedevelopmentemulator=true`,
    `Endpoint=sb://[::1]:5673;${KEY};UseDevelopmentEmulator=true`,
    `${REMOTE};UseDevelopmentEmulator=false`,
  ])('is right: %s', (text) => expect(messages(text)).toEqual([]))

  test.each([
    'example.com',
    '10.0.0.1',
    'localhost.example.com',
    '127.0.0.1.example.com',
    'xn--localhost-x',
    'host.docker.internal:5672',
  ])('with the emulator on %s is refused, since there would be no TLS', (host) =>
    expect(messages(`Endpoint=sb://${host};${KEY};useDevelopmentEmulator=true`)).toEqual([
      expect.stringContaining('without TLS and for localhost only'),
    ]),
  )

  test.each([
    'sb://localhost@evil.example.com',
    'sb://evil.example.com/?://localhost',
    'sb://evil.example.com/#::1',
    'sb://localhost://evil.example.com',
    'http://localhost',
    'sb://',
    '',
  ])('with an endpoint of more than a host is refused: %j', (endpoint) =>
    expect(messages(`Endpoint=${endpoint};${KEY};UseDevelopmentEmulator=true`)).toEqual([
      expect.stringContaining('must name its Endpoint'),
    ]),
  )

  test('says every mistake, and nothing of what is in it', () => {
    const found = messages(
      'Secret;SharedAccessKey=a;sharedaccesskey=b;UseDevelopmentEmulator=perhaps;Other=c2VjcmV0',
    )
    expect(found).toEqual([
      expect.stringContaining('has a part that Azure does not know'),
      'says SharedAccessKey twice',
      expect.stringContaining('must name its Endpoint'),
      expect.stringContaining('must carry SharedAccessKeyName'),
      'must say true or false for UseDevelopmentEmulator',
    ])
    expect(found.join()).not.toMatch(/c2VjcmV0|perhaps/)
  })
})

describe('options', () => {
  const issuesOf = (options: object) => {
    try {
      resolveEventHubs(options as EventHubsSinkOptions)
      return []
    } catch (error) {
      return (error as InvalidError).issues.map(({ path, message }) => `${path}: ${message}`)
    }
  }

  test('are resolved to what the client takes', () => {
    const connectionString = `endpoint=sb://LOCALHOST:1;${KEY};entitypath=telemetry;usedevelopmentemulator=True`
    expect(resolveEventHubs({ connectionString })).toEqual({
      eventHub: 'telemetry',
      sendTimeoutMs: 10_000,
      concurrency: 2,
      target: {
        connectionString: `Endpoint=sb://LOCALHOST:1;${KEY};EntityPath=telemetry;UseDevelopmentEmulator=true`,
      },
      secrets: ['c2VjcmV0'],
    })
  })

  test.each([
    [{}, [': must have either', 'eventHub: must be the name']],
    [{ connectionString: REMOTE, fullyQualifiedNamespace: 'a.b', eventHub: 'x' }, [': must have either']],
    [{ connectionString: REMOTE }, ['eventHub: must be the name']],
    [
      { connectionString: `${REMOTE};EntityPath=a`, sendTimeoutMs: 2 ** 31 },
      ['sendTimeoutMs: must be a whole number from 1 to'],
    ],
    [{ connectionString: `${REMOTE};EntityPath=a`, eventHub: 'b' }, ['eventHub: is another one']],
    [
      { fullyQualifiedNamespace: 'https://a.b/', eventHub: 'a/b', credential: {}, sendTimeoutMs: 0 },
      [
        'fullyQualifiedNamespace: must be a host',
        'credential: must have',
        'eventHub: must be the name',
        'sendTimeoutMs: must be a whole number',
      ],
    ],
  ])('that are wrong are all named: %j', (options, expected) =>
    expect(issuesOf(options)).toEqual(expected.map((text) => expect.stringContaining(text))),
  )
})
