-- Jobs of the runs in `lineage_changed`. A job is continued when its changed runs all come after the others, and none
-- of them had closed a link before or lies elsewhere now: then nothing before them can change.
create or replace temp table lineage_job as
with now as (
    select c.*, r.node as new_node, r.effective as new_effective, r.started as new_started
    from lineage_changed c join lineage.run r using (run_id)),
touched as (select new_node as node from now union select node from now where node is not null),
changed as (
    select new_node as node, min((new_effective, new_started, run_id)) as first from now group by new_node),
unchanged as (
    select node, max((effective, started, run_id)) as last from lineage.run
    where node in (select node from touched) and run_id not in (select run_id from lineage_changed) group by node),
revised as (
    select node from now
    where renamed or state = 'COMPLETE' or (node, effective, started) <> (new_node, new_effective, new_started))
select t.node, coalesce(u.last < c.first, true)
    and t.node not in (select node from revised where node is not null) as continued
from touched t left join changed c using (node) left join unchanged u using (node)
