-- Life spans of what the runs of a job show ({key}, by `{shows}`), by gaps and islands. A run that shows a link opens
-- or continues it; a COMPLETE run of the job that does not show it closes it. `closed` counts the closing runs before
-- a showing: the showings with the same count are one life of the link. Of a job in `lineage_job` that was only
-- continued, the links still open (`lineage_open`) stand for all of its runs before the changed ones.
with ordered as (
    select run_id, node as job, effective, started, state
    from lineage.run join lineage_job using (node)
    where not continued or run_id in (select run_id from lineage_changed)
    union all
    select null, node, null, null, 'BEFORE' from lineage_job where continued),
turn as (
    select run_id, job, effective, state,
        row_number() over later as pos,
        count(*) filter (state = 'COMPLETE') over (later rows between unbounded preceding and 1 preceding) as complete,
        min(effective) filter (state = 'COMPLETE') over (
            later rows between 1 following and unbounded following) as next_effective
    from ordered window later as (partition by job order by run_id is not null, effective, started, run_id)),
shown as (
    select distinct t.job, t.pos, t.effective, t.state, t.complete, t.next_effective, {key}
    from turn t join ({shows}) using (run_id)
    union all
    select t.job, t.pos, o.valid_from, t.state, t.complete, t.next_effective, {key}
    from turn t join lineage_open o using (job) where t.run_id is null),
life as (
    select *, complete - count(*) filter (state = 'COMPLETE') over (
        partition by job, {key} order by pos rows between unbounded preceding and 1 preceding) as closed
    from shown),
span as (
    select job, {key}, min(effective) as valid_from, arg_max(struct_pack(at := next_effective), pos).at as valid_to
    from life group by job, {key}, closed)
-- Run again for the same night without the link, the newer run is right: a life without duration is none.
select {written}, valid_from, valid_to from span where valid_to is null or valid_to > valid_from
