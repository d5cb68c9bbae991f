create table events (
  position bigint primary key,
  stream text collate "C" not null,
  revision bigint not null,
  id uuid not null,
  type text not null,
  data json not null,
  meta json not null,
  at text not null,
  unique (stream, revision)
);

-- Appends what a process has gathered: one entry of the first three arrays for each append, the revision that its stream must be at
-- (-1: it has no events) and the time of its first event; one entry of the others for each event, where `owners` says whose it is,
-- from 1, and `steps` which of its own it is, from 1. Times within an append do not fall. No stream stands twice in one call.
--
-- Answers the position before the first event stored; the appends whose stream was elsewhere, of which nothing is stored, and those of
-- them whose very events follow that revision already; and for the appends that began before the time of their stream's last event that
-- time, which is what their earlier events have got instead (null when there is none such).
--
-- One appender at a time, until its commit: so positions have no gaps and become visible in their order, and whoever reads on from a
-- position misses nothing. In READ COMMITTED each statement sees what was committed before it began: all that is read after the
-- lock includes every earlier append.
create function append_events(
  streams text[], expected bigint[], begins text[],
  owners int[], steps int[], ids uuid[], types text[], datas json[], metas json[], ats text[],
  out head bigint, out refused int[], out repeated int[], out lifts text[]
) language plpgsql
-- The plans are made once and kept. One made while the table is small would read all of it, for each append, when it has grown.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
begin
  perform pg_advisory_xact_lock(7002);

  select e.position into head from events e order by e.position desc limit 1;
  head := coalesce(head, 0);

  select array_agg(a.owner) filter (where a.expected <> coalesce(last.revision, -1)),
         case when bool_or(last.at::timestamptz > a.begins::timestamptz)
              then array_agg(case when last.at::timestamptz > a.begins::timestamptz then last.at end order by a.owner) end
  into refused, lifts
  from unnest(streams, expected, begins) with ordinality as a (stream, expected, begins, owner)
  left join lateral (
    select e.revision, e.at from events e where e.stream = a.stream order by e.revision desc limit 1
  ) last on true;

  insert into events (position, stream, revision, id, type, data, meta, at)
  select head + row_number() over (order by d.nth), a.stream, a.expected + d.step, d.id, d.type, d.data, d.meta,
         case when lifts is null or lifts[d.owner]::timestamptz <= d.at::timestamptz then d.at else coalesce(lifts[d.owner], d.at) end
  from unnest(owners, steps, ids, types, datas, metas, ats) with ordinality as d (owner, step, id, type, data, meta, at, nth)
  join unnest(streams, expected) with ordinality as a (stream, expected, owner) on a.owner = d.owner
  where refused is null or d.owner <> all (refused);

  if refused is not null then
    select array_agg(same.owner) into repeated
    from (
      select a.owner
      from unnest(streams, expected) with ordinality as a (stream, expected, owner)
      join unnest(owners, steps, ids) as d (owner, step, id) on d.owner = a.owner
      left join lateral (
        select e.id from events e where e.stream = a.stream and e.revision = a.expected + d.step limit 1
      ) there on true
      where a.owner = any (refused)
      group by a.owner
      having bool_and(there.id is not distinct from d.id)
    ) same;
  end if;
end $$;
