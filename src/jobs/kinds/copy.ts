import { MillraceError } from '../../core/errors.ts'
import type { JobWork } from '../../core/jobs.ts'
import type { Operations } from '../../core/operations.ts'
import { requireStream } from './known.ts'
import { Params } from './params.ts'
import { checkTarget } from './replay.ts'
import { letGoOf, previewRange, runReplay, toRange } from './replaying.ts'

export type CopyParams = {
  readonly stream: string
  /** The name of the copy. */
  readonly to: string
  /** A position, or a moment as ISO 8601; both ends belong to the range. */
  readonly from?: string
  readonly toPosition?: string
  /** Whether the copy may be added to a stream that is there. */
  readonly append: boolean
}

/**
 * Copies a stream to another name: the fields byte by byte, and events keep their id, source and time. Positions are new,
 * and groups are not copied. Both must be in one slot of a cluster.
 */
export const copyWork = ({
  replays,
  streams,
}: Pick<Operations, 'replays' | 'streams'>): JobWork<CopyParams> => ({
  kind: 'copy',
  local: false,
  letGo: letGoOf(replays),
  async check(given) {
    const params = readParams(given)
    await requireStream(streams, params.stream)
    const there = await streams.info(params.to)
    if (there && !params.append) throw exists(params.to, there.length)
    return params
  },
  preview: ({ stream, from, toPosition }) => previewRange(replays, toRange(stream, from, toPosition)),
  run: ({ stream, to, from, toPosition, append }, run) =>
    runReplay(replays, run, toRange(stream, from, toPosition), { stream: to, create: !append }),
})

function readParams(given: unknown): CopyParams {
  const params = new Params(given, 'the stream can not be copied like this')
  const stream = params.name('stream', 'stream name')
  const to = params.name('to', 'name of the copy')
  const [from, toPosition] = [params.place('from'), params.place('toPosition')]
  const append = params.flag('append')
  checkTarget(params, 'to', stream, to)
  params.requireOrder(from, toPosition, ['from', 'toPosition'])
  params.done()
  return {
    stream,
    to,
    append,
    ...(from !== undefined && { from }),
    ...(toPosition !== undefined && { toPosition }),
  }
}

const exists = (stream: string, length: number): MillraceError =>
  new MillraceError(
    'JOB_CONFLICT',
    `the stream "${stream}" is there already, with ${length} entries; choose another name, or say append`,
  )
