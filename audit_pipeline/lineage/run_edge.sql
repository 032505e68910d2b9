-- Which run wrote what the runs in `lineage_reader` read; see the comment of lineage.run_edge. Reads and the writes
-- that matter become small tables first: joined in one statement, the planner takes three times as long.
create or replace temp table lineage_read as
    select distinct i.run_id, i.node, i.version, i.location, r.started
    from lineage.run_io i join lineage.run r using (run_id)
    where i.direction = 'input' and i.run_id in (from lineage_reader);

create or replace temp table lineage_write as
    with wanted as (
        select run_id, node, version, location from lineage.run_io
        where direction = 'output' and version in (select version from lineage_read)
        union
        select run_id, node, version, location from lineage.run_io
        where direction = 'output' and version is null and location in (select location from lineage_read)
        union
        select run_id, node, version, location from lineage.run_io
        where direction = 'output' and location in (select location from lineage_read where version is null))
    select w.*, r.ended from wanted w join lineage.run r using (run_id);

insert into lineage.run_edge
with of_version as ( -- one run per moment, so that the last before a moment is one run
    select node, version, ended, max(run_id) as run_id from lineage_write
    where version is not null and ended is not null group by node, version, ended),
first_of_version as (
    select node, version, arg_min(run_id, (coalesce(ended, 'infinity'::timestamp), run_id)) as run_id
    from lineage_write where version is not null group by node, version),
at_place as (
    select location, ended, max(run_id) as run_id from lineage_write
    where ended is not null group by location, ended),
bare_at_place as (
    select location, ended, max(run_id) as run_id from lineage_write
    where ended is not null and version is null group by location, ended),
found as (
    select r.*, coalesce(w.run_id, f.run_id) as writer
    from lineage_read r
    asof left join of_version w on r.node = w.node and r.version = w.version and r.started >= w.ended
    left join first_of_version f on r.node = f.node and r.version = f.version),
fed as (
    select writer as src, run_id as dst, node, version, 'version' as matched from found where writer is not null
    union
    select w.run_id, r.run_id, r.node, r.version, 'location'
    from (select * from found where writer is null and version is not null) r
    asof join bare_at_place w on r.location = w.location and r.started >= w.ended
    union
    select w.run_id, r.run_id, r.node, null, 'location'
    from (select * from lineage_read where version is null) r
    asof join at_place w on r.location = w.location and r.started >= w.ended)
select * from fed where src <> dst;

drop table lineage_read;
drop table lineage_write;
