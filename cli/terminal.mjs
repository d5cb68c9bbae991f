/** What a run looks like: one line for each thing that happens. Whatever comes from the platform cannot break out of its line. */

/** @typedef {'red' | 'green' | 'yellow' | 'dim'} Colour */

const CODES = { red: 31, green: 32, yellow: 33, dim: 2 }

/**
 * @typedef {Readonly<{
 *   say: (line: string) => void,
 *   warn: (line: string) => void,
 *   paint: (colour: Colour, text: string) => string,
 *   flushed: () => Promise<void>,
 * }>} Terminal
 *
 * @param {Readonly<{ out: NodeJS.WriteStream, errors: NodeJS.WriteStream, environment: Readonly<Record<string, string | undefined>> }>} options
 * @returns {Terminal}
 */
export function openTerminal({ out, errors, environment }) {
  const coloured = out.isTTY && !environment['NO_COLOR'] && environment['TERM'] !== 'dumb'
  // Who reads may go before the run ends, as `head` does; the run and its exit code do not depend on him.
  for (const stream of [out, errors]) stream.on('error', () => {})
  return {
    say: (line) => void out.write(`${line}\n`),
    warn: (line) => void errors.write(`testledger: ${plain(line)}\n`),
    paint: (colour, text) => (coloured ? `\u001B[${CODES[colour]}m${text}\u001B[0m` : text),
    async flushed() {
      await Promise.all([out, errors].map((stream) => new Promise((resolve) => void stream.write('', resolve))))
    },
  }
}

/**
 * Text from outside as part of one line: neither line ends nor what steers a terminal.
 *
 * @param {string} text
 * @returns {string}
 */
export function plain(text) {
  return text.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}\u202A-\u202E\u2066-\u2069]+/gu, ' ').trim()
}
