import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { Router } from '@koa/router'
import Koa from 'koa'
import { Pool } from 'pg'

type Row = Readonly<{ name: string; url: string; method: string; type: string; project: number }>

/**
 * What an interface costs when nothing but koa and pg stands between: no token, no check, no log, no event; one row is inserted, one
 * is selected. DATABASE_URL names an empty database.
 */
export async function main(): Promise<void> {
  const pool = new Pool({ connectionString: process.env['DATABASE_URL'], max: 20 })
  await pool.query(
    'create table interfaces (id serial primary key, name text, url text, method text, type text, project integer)',
  )
  const router = new Router()
  router.post('/api/TestInterFace/interfaces/', async (context) => {
    const { name, url, method, type, project } = (await json(context.req)) as Row
    const { rows } = await pool.query<Row>({
      name: 'insert',
      text: 'insert into interfaces (name, url, method, type, project) values ($1, $2, $3, $4, $5) returning *',
      values: [name, url, method, type, project],
    })
    context.status = 201
    context.body = rows[0]
  })
  router.get('/api/TestInterFace/interfaces/:id/', async (context) => {
    const text = 'select * from interfaces where id = $1'
    const { rows } = await pool.query<Row>({ name: 'select', text, values: [context.params['id']] })
    if (rows[0]) context.body = rows[0]
  })
  const app = new Koa().use(router.routes())
  const handle = app.callback()
  const server = createServer((request, response) => void handle(request, response))
  server.listen(0, '127.0.0.1', () => {
    console.log(`The bare route is ready at http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  })
  process.once('SIGTERM', () => process.exit(0))
}
