import type { Blobs } from '../../platform/blobs.ts'
import type { CommandMemory } from '../../platform/commands.ts'
import type { ReadModels } from '../../projections/port.ts'
import type { Visible } from '../../services/commands/visible.ts'
import type { Writes } from '../../services/commands/writes.ts'
import type { Cipher } from '../../services/environments/sealed.ts'

/** What the modules of the gateway work with. */
export type Modules = Readonly<{
  models: ReadModels
  writes: Writes
  visible: Visible
  memory: CommandMemory
  blobs: Pick<Blobs, 'spill' | 'unspill' | 'put' | 'get'>
  cipher: Cipher
}>
