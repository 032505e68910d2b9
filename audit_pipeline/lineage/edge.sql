-- Edges of the jobs in `lineage_jobs`, by gaps and islands. A run that showed an edge opens or continues it; a
-- COMPLETE run of the job that did not show it closes it. `closed` counts the closing runs before a showing: the
-- showings with the same count are one life of the edge.
with turn as (
    select run_id, node, effective, state,
        row_number() over later as pos,
        count(*) filter (state = 'COMPLETE') over (later rows between unbounded preceding and 1 preceding) as complete,
        min(effective) filter (state = 'COMPLETE') over (
            later rows between 1 following and unbounded following) as next_effective
    from lineage.run where node in (select node from lineage_jobs)
    window later as (partition by node order by effective, started, run_id)),
shown as (
    select distinct t.node as job, t.pos, t.effective, t.state, t.complete, t.next_effective,
        case i.direction when 'input' then i.node else t.node end as src,
        case i.direction when 'input' then t.node else i.node end as dst
    from turn t join lineage.run_io i using (run_id)),
life as (
    select *, complete - count(*) filter (state = 'COMPLETE') over (
        partition by job, src, dst order by pos rows between unbounded preceding and 1 preceding) as closed
    from shown),
span as (
    select src, dst, min(effective) as valid_from, last(next_effective order by pos) as valid_to
    from life group by job, src, dst, closed)
-- Run again for the same night without the edge, the newer run is right: a life without duration is none.
select src, dst, valid_from, valid_to from span where valid_to is null or valid_to > valid_from
