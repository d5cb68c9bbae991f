import { createServer, type AddressInfo } from 'node:net'
import { get } from 'node:http'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { atMost, type Bench, type Figure, number } from './measurement.ts'
import { tellMemory } from './memory.ts'
import { type Program, startProgram, temporaryFolder } from './program.ts'
import { median } from './rounds.ts'

/** Seconds from the start of the process until /readyz is green. */
const AIMS = { cold: 3, warm: 1 }

/**
 * `npm start` without npm's own time. Cold: an empty data directory and nothing compiled. Warm: the same once more.
 */
export async function start(bench: Bench): Promise<readonly Figure[]> {
  const seconds = { cold: [] as number[], warm: [] as number[] }
  let memory: readonly Figure[] = []
  for (let nth = bench.quick ? 4 : 0; nth < 5; nth++) {
    const folder = await temporaryFolder(bench)
    for (const state of ['cold', 'warm'] as const) {
      const { program, took } = await timedStart(bench, folder)
      seconds[state].push(took)
      if (state === 'warm' && nth === 4) {
        await pause(bench.quick ? 1_000 : 10_000)
        memory = tellMemory('memory at rest', program.pid)
      }
      await program.stop()
    }
  }
  return [
    atMost('start on an empty data directory, until /readyz is green', median(seconds.cold), AIMS.cold, ' s'),
    atMost('start on a data directory that is there', median(seconds.warm), AIMS.warm, ' s'),
    {
      what: 'all starts',
      reached: `cold ${seconds.cold.map(number).join(', ')} s; warm ${seconds.warm.map(number).join(', ')} s`,
    },
    ...memory,
  ]
}

async function timedStart(bench: Bench, folder: string): Promise<{ program: Program; took: number }> {
  const port = await freePort()
  const begun = performance.now()
  const program = await startProgram(bench, 'scripts/start.ts', {
    PORT: String(port),
    DATA_DIR: join(folder, 'data'),
    NODE_COMPILE_CACHE: join(folder, 'compiled'),
  })
  let ended: unknown
  program.firstLine.catch((error: unknown) => (ended = error))
  while (!(await isGreen(`http://127.0.0.1:${port}/readyz`))) {
    if (ended !== undefined) throw ended
    await pause(5)
  }
  return { program, took: (performance.now() - begun) / 1000 }
}

function isGreen(url: string): Promise<boolean> {
  return new Promise((resolve) => {
    const request = get(url, { agent: false }, (answer) => {
      answer.resume()
      resolve(answer.statusCode === 200)
    })
    request.on('error', () => resolve(false))
  })
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
