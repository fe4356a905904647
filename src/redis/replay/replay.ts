import type { Operator } from '../../core/action-record.ts'
import { namedFields } from '../../core/codec.ts'
import { MillraceError } from '../../core/errors.ts'
import { checkName } from '../../core/names.ts'
import { DEFAULT_RATE_PER_SECOND, Pace } from '../../core/pace.ts'
import { pause } from '../../core/pause.ts'
import type { RangeCount, ReplayProgress, ReplayRange, ReplayRequest, Replays } from '../../core/replay.ts'
import { recordArguments } from '../operations/action-record.ts'
import type { Connection } from '../connection.ts'
import { notAStream, remedyFor, replyCode } from '../errors.ts'
import { countRange } from './replay-count.ts'
import { holdsKey } from '../retention/holds.ts'
import { abandonKeys, holdName, replayKey, replayKeys, startKeys, type Target } from './replay-keys.ts'

import { noPlace, toPosition } from './replay-range.ts'
import { abandonScript, copyScript, startScript, stopScript, type ReplayReply } from './replay-scripts.ts'
import type { Script } from '../script.ts'

/** More would hold up other clients for longer than a few milliseconds. */
const MAX_ENTRIES_PER_STEP = 250
/** How long a fault of the server or of the way to it is waited out, and the pause between two tries, in ms. */
const PATIENCE_MS = 30_000
const FAULT_DELAY_MS = 200

/**
 * Replays on Redis. Source and target are written by one script, so they must lie on one server.
 *
 * @example
 * const replays = new RedisReplays(connection)
 * const range = { stream: 'user:events', from: new Date('2026-01-28T09:00:00Z'), to: new Date('2026-01-28T10:00:00Z') }
 * const { entries } = await replays.count(range)
 * await replays.replay({ ...range, name: 'mails of 9 to 10', target: { group: 'mailer' }, actor: 'ada@example.com' })
 */
export class RedisReplays implements Replays {
  readonly #connection: Connection

  constructor(connection: Connection) {
    this.#connection = connection
  }

