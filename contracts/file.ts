import { v5 as uuidv5 } from 'uuid'
import type { Event, StreamId } from './core.ts'

/** A file that cases upload (seed 000 四.3). Its content stands in the blobs under `sha256`; `size` is in bytes. */
export type FileFields = Readonly<{
  /** Without a path. */
  name: string
  /** The Content-Type that it was uploaded with. */
  type: string
  size: number
  sha256: string
}>

/**
 * A file's stream is named by project and file name: that is what keeps two of one name out. After a deletion the next file of the
 * name goes on in it, under an id of its own. `project` is null for a file of no project.
 */
export type FileEvent =
  Event<'FileUploaded', FileFields & { id: number; project: number | null }> | Event<'FileDeleted', { id: number }>

const FILE_NAMES = 'd2f5a6c4-7f0f-4a34-8d53-0c1b0d9b6a27'

export const fileStream = (project: number | null, name: string): StreamId =>
  `file-${uuidv5(`${project ?? 'none'} ${name}`, FILE_NAMES)}`

/** 300 kB, inclusive. */
export const MAX_FILE_BYTES = 300 * 1024

/** Characters, as file systems commonly allow. */
export const MAX_FILE_NAME = 255

/** What follows the last slash or backslash of a path of any system. */
export function baseName(path: string): string {
  return path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1)
}

/** Where a file is said to lie, and by which cases may name it. */
export const filePath = ({ id, name }: Readonly<{ id: number; name: string }>): string => `upload_files/${id}/${name}`
