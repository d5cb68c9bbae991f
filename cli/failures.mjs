/** What ends a command before it has a verdict. Each message is one line. */

/** The command line or the environment cannot be understood. */
export class UsageError extends Error {}

/** The platform was heard and said no; `message` is its own words. */
export class Refused extends Error {
  /** @readonly @type {number} */
  status
  /** @readonly @type {string} */
  code

  /**
   * @param {number} status of HTTP; 0 where the answer came another way
   * @param {string} words
   * @param {string} [code] as stable as the words are not
   */
  constructor(status, words, code = '') {
    super(words)
    this.status = status
    this.code = code
  }
}

/** The platform was not heard, or not for too long. */
export class Unreachable extends Error {}

/** A report could not be written. */
export class Unwritable extends Error {}

/** Ctrl-C, or SIGTERM. `doubtful`: a request with an effect was under way, and nothing is known of it. */
export class Interrupted extends Error {
  /** @readonly @type {boolean} */
  doubtful

  /** @param {boolean} [doubtful] */
  constructor(doubtful = false) {
    super('interrupted')
    this.doubtful = doubtful
  }
}

/**
 * What was thrown, in words.
 *
 * @param {unknown} error
 * @returns {string}
 */
export function wordsOf(error) {
  if (!(error instanceof Error)) return String(error)
  // What both addresses of a name refused, Node sums up without a word.
  if (error instanceof AggregateError && error.message === '') return wordsOf(error.errors[0])
  return error.message === '' ? error.name : error.message
}