  async replay(request: ReplayRequest): Promise<ReplayProgress> {
    const { ratePerSecond = DEFAULT_RATE_PER_SECOND, signal, leave } = request
    const ends = AbortSignal.any([signal, leave].filter((one) => one !== undefined))
    const pace = new Pace(ratePerSecond, MAX_ENTRIES_PER_STEP)
    const run = this.#prepare(request)
    let progress = await run(startScript, startArguments(request))
    while (progress.state === 'running') {
      if (signal?.aborted) return run(stopScript, [])
      if (leave?.aborted) return progress
      const before = progress.copied + progress.skipped
      progress = await outlast(this.#connection, ends, () => run(copyScript, [String(pace.stepSize)]))
      request.onProgress?.(progress)
      await pace.spend(progress.copied + progress.skipped - before, ends)
    }
    return progress
  }

  async count({ stream, from, to }: ReplayRange): Promise<RangeCount> {
    checkName('stream name', stream)
    const exists = await this.#connection.send<number>(['EXISTS', stream])
    if (exists === 0) throw unknownStream(stream)
    const range = [toPosition('from', from, '-', 'first'), toPosition('to', to, '+', 'last')] as const
    return countRange(this.#connection, stream, ...range).catch(refuse(stream))
  }

  async progress(stream: string, name: string): Promise<ReplayProgress | undefined> {
    checkName('stream name', stream)
    const reply = await this.#connection.send<string[]>(['HGETALL', replayKey(stream, name)])
    return reply.length === 0 ? undefined : toProgress(stream, name, reply)
  }

  async letGo(stream: string, name: string): Promise<void> {
    checkName('stream name', stream)
    await this.#connection.send(['HDEL', holdsKey(stream), holdName(name)])
  }

  async abandon(stream: string, name: string, operator: Operator): Promise<boolean> {
    checkName('stream name', stream)
    const args = [...recordArguments(operator, stream, name), holdName(name), '']
    return (await abandonScript.run(this.#connection, abandonKeys(stream, name), args)) === 1
  }

  /** Runs a script of this replay and reads its answer. */
  #prepare(request: ReplayRequest) {
    const { stream, name, target } = request
    checkRequest(request)
    const keys = replayKeys(stream, name, target)
    const group = 'group' in target ? target.group : ''
    const base = [...recordArguments(request, stream, name), holdName(name), group]
    return async (script: Script<ReplayReply>, args: readonly string[]): Promise<ReplayProgress> => {
      const own = script === startScript ? startKeys(stream, name, target) : keys
      const reply = await script.run(this.#connection, own, [...base, ...args]).catch(refuse(stream))
      if (reply === 'unknown-stream') throw unknownStream(stream)
      if (reply === 'unknown-group') throw unknownGroup(stream, group)
      if (reply === 'foreign-group') throw foreignGroup(group)
      if (reply === 'target-exists') throw targetExists(target)
      if (reply === 'target-gone') throw targetGone(target)
      if (reply === 'conflict' || reply.length === 0) throw conflict(stream, name, reply)
      return toProgress(stream, name, reply as string[])
    }
  }
}

function checkRequest({ stream, name, target }: ReplayRequest): void {
  checkName('stream name', stream)
  checkName('replay name', name)
  if ('group' in target) return checkName('group name', target.group)
  checkName('target stream name', target.stream)
  if (target.stream === stream)
    throw noPlace({ path: 'target', message: 'is the stream itself; replay into one of its groups' })
}

function startArguments({ from, to, target }: ReplayRequest): string[] {
  const first = toPosition('from', from, '0-0', 'first')
  const last = toPosition('to', to, '', 'last')
  const goal: Target = 'group' in target ? { group: target.group } : { stream: target.stream }
  const create = 'create' in target && target.create === true ? '1' : '0'
  return [JSON.stringify([first, last, goal]), first, last, JSON.stringify(goal), create]
}

/** A step that may have been taken is safe to take again: the next one begins where the last one ended. */
async function outlast<T>(connection: Connection, signal: AbortSignal, step: () => Promise<T>): Promise<T> {
  const until = Date.now() + PATIENCE_MS
  for (;;) {
    try {
      return await step()
    } catch (error) {
      const passing = ['reconnect', 'back-off'].includes(remedyFor(error)) && replyCode(error) !== 'OOM'
      if (!passing || signal.aborted || Date.now() > until) throw error
      await pause(FAULT_DELAY_MS, signal)
      await connection.whenReady(FAULT_DELAY_MS)
    }
  }
}

function toProgress(stream: string, name: string, reply: readonly string[]): ReplayProgress {
  const fields = namedFields(reply)
  const text = (field: string) => fields.get(field) ?? ''
  const position = fields.get('next')
  return {
    name,
    stream,
    target: JSON.parse(text('target')) as Target,
    from: text('from'),
    to: text('to'),
    ...(position === undefined ? {} : { position }),
    copied: Number(text('copied')),
    skipped: Number(text('skipped')),
    state: text('state') as ReplayProgress['state'],
    startedAt: new Date(Number(text('started'))).toISOString(),
    updatedAt: new Date(Number(text('updated'))).toISOString(),
  }
}

const unknownStream = (stream: string): MillraceError =>
  new MillraceError('UNKNOWN_STREAM', `there is no stream "${stream}"; publishing to it creates it`)

const unknownGroup = (stream: string, group: string): MillraceError =>
  new MillraceError(
    'UNKNOWN_GROUP',
    `the stream "${stream}" has no group "${group}"; start a consumer of it, then replay`,
  )

const foreignGroup = (group: string): MillraceError =>
  new MillraceError(
    'GROUP_FOREIGN',
    `no consumer of Millrace ever read for "${group}", so nobody would take what is delivered again; reset the group instead`,
  )

const targetExists = (target: ReplayRequest['target']): MillraceError =>
  new MillraceError(
    'REPLAY_CONFLICT',
    `the stream "${(target as { stream: string }).stream}" is there already; choose another name, or copy to it all the same`,
  )

const targetGone = (target: ReplayRequest['target']): MillraceError =>
  new MillraceError(
    'REPLAY_CONFLICT',
    `the stream "${(target as { stream: string }).stream}" was deleted while it was copied to, with what was in it; begin anew`,
  )

function conflict(stream: string, name: string, reply: ReplayReply): MillraceError {
  const message =
    reply === 'conflict'
      ? `"${name}" is the name of another replay of "${stream}", with other ends or another target; choose another name`
      : `the replay "${name}" of "${stream}" was abandoned while it ran`
  return new MillraceError('REPLAY_CONFLICT', message)
}

const refuse =
  (stream: string) =>
  (error: unknown): never => {
    throw replyCode(error) === 'WRONGTYPE' ? notAStream(stream, error) : error
  }
