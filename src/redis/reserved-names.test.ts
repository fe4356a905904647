import { expect, test } from 'vitest'
import { isReservedName } from '../core/reserved-names.ts'
import { JOBS_STREAM } from '../schedule/tick-event.ts'
import { stagedKey } from './backup/staged-keys.ts'
import { ACTIVE_KEY, ALL_KEY, ENDED_KEY, jobKey, LAST_KEY, OPEN_KEY } from './jobs/job-keys.ts'
import {
  CLIENT_RATE_PREFIX,
  cursorsKey,
  deadLetterKey,
  groupKeys,
  idempotencyKey,
  inletKey,
  sourceLeaseKey,
} from './keys.ts'
import { rateKey, seenKey, STREAM_REGISTRY_KEY } from './keys.ts'
import { actionsKey } from './operations/action-record.ts'
import { replayKey } from './replay/replay-keys.ts'
import { holdsKey } from './retention/holds.ts'
import { retentionKey } from './retention/retention.ts'
import { notesKey, replyKey } from './rpc/rpc-keys.ts'
import { EARLIER_KEY, SCHEDULED_STREAMS_KEY, scheduleKeys, TICKS_KEY } from './schedule/schedule-keys.ts'
import { keyChangesKey, keysKey } from './settings/key-store.ts'
import { slotPrefix } from './slots.ts'

const NAMES = [
  'orders',
  'user:events',
  '{shop}orders',
  'a{b}c',
  '{x}',
  '}{',
  'a}b',
  'line\u2028break',
  'ünï',
  '::',
]

test.each(NAMES)('no name of a key beside the stream %j is free', (name) => {
  const { stream, ...group } = groupKeys(name, 'g:h')
  const keys = [
    ...Object.values(group),
    seenKey(name, 'g', 'id'),
    rateKey(name, 'g', 1_000),
    inletKey(name, 'g'),
    deadLetterKey(name),
    idempotencyKey(name, ''),
    idempotencyKey(name, 'a\nb'),
    actionsKey(name),
    replayKey(name, 'r'),
    holdsKey(name),
    stagedKey(name, 'job'),
    stagedKey(name, 'job', ''),
    stagedKey(name, 'job', 'group:g'),
    retentionKey(name),
    replyKey(name, 'requester'),
    notesKey(name),
    ...Object.values(scheduleKeys(name)),
  ]
  expect(keys.filter((key) => key !== stream && !isReservedName(key))).toEqual([])
  // Beside a companion, which is a stream, stand others.
  expect(isReservedName(deadLetterKey(deadLetterKey(name)))).toBe(true)
  expect(isReservedName(stream)).toBe(false)
})

test('what belongs to no stream is reserved as well', () => {
  const settings = slotPrefix('millrace:settings:orders')
  const keys = [
    STREAM_REGISTRY_KEY,
    CLIENT_RATE_PREFIX,
    cursorsKey('a b'),
    sourceLeaseKey('a b', 'c}d'),
    SCHEDULED_STREAMS_KEY,
    EARLIER_KEY,
    TICKS_KEY,
    JOBS_STREAM,
    ACTIVE_KEY,
    ALL_KEY,
    ENDED_KEY,
    LAST_KEY,
    OPEN_KEY,
    jobKey('1769590800000000'),
  ]
  for (const key of [...keys, `${settings}changes`, `${settings}values`, keysKey('a'), keyChangesKey('a')])
    expect(isReservedName(key)).toBe(true)
})

test.each([
  'millrace',
  'my-millrace:x',
  '{shop}:orders',
  '{shop}:schedules',
  'orders:dead-letter',
  'a:group:b',
  'retention',
])('%j is free', (name) => expect(isReservedName(name)).toBe(false))
