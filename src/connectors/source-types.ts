import { z } from 'zod'
import type { Source } from '../core/source.ts'
import { made, type Made } from './configured/words.ts'
import { fileSource, type FileSourceOptions } from './sources/file.ts'

const number = z.number().exactOptional()
const text = z.string()

const csv = z.strictObject({
  delimiter: text.exactOptional(),
  columns: z.array(text).exactOptional(),
  convert: z.boolean().exactOptional(),
})

/** Every source that a file of pipelines can name, by its `type`, with the options of its factory. */
export const SOURCE_TYPES: Readonly<Record<string, Made<Source>>> = {
  file: () =>
    made(
      {
        path: text,
        format: text,
        follow: z.boolean().exactOptional(),
        maxLineBytes: number,
        batchSize: number,
        pollMs: number,
        eventType: z.union([text, z.strictObject({ field: text })]).exactOptional(),
        key: text.exactOptional(),
        time: text.exactOptional(),
        id: text.exactOptional(),
        csv: csv.exactOptional(),
      },
      // Which of them go together, the source says.
      (options) => fileSource(options as FileSourceOptions),
    ),
}
