#!/usr/bin/env node
const NEEDED = 20

if (Number.parseInt(process.versions.node) < NEEDED) {
  console.error(`testledger: needs Node ${NEEDED} or later; this is ${process.version}`)
  process.exitCode = 2
} else {
  const { main } = await import('../cli/main.mjs')
  await main()
}
