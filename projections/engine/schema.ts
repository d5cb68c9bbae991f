import type { Migration } from '../../platform/migrations.ts'

/** Word that a generation was switched to, a rebuild asked for, or an event skipped. A notification carries nothing: who hears it reads. */
export const CHANNEL = 'projections'

export const engineMigrations: readonly Migration[] = [
  {
    name: 'projection engine',
    statements: [
      // `position` is the checkpoint. `tables` are real names, so that they can be dropped by code that no longer knows the projection.
      `create table projections (
         name text not null,
         version integer not null,
         generation integer not null,
         state text not null check (state in ('live', 'building', 'retired')),
         position text collate "C" not null,
         stopped_position text,
         error text,
         tables text[] not null,
         retired_at timestamptz,
         primary key (name, version, generation)
       ) with (fillfactor = 50)`,
      `create unique index one_live_generation on projections (name, version) where state = 'live'`,
      // A request stays open until its generation was switched to or has failed: a projector that is killed leaves it to the next.
      `create table rebuild_requests (
         id bigint generated always as identity primary key,
         name text not null,
         version integer not null,
         asked_at timestamptz not null default now(),
         done_at timestamptz,
         failed_position text,
         error text
       )`,
      // A checkpoint that is not where its projector left it is an error of the statement, and so of its transaction: the commit can be
      // sent before the answer is there.
      `create function projection_rival() returns void language plpgsql as $$
       begin raise exception 'another projector has moved a checkpoint' using errcode = 'TLRVL'; end $$`,
      `create table projection_skips (
         name text not null,
         version integer not null,
         position text not null,
         primary key (name, version, position)
       )`,
    ],
  },
]
