-- What the runs $runs, each with the version in $versions that it read, led to. First which runs come after them at
-- all, then in what way: a state is a run with the version it goes back to, and where its model-night took that in, the
-- stage, and the dataset it came through when another model-night or producer wrote it.
with recursive asked as (select unnest($runs::varchar[]) as run_id, unnest($versions::varchar[]) as version),
after(run_id, steps) as (
    select run_id, 1 from asked
    union
    select e.dst, a.steps + 1 from after a join lineage.run_edge e on e.src = a.run_id where a.steps < $depth),
run as (
    select * from lineage.run
    where run_id in (select run_id from after) and ($at is null or effective <= $at)),
link as (
    select e.src, e.dst, e.node, d.stage, s.night as src_night,
        s.model_id is not distinct from d.model_id and s.night is not distinct from d.night as within
    from lineage.run_edge e join run s on s.run_id = e.src join run d on d.run_id = e.dst),
reached(run_id, version, stage, through, through_night, steps) as (
    select a.run_id, a.version, r.stage, null::varchar, null::date, 1 from asked a join run r using (run_id)
    union
    select l.dst, b.version,
        case when l.within then b.stage else l.stage end,
        case when l.within then b.through else l.node end,
        case when l.within then b.through_night else l.src_night end,
        b.steps + 1
    from reached b join link l on l.src = b.run_id where b.steps < $depth),
-- The records of every model-night; the newest is what its last complete audit wrote.
record as (
    select r.run_id, r.model_id, r.night, r.outcome as verdict, i.version as record,
        row_number() over (
            partition by r.model_id, r.night order by r.effective desc, r.started desc, r.run_id desc) as place
    from lineage.run r
    join lineage.run_io i on i.run_id = r.run_id and i.direction = 'output' and i.kind = 'record'
    where r.stage = 'audit' and r.state = 'COMPLETE' and ($at is null or r.effective <= $at)
        and (r.model_id, r.night) in (select (model_id, night) from run))
select distinct r.node as job, r.model_id, r.night, c.verdict, c.record, c.record = newest.record as newest,
    b.stage, n.alias as through, b.through_night, b.version
from reached b
join run r using (run_id)
left join record c using (run_id)
left join record newest on newest.model_id = c.model_id and newest.night = c.night and newest.place = 1
left join lineage.node n on n.node = b.through
order by all
