import type { JobWork } from '../../core/jobs.ts'
import type { Operations } from '../../core/operations.ts'
import { isReservedName } from '../../core/reserved-names.ts'
import { requireGroup, requireStream } from './known.ts'
import { Params } from './params.ts'
import { letGoOf, previewRange, runReplay, toRange } from './replaying.ts'

export type ReplayParams = {
  readonly stream: string
  /** One of both. */
  readonly group?: string
  readonly toStream?: string
  /** A position, or a moment as ISO 8601; both ends belong to the range. */
  readonly from?: string
  readonly to?: string
}

/** Delivers entries again: to one group, or copied to another stream for all of its groups. */
export const replayWork = ({
  replays,
  streams,
}: Pick<Operations, 'replays' | 'streams'>): JobWork<ReplayParams> => ({
  kind: 'replay',
  local: false,
  letGo: letGoOf(replays),
  async check(given) {
    const params = readParams(given)
    const { stream, group } = params
    const info = await requireStream(streams, stream)
    if (group !== undefined) requireGroup(info, stream, group)
    return params
  },
  preview: ({ stream, from, to }) => previewRange(replays, toRange(stream, from, to)),
  run: ({ stream, group, toStream, from, to }, run) =>
    runReplay(
      replays,
      run,
      toRange(stream, from, to),
      group === undefined ? { stream: toStream! } : { group },
    ),
})

function readParams(given: unknown): ReplayParams {
  const params = new Params(given, 'the entries can not be replayed like this')
  const stream = params.name('stream', 'stream name')
  const group = params.optionalName('group', 'group name')
  const toStream = params.optionalName('toStream', 'stream name')
  const [from, to] = [params.place('from'), params.place('to')]
  if ((group === undefined) === (toStream === undefined))
    params.refuse('group', 'say either group or toStream, and not both')
  if (toStream !== undefined) checkTarget(params, 'toStream', stream, toStream)
  params.requireOrder(from, to, ['from', 'to'])
  params.done()
  return {
    stream,
    ...(group !== undefined && { group }),
    ...(toStream !== undefined && { toStream }),
    ...(from !== undefined && { from }),
    ...(to !== undefined && { to }),
  }
}

/** A copy must not end in what Millrace keeps beside streams, nor feed itself. */
export function checkTarget(params: Params, path: string, stream: string, target: string): void {
  if (target === stream) params.refuse(path, 'is the stream itself; choose another name')
  if (isReservedName(target)) params.refuse(path, 'is a name that Millrace keeps for itself')
}
