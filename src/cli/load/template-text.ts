import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { toError } from '../../core/errors.ts'
import { Template } from '../../load/template.ts'
import { CommandError, EXIT } from '../exit.ts'
import type { Io } from '../io.ts'

/** The text of a template that is given as itself, or as `@` and the path of its file. */
export async function templateText({ cwd }: Io, text: string): Promise<string> {
  if (!text.startsWith('@')) return text
  const file = text.slice(1)
  try {
    return await readFile(resolve(cwd, file), 'utf8')
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') throw new CommandError(`there is no file ${file}`, EXIT.notFound)
    throw new CommandError(`${file} can't be read: ${message}`)
  }
}

/** A template whose renderings are JSON. The first one is looked at, to say so before anything is sent. */
export async function jsonTemplate(io: Io, text: string): Promise<Template> {
  const template = new Template(await templateText(io, text))
  const sample = template.render(1)
  try {
    JSON.parse(sample)
  } catch (error) {
    throw new CommandError(`--data is not JSON once it is rendered: ${toError(error).message}`, EXIT.usage)
  }
  return template
}
