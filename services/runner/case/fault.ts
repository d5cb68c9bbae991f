/** Why a case is 错误 although no script failed: the sentence is for the user and stands in the case's log. */
export class CaseFault extends Error {
  /** How the log names it: the Python exception that the old engine raises here. */
  readonly type: string

  constructor(message: string, { type = 'ValueError', ...options }: ErrorOptions & { type?: string } = {}) {
    super(message, options)
    this.name = 'CaseFault'
    this.type = type
  }
}
