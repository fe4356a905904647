import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { BackupFile } from '../../server/admin/admin-ports.ts'

/** The files in the directory for backups, the newest first; none where it is not there yet. */
export async function backupFiles(directory: string): Promise<BackupFile[]> {
  const entries = await readdir(directory, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw error
  })
  const files = entries.filter((entry) => entry.isFile() && !entry.name.startsWith('.'))
  const found = await Promise.all(files.map(({ name }) => fileOf(directory, name)))
  return found
    .filter((file) => file !== undefined)
    .toSorted((a, b) => (a.modifiedAt < b.modifiedAt ? 1 : a.modifiedAt > b.modifiedAt ? -1 : 0))
}

/** Undefined where it was deleted meanwhile. */
async function fileOf(directory: string, file: string): Promise<BackupFile | undefined> {
  const found = await stat(join(directory, file)).catch(() => undefined)
  return found && { file, bytes: found.size, modifiedAt: found.mtime.toISOString() }
}
