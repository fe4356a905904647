import { MillraceError } from '../../core/errors.ts'
import type { StreamInfo, StreamInfos } from '../../core/stream-info.ts'

/** @throws MillraceError `UNKNOWN_STREAM` */
export async function requireStream(streams: StreamInfos, stream: string): Promise<StreamInfo> {
  const info = await streams.info(stream)
  if (info) return info
  throw unknownStream(stream)
}

/** @throws MillraceError `UNKNOWN_GROUP`; of more groups than are shown, only the work itself finds out */
export function requireGroup({ groups, groupCount }: StreamInfo, stream: string, group: string): void {
  if (groupCount > groups.length || groups.some((one) => one.group === group)) return
  const message = `the stream "${stream}" has no group "${group}"; start a consumer of it first`
  throw new MillraceError('UNKNOWN_GROUP', message)
}

export const unknownStream = (stream: string): MillraceError =>
  new MillraceError('UNKNOWN_STREAM', `there is no stream "${stream}"; publishing to it creates it`)
