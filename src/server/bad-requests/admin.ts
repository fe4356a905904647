import { ADMIN, request, verdict, type BadRequest, type Parts, type Verdict } from './bad-request.ts'

const { badBody, badName, badType, invalid, notFound, wrongMethod } = verdict
const unknownStream = { status: 404, code: 'UNKNOWN_STREAM' }
const unconfirmed = { status: 428, code: 'CONFIRMATION_REQUIRED' }

const GROUP = '/streams/nowhere/groups/nobody'
const LETTERS = '/streams/nowhere/dead-letters'

type Row = [what: string, request: Parts, expected: Verdict, ...errors: string[]]

/** What is said in the path or the query. */
const QUERIES: readonly [string, Verdict, ...string[]][] = [
  ['/streams?limit=0', invalid, 'limit'],
  ['/streams?limit=1001', invalid, 'limit'],
  ['/streams?limit=ten', invalid, 'limit'],
  ['/streams?sort=size', invalid, 'sort'],
  ['/streams?match=', invalid, 'match'],
  [`/streams?match=${'x'.repeat(257)}`, invalid, 'match'],
  ['/streams?limit=1&limit=2', invalid, 'limit'],
  ['/streams/nowhere', unknownStream],
  ['/streams/a%00b', badName, 'stream'],
  [`/streams/${'x'.repeat(257)}`, badName, 'stream'],
  ['/streams/%ff', invalid],
  ['/streams/a%2', invalid],
  ['/streams/nowhere/nothing', notFound],
  ['/streams/nowhere/entries?from=noon', invalid, 'from'],
  ['/streams/nowhere/entries?from=2-0&to=1-9', invalid, 'from'],
  ['/streams/nowhere/entries?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z', invalid, 'from'],
  ['/streams/nowhere/entries?from=1800000000000-0&to=2026-01-01T00:00:00Z', invalid, 'from'],
  ['/streams/nowhere/entries?to=1', invalid, 'to'],
  ['/streams/nowhere/entries?to=18446744073709551616-0', invalid, 'to'],
  ['/streams/nowhere/entries?after=-', invalid, 'after'],
  ['/streams/nowhere/entries?order=up', invalid, 'order'],
  ['/streams/nowhere/entries?limit=501', invalid, 'limit'],
  ['/streams/nowhere/entries', unknownStream],
  ['/streams/nowhere/actions?after=x', invalid, 'after'],
  ['/streams/nowhere/scheduled', unknownStream],
  ['/streams/nowhere/holds/x', notFound],
  [GROUP, unknownStream],
  [`${GROUP}/pending?limit=1001`, invalid, 'limit'],
  [`${GROUP}/pending?minIdleMs=-1`, invalid, 'minIdleMs'],
  [`${GROUP}/pending?consumer=`, badName, 'consumer'],
  [`${GROUP}/consumers`, unknownStream],
  [`${LETTERS}?from=yesterday`, invalid, 'from'],
  [`${LETTERS}?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z`, invalid, 'from'],
  [`${LETTERS}?after=1`, invalid, 'after'],
  [`${LETTERS}/summary?to=1-1`, invalid, 'to'],
  [`${LETTERS}/last`, invalid, 'id'],
  [`${LETTERS}/1-1`, { status: 404, code: 'UNKNOWN_DEAD_LETTER' }],
  ['/jobs?kind=nap', invalid, 'kind'],
  ['/jobs?state=asleep', invalid, 'state'],
  ['/jobs/nobody', { status: 404, code: 'UNKNOWN_JOB' }],
  ['/jobs/nobody/events', { status: 404, code: 'UNKNOWN_JOB' }],
  ['/pipelines/nobody', { status: 404, code: 'UNKNOWN_PIPELINE' }],
  ['/events?intervalMs=499', invalid, 'intervalMs'],
  ['/explain?group=mailer', invalid, 'stream'],
  ['/explain?stream=nowhere', unknownStream],
  ['/explain?stream=', badName, 'stream'],
]

const json = (body: unknown): Pick<Parts, 'body'> => ({ body: JSON.stringify(body) })
const post = (path: string, body: unknown): Parts => ({ path, ...json(body) })

