import * as node from 'node:fs/promises'

/** What the sink asks of the file system. */
export type Disk = Pick<
  typeof node,
  'lstat' | 'mkdir' | 'open' | 'readdir' | 'realpath' | 'rename' | 'rm' | 'truncate' | 'unlink' | 'utimes'
>

export const disk: Disk = node

export type DiskFile = node.FileHandle

const { O_NOFOLLOW, O_RDONLY } = node.constants

/** For reading what lies in a directory that others write to: a link would lead out of it. */
export const READ_NO_LINK = O_RDONLY | (O_NOFOLLOW ?? 0)

/** The code of what the file system said. */
export const diskCode = (error: unknown): string | undefined =>
  (error as NodeJS.ErrnoException | undefined)?.code

/** What is not there is undefined. */
export async function unlessMissing<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call
  } catch (error) {
    if (diskCode(error) === 'ENOENT') return undefined
    throw error
  }
}

/** What was created, renamed or removed in a folder is so for good from now on. */
export async function syncFolder(disk: Disk, folder: string): Promise<void> {
  const handle = await disk.open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
