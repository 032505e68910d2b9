-- All nodes, each with the shortest end of its name that no other node has.
with seen as (
    select r.node, 'job' as type, r.job_namespace as namespace, r.job as name, r.stage as kind, r.model_id,
        r.effective, r.run_id
    from lineage.run r
    union all
    select i.node, 'dataset', i.namespace, i.name, i.kind, r.model_id, r.effective, i.run_id
    from lineage.run_io i join lineage.run r using (run_id)),
named as (
    select node, type, namespace, name,
        last(kind order by effective, run_id, kind) filter (kind is not null) as kind,
        case when count(distinct model_id) = 1 then min(model_id) end as model_id
    from seen group by node, type, namespace, name),
split as (
    select node, case type when 'job' then [name] else string_split(ltrim(name, '/'), '/') end as part from named),
ending as (
    select node, k, array_to_string(part[-k:], '/') as text
    from split, unnest(range(1, least(len(part), 8) + 1)) as t(k)
    union all select node, 9, namespace || ':' || name from named
    union all select node, 10, node from named),
alone as (select text from ending group by text having count(distinct node) = 1)
select n.node, n.type, n.namespace, n.name, n.kind, arg_min(e.text, e.k) as alias, n.model_id
from named n join split s using (node) join ending e using (node)
where e.text in (select text from alone)
    and e.k >= least(2, len(s.part)) -- one word alone would not say what it is
group by all