const CHANGES: readonly Row[] = [
  ['a group without a name', post('/streams/nowhere/groups', {}), invalid, 'group'],
  [
    'a group that begins nowhere',
    post('/streams/nowhere/groups', { group: 'a', start: 'x' }),
    invalid,
    'start',
  ],
  ['a group of no stream', post('/streams/nowhere/groups', { group: 'a' }), unknownStream],
  ['no JSON', { path: `${GROUP}/pause`, body: '{' }, badBody],
  ['a list', post(`${GROUP}/pause`, []), invalid, ''],
  [
    'another type',
    { path: `${GROUP}/pause`, body: '{}', headers: { 'Content-Type': 'text/plain' } },
    badType,
  ],
  ['an unknown field', post(`${GROUP}/pause`, { raeson: 'x' }), invalid, ''],
  ['a reason that is no text', post(`${GROUP}/pause`, { reason: 1 }), invalid, 'reason'],
  ['a reason that is too long', post(`${GROUP}/pause`, { reason: 'x'.repeat(1_001) }), invalid, 'reason'],
  ['half a character', post(`${GROUP}/pause`, { reason: '\ud800' }), invalid, 'reason'],
  ['a pause of nobody', post(`${GROUP}/pause`, {}), unknownStream],
  ['a restart of nobody', post('/pipelines/nobody/restart', {}), { status: 404, code: 'UNKNOWN_PIPELINE' }],
  ['a reset to nowhere', post(`${GROUP}/reset`, { to: 'middle', confirm: 'nobody' }), invalid, 'to'],
  ['a reset without its name', post(`${GROUP}/reset`, { to: 'end' }), unconfirmed, 'confirm'],
  ['dryRun that is a text', post(`${GROUP}/reset`, { to: 'end', dryRun: 'yes' }), invalid, 'dryRun'],
  ['a misspelt dryRun', post(`${GROUP}/reset`, { to: 'end', dryrun: true, confirm: 'nobody' }), invalid, ''],
  ['a deletion without its name', { method: 'DELETE', path: GROUP }, unconfirmed, 'confirm'],
  [
    'a deletion of another one',
    { method: 'DELETE', path: GROUP, ...json({ confirm: 'x' }) },
    unconfirmed,
    'confirm',
  ],
  ['a consumer without its name', { method: 'DELETE', path: `${GROUP}/consumers/c` }, unconfirmed, 'confirm'],
  ['a claim of nothing', post(`${GROUP}/pending/claim`, { to: 'b' }), invalid, 'positions'],
  [
    'a claim of both',
    post(`${GROUP}/pending/claim`, { to: 'b', positions: ['1-1'], consumer: 'a' }),
    invalid,
    'positions',
  ],
  ['a claim for nobody', post(`${GROUP}/pending/claim`, { positions: ['1-1'] }), invalid, 'to'],
  [
    'a claim of what is no id',
    post(`${GROUP}/pending/claim`, { to: 'b', positions: ['1'] }),
    invalid,
    'positions.0',
  ],
  [
    'a release of 1,001',
    post(`${GROUP}/pending/release`, { positions: Array.from({ length: 1_001 }, () => '1-1') }),
    invalid,
    'positions',
  ],
  [
    'an acknowledgement without its name',
    post(`${GROUP}/pending/acknowledge`, { consumer: 'a' }),
    unconfirmed,
    'confirm',
  ],
  [
    'a hold nowhere',
    { method: 'PUT', path: '/streams/nowhere/holds/a', ...json({ position: '1' }) },
    invalid,
    'position',
  ],
  [
    'a hold for no time',
    { method: 'PUT', path: '/streams/nowhere/holds/a', ...json({ position: '1-1', ttlMs: 0 }) },
    invalid,
    'ttlMs',
  ],
  [
    'a hold of no stream',
    { method: 'PUT', path: '/streams/nowhere/holds/a', ...json({ position: '1-1' }) },
    unknownStream,
  ],
  ['an edit of nothing', { method: 'PATCH', path: `${LETTERS}/1-1`, ...json({}) }, invalid, ''],
  ['a discard without its name', post(`${LETTERS}/discard`, { filter: {} }), unconfirmed, 'confirm'],
  ['a redrive of nothing', post(`${LETTERS}/redrive`, {}), invalid, 'ids'],
  ['a redrive of no stream', post(`${LETTERS}/redrive`, { filter: {} }), unknownStream],
  ['an unknown filter', post(`${LETTERS}/redrive`, { filter: { grp: 'a' } }), invalid, 'filter'],
  [
    'a rate of nothing',
    post('/streams/nowhere/replays', { group: 'a', ratePerSecond: 0 }),
    invalid,
    'ratePerSecond',
  ],
  ['a replay of no stream', post('/streams/nowhere/replays', { group: 'a' }), unknownStream],
  ['a trim without its name', post('/streams/nowhere/trim', { maxLength: 1 }), unconfirmed, 'confirm'],
  [
    'a trim below zero',
    post('/streams/nowhere/trim', { maxLength: -1, confirm: 'nowhere' }),
    invalid,
    'maxLength',
  ],
  ['a copy to nowhere', post('/streams/nowhere/copy', {}), invalid, 'to'],
  ['a restore from elsewhere', post('/restores', { path: '../x', confirm: '../x' }), invalid, 'path'],
  ['a restore without its name', post('/restores', { path: 'x' }), unconfirmed, 'confirm'],
  [
    'a rate that is a text',
    { method: 'PATCH', path: '/jobs/1', ...json({ ratePerSecond: '9' }) },
    invalid,
    'ratePerSecond',
  ],
  ['a key of no scope', post('/keys', { name: 'a', scopes: [] }), invalid, 'scopes'],
  ['a key of an unknown scope', post('/keys', { name: 'a', scopes: ['all'] }), invalid, 'scopes.0'],
  ['a key of an impossible name', post('/keys', { name: 'a b', scopes: ['read'] }), invalid, 'name'],
  [
    'a configured key',
    { method: 'DELETE', path: '/keys/reader', ...json({ confirm: 'reader' }) },
    { status: 409, code: 'KEY_CONFLICT' },
  ],
  [
    'a key of nobody',
    { method: 'DELETE', path: '/keys/x', ...json({ confirm: 'x' }) },
    { status: 404, code: 'UNKNOWN_KEY' },
  ],
  ['another method', { method: 'PUT', path: '/keys' }, wrongMethod],
  ['another method for all that has names', { method: 'PATCH', path: GROUP }, wrongMethod],
]

export const ADMINISTRATION: readonly BadRequest[] = [
  ...QUERIES.map(([path, expected, ...errors]) => ({
    what: `admin: GET ${path.slice(0, 80)}`,
    wire: request({ method: 'GET', path: ADMIN + path }),
    ...expected,
    ...(errors.length > 0 && { errors }),
  })),
  ...CHANGES.map(([what, parts, expected, ...errors]) => ({
    what: `admin: ${what}`,
    wire: request({ ...parts, path: ADMIN + parts.path }),
    ...expected,
    ...(errors.length > 0 && { errors }),
  })),
]
