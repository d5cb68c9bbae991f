/**
 * launch.mjs FILE [ARGUMENT ...]: runs `main` of one of the project's TypeScript files on Node 24 or later, which reads them as they are.
 *
 * npm puts the Node that comes along (an optional dependency) first on the path. Where it does not, an older Node hands over to it.
 */
import { spawn } from 'node:child_process'
import module from 'node:module'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

const NEEDED = 24

// Node looks up as many names at once as half of this pool has threads, two if nothing is said. Where a resolver is silent, lookups of one
// server that is away would hold up those of all others.
process.env.UV_THREADPOOL_SIZE ??= '16'

const [file = '', ...args] = process.argv.slice(2)
if (Number.parseInt(process.versions.node) >= NEEDED) {
  module.enableCompileCache?.()
  const { main } = await import(pathToFileURL(resolve(file)).href)
  await main(args)
} else {
  const node = bundledNode()
  if (node === undefined) {
    console.error(
      `Testledger needs Node ${NEEDED} or later; this is ${process.version}, and none comes along for this system.`,
    )
    process.exit(1)
  }
  const child = spawn(node, process.argv.slice(1), { stdio: 'inherit' })
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal))
  child.on('exit', (code, signal) => process.exit(signal ? 1 : (code ?? 1)))
}

function bundledNode() {
  try {
    return module.createRequire(import.meta.url).resolve(`node-${process.platform}-${process.arch}/bin/node`)
  } catch {
    return undefined
  }
}
