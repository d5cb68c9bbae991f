import { readdirSync, readFileSync } from 'node:fs'
import { type Figure, number } from './measurement.ts'

/** A process as /proc tells of it. `resident` counts pages shared with others in full, `proportional` by their share; in MiB. */
type Process = Readonly<{ pid: number; parent: number; name: string; resident: number; proportional: number }>

/** The memory of a process and of all that it has started. */
export type Memory = Readonly<{
  /** MiB, pages that are shared with others by their share. */
  proportional: number
  /** All of it, and each program's part, in words. */
  told: string
}>

/** What a process and all that it has started have now; undefined where there is no /proc. */
export function memoryOf(root: number): Memory | undefined {
  const all = processes()
  if (all === undefined) return undefined
  const family = new Set([root])
  // Children may have lower numbers than their parents once the numbers have wrapped around.
  for (let before = 0; before < family.size;) {
    before = family.size
    for (const { pid, parent } of all) if (family.has(parent)) family.add(pid)
  }
  const members = all.filter(({ pid }) => family.has(pid))
  const programs = Map.groupBy(members, ({ pid, name }) => (pid === root ? 'platform' : name))
  const parts = [...programs].map(
    ([name, those]) => `${those.length > 1 ? `${those.length} × ` : ''}${name} ${mebibytes(those)}`,
  )
  return {
    proportional: members.reduce((sum, { proportional }) => sum + proportional, 0),
    told: `${mebibytes(members)} MiB: ${parts.join(', ')}`,
  }
}

/** The memory of a process and of all that it has started, as a line of the table; none where there is no /proc. */
export function tellMemory(what: string, root: number): readonly Figure[] {
  return toldMemory(what, memoryOf(root))
}

/** The same of what was read before. */
export function toldMemory(what: string, memory: Memory | undefined): readonly Figure[] {
  if (memory === undefined) return []
  return [{ what: `${what}, resident (shared pages by their share)`, reached: memory.told }]
}

function mebibytes(those: readonly Process[]): string {
  const sum = (of: 'resident' | 'proportional'): number => those.reduce((total, each) => total + each[of], 0)
  return `${number(sum('resident'))} (${number(sum('proportional'))})`
}

function processes(): readonly Process[] | undefined {
  if (process.platform !== 'linux') return undefined
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        // The name stands in parentheses and may hold anything, a parenthesis too.
        const stat = readFileSync(`/proc/${name}/stat`, 'utf8')
        const end = stat.lastIndexOf(')')
        const [, parent = '0'] = stat.slice(end + 2).split(' ')
        const rollup = readFileSync(`/proc/${name}/smaps_rollup`, 'utf8')
        const size = (field: string): number => Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(rollup)?.[1]) / 1024
        const program = stat.slice(stat.indexOf('(') + 1, end)
        // Node names its first thread so; of those that a platform starts each is a sandbox.
        const shown = program === 'MainThread' ? 'sandbox' : program
        return [
          {
            pid: Number(name),
            parent: Number(parent),
            name: shown,
            resident: size('Rss'),
            proportional: size('Pss'),
          },
        ]
      } catch {
        // It has ended meanwhile, is of the kernel, or another user's.
        return []
      }
    })
}
