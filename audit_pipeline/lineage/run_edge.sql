-- Which run wrote what the runs in `lineage_reader` read; see the comment of lineage.run_edge.
with reads as (
    select distinct i.run_id, i.node, i.version, i.location, r.started
    from lineage.run_io i join lineage.run r using (run_id)
    where i.direction = 'input' and i.run_id in (select run_id from lineage_reader)),
writes as (
    select distinct o.run_id, o.node, o.version, o.location, r.ended
    from lineage.run_io o join lineage.run r using (run_id)
    where o.direction = 'output'
        and (o.version in (select version from reads) or o.location in (select location from reads))),
-- One run per moment, so that the last before a moment is one run.
of_version as (
    select node, version, ended, max(run_id) as run_id from writes
    where version is not null and ended is not null group by node, version, ended),
first_of_version as (
    select node, version, arg_min(run_id, (coalesce(ended, 'infinity'::timestamp), run_id)) as run_id from writes
    where version is not null group by node, version),
at_place as (
    select location, ended, max(run_id) as run_id, version is null as bare from writes
    where ended is not null group by location, ended, bare),
before as (
    select r.*, coalesce(w.run_id, f.run_id) as writer
    from reads r
    asof left join of_version w on r.node = w.node and r.version = w.version and r.started >= w.ended
    left join first_of_version f on r.node = f.node and r.version = f.version),
placed as (
    select b.*, w.run_id as placed_by
    from (select * from before where writer is null and version is not null) b
    asof left join (select * from at_place where bare) w on b.location = w.location and b.started >= w.ended
    union all
    select b.*, w.run_id
    from (select * from before where version is null) b
    asof left join (select location, ended, max(run_id) as run_id from at_place group by location, ended) w
        on b.location = w.location and b.started >= w.ended)
select distinct writer as src, run_id as dst, node, version, 'version' as matched
from before where writer is not null and writer <> run_id
union all
select distinct placed_by, run_id, node, version, 'location'
from placed where placed_by is not null and placed_by <> run_id
