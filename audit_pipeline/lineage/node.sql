-- All nodes, each with the shortest end of its name that no other node has. Where producers gave a node several names,
-- it has the one it is called by. A job that only stands above others, such as the nightly one, reads and writes
-- nothing: it is no part of the graph.
with above as (
    select node from lineage.run group by node
    having bool_or(run_id in (select parent_run_id from lineage.run where parent_run_id is not null))
        and not bool_or(run_id in (select run_id from lineage.run_io))),
seen as (
    select r.node, 'job' as type, r.job_namespace as namespace, r.job as name, r.stage as kind, r.model_id,
        r.effective, r.run_id, r.origin = 'outbox' as ours
    from lineage.run r anti join above using (node)
    union all
    select i.node, 'dataset', i.namespace, i.name, i.kind, r.model_id, r.effective, i.run_id, r.origin = 'outbox'
    from lineage.run_io i join lineage.run r using (run_id)),
given as (
    select node, type, namespace, name, max({'ours': ours, 'effective': effective, 'run': run_id, 'kind': kind}) filter (kind is not null) as last,
        min(model_id) as first_model, max(model_id) as last_model, bool_or(ours) as ours
    from seen group by node, type, namespace, name),
named as (
    select node, any_value(type) as type,
        arg_min({'namespace': namespace, 'name': name}, (not ours, type || ':' || namespace || ':' || name <> node, namespace, name)) as called,
        max(last).kind as kind,
        case when min(first_model) = max(last_model) then min(first_model) end as model_id
    from given group by node),
split as (
    select node, case type when 'job' then [called.name] else string_split(ltrim(called.name, '/'), '/') end as part
    from named),
ending as (
    select node, len(part) as words, k, array_to_string(part[-k:], '/') as text
    from split, unnest(range(1, least(len(part), 8) + 1)) as t(k)
    union all select node, 0, 9, called.namespace || ':' || called.name from named
    union all select node, 0, 10, node from named),
alone as (select text from ending group by text having min(node) = max(node)),
short as (
    select node, arg_min(text, k) as alias from ending semi join alone using (text)
    where k >= least(2, words) -- one word alone would not say what it is
    group by node)
select node, type, called.namespace, called.name, kind, alias, model_id from named join short using (node)
