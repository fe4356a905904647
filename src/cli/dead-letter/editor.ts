import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { toError } from '../../core/errors.ts'
import { CommandError, EXIT } from '../exit.ts'
import type { Io } from '../io.ts'

/**
 * Lets the operator edit a value as JSON in $VISUAL or $EDITOR, and answers what it became. The file is in a folder that
 * nobody else may read, and goes when all went well.
 *
 * @param again the command that takes JSON without an editor, up to the JSON
 * @throws CommandError where there is no editor, where it failed, and where what it left is not JSON; that is kept then
 */
export async function editJson(io: Io, value: unknown, again: string): Promise<unknown> {
  const editor = io.env['VISUAL'] || io.env['EDITOR']
  if (!editor)
    throw new CommandError(
      'there is no editor: set VISUAL or EDITOR, or say the change by --data JSON, --type TYPE or --original',
      EXIT.usage,
    )
  const folder = await mkdtemp(join(tmpdir(), 'millrace-edit-'))
  const file = join(folder, 'data.json')
  await writeFile(file, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600 })
  await openEditor(io, editor, file).catch(async (error: unknown) => {
    await rm(folder, { recursive: true, force: true })
    throw error
  })
  const edited = parse(await readFile(file, 'utf8'), file, again)
  await rm(folder, { recursive: true, force: true })
  return edited
}

/** By the shell, since `EDITOR="code --wait"` is how people set it. */
function openEditor(io: Io, editor: string, file: string): Promise<void> {
  const child = spawn('sh', ['-c', `${editor} "$1"`, 'millrace', file], {
    stdio: 'inherit',
    env: io.env,
    cwd: io.cwd,
  })
  return new Promise((resolve, reject) => {
    child.once('error', (error) => reject(new CommandError(`the editor can't be started: ${error.message}`)))
    child.once('exit', (code, signal) => {
      if (code === 0) resolve()
      else
        reject(new CommandError(`the editor (${editor}) ended with ${signal ?? code}; nothing was changed`))
    })
  })
}

function parse(text: string, file: string, again: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    const reason = toError(error).message
    throw new CommandError(
      `what was edited is not JSON: ${reason}; nothing was changed. It is kept: correct it there, then\n  ${again} "$(cat ${file})"`,
    )
  }
}
