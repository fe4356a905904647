import { request, SETTINGS, verdict, type BadRequest, type Verdict } from './bad-request.ts'

const { badBody, badSetting, badType, invalid } = verdict

const patch = (settings: unknown, more: object = {}) => JSON.stringify({ settings, ...more })
const names = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, number) => [`n${number}`, 'paused']))

const PATCHES: readonly [string, string, Verdict, ...string[]][] = [
  ['no JSON', '{"settings":', badBody],
  ['nothing', '{}', invalid, 'settings'],
  ['a list', '[]', invalid, ''],
  ['settings null', patch(null), invalid, 'settings'],
  ['settings a list', patch([]), invalid, 'settings'],
  ['settings a text', patch('log.level'), invalid, 'settings'],
  ['no setting', patch({}), badSetting, ''],
  ['an unknown field', patch({ 'log.level': 'info' }, { force: true }), invalid, ''],
  [
    'an unknown field of a long name',
    patch({ 'log.level': 'info' }, { ['x'.repeat(20_000)]: 1 }),
    invalid,
    '',
  ],
  ['an unknown setting', patch({ 'redis.url': 'redis://evil.test' }), badSetting, 'redis.url'],
  ['__proto__ as a setting', '{"settings":{"__proto__":{"log.level":"info"}}}', badSetting, ''],
  ['constructor as a setting', patch({ constructor: 1 }), badSetting, 'constructor'],
  ['a setting of a long name', patch({ ['x'.repeat(20_000)]: 1 }), badSetting, 'x'.repeat(100)],
  ['an unknown level', patch({ 'log.level': 'loud' }), badSetting, 'log.level'],
  ['a level that is a list', patch({ 'log.level': ['info'] }), badSetting, 'log.level'],
  ['a limit below zero', patch({ 'rateLimit.max': -1 }), badSetting, 'rateLimit.max'],
  ['a limit beyond numbers', '{"settings":{"rateLimit.max":1e999}}', badBody],
  ['a limit that is a text', patch({ 'rateLimit.max': '5' }), badSetting, 'rateLimit.max'],
  ['a concurrency of a half', patch({ concurrency: 0.5 }), badSetting, 'concurrency'],
  ['streams a list', patch({ streams: [] }), badSetting, 'streams'],
  ['a stream without a name', patch({ streams: { '': 'paused' } }), badSetting, 'streams.'],
  ['a stream with a NUL', patch({ streams: { 'a\0': 'paused' } }), badSetting, 'streams.a\0'],
  ['an unknown state', patch({ streams: { a: 'gone' } }), badSetting, 'streams.a'],
  ['1,001 streams', patch({ streams: names(1_001) }), badSetting, 'streams'],
  ['an unknown job', patch({ jobs: { nobody: { enabled: false } } }), badSetting, 'jobs.nobody'],
  ['two faults', patch({ concurrency: 0, batchSize: 'x' }), badSetting, 'concurrency', 'batchSize'],
  ['a version below zero', patch({ concurrency: 5 }, { version: -1 }), invalid, 'version'],
  ['a version that is a text', patch({ concurrency: 5 }, { version: '1' }), invalid, 'version'],
  [
    'a version beyond numbers',
    '{"settings":{"concurrency":5},"version":1e300}',
    invalid,
    'version',
    'version',
  ],
  ['a reason that is no text', patch({ concurrency: 5 }, { reason: {} }), invalid, 'reason'],
  ['a reason that is too long', patch({ concurrency: 5 }, { reason: 'x'.repeat(1_001) }), invalid, 'reason'],
  ['a reason that is half a character', patch({ concurrency: 5 }, { reason: '\ud800' }), invalid, 'reason'],
]

const MATCHES = ['', '7', '"x"', 'W/"7"', '"-1"', '"7", "8"', '"7"x', '**', `"${'9'.repeat(16)}"`]

const changing = (body: string, headers: Record<string, string | string[]> = {}) =>
  request({ method: 'PATCH', path: SETTINGS, body, headers })
const settingsPage = (query: string) => request({ method: 'GET', path: `${SETTINGS}/history?${query}` })

export const SETTINGS_CHANGES: readonly BadRequest[] = [
  ...PATCHES.map(([what, body, expected, ...errors]) => ({
    what: `settings: ${what}`,
    wire: changing(body),
    ...expected,
    ...(expected !== badBody && { errors }),
  })),
  ...MATCHES.map((match) => ({
    what: `settings: If-Match ${match.slice(0, 30)}`,
    wire: changing(patch({ concurrency: 5 }), { 'If-Match': match }),
    ...invalid,
    errors: ['If-Match'],
  })),
  {
    what: 'settings: If-Match twice',
    wire: changing(patch({ concurrency: 5 }), { 'If-Match': ['"7"', '"7"'] }),
    ...invalid,
  },
  {
    what: 'settings: If-Match and another version',
    wire: changing(patch({ concurrency: 5 }, { version: 3 }), { 'If-Match': '"4"' }),
    ...invalid,
  },
  {
    what: 'settings: a version that there is not',
    wire: changing(patch({ concurrency: 5 }, { version: 99 })),
    status: 409,
    code: 'SETTING_CONFLICT',
  },
  {
    what: 'settings: another type',
    wire: changing(patch({}), { 'Content-Type': 'application/merge-patch+json' }),
    ...badType,
  },
  ...[
    'limit=0',
    'limit=501',
    'limit=-1',
    'limit=1&limit=2',
    'after=x',
    'after=1',
    'after=-',
    'after=1-1-1',
  ].map((query) => ({
    what: `settings: history ?${query}`,
    wire: settingsPage(query),
    ...invalid,
    errors: [query.slice(0, query.indexOf('='))],
  })),
]
