import { positionTime } from './position.ts'

/**
 * The fields that an entry had before it was copied. A copy of an event says at its end what its place in the stream
 * said until then: `id`, `source` and `time`, in this order and each where the event had none of its own.
 *
 * @param position of the original
 */
export function originalFields(
  fields: readonly string[],
  stream: string,
  position: string,
): readonly string[] {
  const time = new Date(positionTime(position))
  const added = [
    ['time', Number.isNaN(time.getTime()) ? undefined : time.toISOString()],
    ['source', stream],
    ['id', position],
  ]
  let end = fields.length
  for (const [name, value] of added) if (fields[end - 2] === name && fields[end - 1] === value) end -= 2
  return fields.slice(0, end)
}
