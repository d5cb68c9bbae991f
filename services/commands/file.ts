import { type Decider, Rejected } from '../../contracts/core.ts'
import { type FileEvent, type FileFields, fileStream } from '../../contracts/file.ts'
import type { Aggregate } from './writes.ts'

export type FileState =
  | Readonly<{ status: 'none' }>
  | Readonly<{ status: 'deleted'; id: number; project: number | null; name: string }>
  | (FileFields & Readonly<{ status: 'live'; id: number; project: number | null }>)
export type LiveFile = Extract<FileState, { status: 'live' }>

export type FileCommand =
  | { type: 'UploadFile'; data: FileFields & { id: number; project: number | null } }
  /** Of the files that have had this name, the one with this id. */
  | { type: 'DeleteFile'; id: number }

/** The files that one name in one project stands for, one after the other (seed 000 四.3). */
export const file: Decider<FileState, FileCommand, FileEvent> = {
  initial: { status: 'none' },

  evolve(state, event) {
    switch (event.type) {
      case 'FileUploaded':
        return { status: 'live', ...event.data }
      case 'FileDeleted':
        return state.status === 'live' && state.id === event.data.id
          ? { status: 'deleted', id: state.id, project: state.project, name: state.name }
          : state
      default:
        return state
    }
  },

  decide(command, state) {
    if (command.type === 'UploadFile') {
      if (state.status === 'live') {
        throw new Rejected('invalid', `file：文件已存在，不能重复上传：${command.data.name}`, 'file')
      }
      return [{ type: 'FileUploaded', data: command.data }]
    }
    if (state.status !== 'live' || state.id !== command.id) throw new Rejected('not_found', '文件不存在')
    return [{ type: 'FileDeleted', data: { id: command.id } }]
  },
}

/** The files of one name: a kind of thing whose stream is known by its name, whichever id the file has. */
export function filesNamed(project: number | null, name: string): Aggregate<FileState, FileCommand, FileEvent> {
  const stream = fileStream(project, name)
  return { kind: 'file', stream: () => stream, decider: file }
}
