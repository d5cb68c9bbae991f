import { baseName, filePath } from '../../contracts/file.ts'
import type { Blobs } from '../../platform/blobs.ts'
import { findFile } from '../../projections/files.ts'
import type { ReadModels } from '../../projections/port.ts'
import { filesNamed } from '../commands/file.ts'
import type { Folds } from '../commands/folds.ts'
import type { CaseFile, CaseFiles } from './case/upload.ts'

/** The files that the cases of a project may name. */
export type FilesOfProject = (project: number) => CaseFiles

/** Ids are Postgres integers. */
const MAX_ID = 2 ** 31

/** A file as it is kept: its content in the blobs. */
type Kept = Readonly<{ id: number; project: number | null; name: string; type: string; sha256: string }>

/**
 * Finds what a case's `file` names: an id, or `upload_files/<id>/<name>`, else by the base name of the path. A name is looked for among
 * the project's files, then among those of no project, which is where clients upload that name none. A path leads to a later file of
 * its name when the one with its id was replaced; other projects' files are out of reach.
 */
export function createCaseFiles(deps: {
  models: ReadModels
  folds: Pick<Folds, 'read'>
  blobs: Pick<Blobs, 'get'>
}): FilesOfProject {
  const { models, folds, blobs } = deps

  async function byId(project: number, reference: string): Promise<Kept | undefined> {
    const [, id] = /^(?:upload_files\/)?([1-9]\d{0,9})(?:\/|$)/.exec(reference) ?? []
    const found = id !== undefined && Number(id) < MAX_ID ? await findFile(models, Number(id)) : undefined
    const named = found && (reference === id || reference === filePath(found))
    return named && (found.project === null || found.project === project) ? found : undefined
  }

  async function byName(project: number | null, name: string): Promise<Kept | undefined> {
    const { stream, decider } = filesNamed(project, name)
    const { state } = await folds.read(decider, stream(0))
    return state.status === 'live' ? state : undefined
  }

  async function content({ name, type, sha256 }: Kept): Promise<CaseFile> {
    const bytes = await blobs.get(sha256)
    if (!bytes) throw new Error(`blob ${sha256} of file ${name} is missing`)
    return { name, type, bytes }
  }

  return (project) => async (reference) => {
    const name = baseName(reference)
    const found = (await byId(project, reference)) ?? (await byName(project, name)) ?? (await byName(null, name))
    return found && content(found)
  }
}
