-- Lineage in the published database. No name here carries a catalog, so that the file may be attached under any name;
-- the macros look names up in the current database: `USE <that name>` first when the file is not the only one.
create schema if not exists lineage;

create table lineage.event (
    event_id varchar primary key, event_time timestamp not null, event_type varchar not null, run_id varchar not null,
    job varchar not null, origin varchar not null, event json not null);
comment on table lineage.event is 'OpenLineage run events as they arrived; each is kept once and never changed.';
comment on column lineage.event.event_id is 'sha256 of the canonical JSON (sorted keys, no spaces, UTF-8)';
comment on column lineage.event.event_time is 'When it happened (UTC)';
comment on column lineage.event.event_type is 'START, RUNNING, COMPLETE, FAIL, ABORT or OTHER';
comment on column lineage.event.run_id is 'OpenLineage run: one stage of one model-night in one attempt';
comment on column lineage.event.job is 'Node of the job: job:<namespace>:<name>';
comment on column lineage.event.origin is 'outbox (written by this project) or inbox (dropped by another producer)';
comment on column lineage.event.event is 'The event with all facets';

create table lineage.run (
    run_id varchar, node varchar, job_namespace varchar, job varchar, started timestamp, ended timestamp, effective timestamp,
    state varchar, parent_run_id varchar, model_id varchar, night date, stage varchar, outcome varchar, failed bigint,
    error varchar, origin varchar);
comment on table lineage.run is 'One row per run of a stage (or of another producer''s job), derived from its events.';
comment on column lineage.run.run_id is 'OpenLineage run id (UUIDv7)';
comment on column lineage.run.node is 'Node of its job: job:<namespace>:<name>';
comment on column lineage.run.job_namespace is 'Namespace of the job: the project';
comment on column lineage.run.job is 'Name of the job: <model>.<stage>';
comment on column lineage.run.started is 'When it started (UTC)';
comment on column lineage.run.ended is 'When it ended (UTC); NULL while no end is known';
comment on column lineage.run.effective is 'Its place on the time axis of the graph: the start of the night it is about, else when it started (UTC)';
comment on column lineage.run.state is 'COMPLETE (ran), FAIL (could not run), ABORT (never ran), RUNNING (no end known)';
comment on column lineage.run.parent_run_id is 'Run of the nightly job it belongs to';
comment on column lineage.run.model_id is 'Model of the model-night; NULL for other producers';
comment on column lineage.run.night is 'Night of the model-night; NULL for other producers';
comment on column lineage.run.stage is 'Stage of the line; NULL for other producers';
comment on column lineage.run.outcome is 'What the stage found: PASS, WARN, FAIL or NOT_EVALUATED; NULL when it did not run';
comment on column lineage.run.failed is 'Checks or findings of the stage that failed';
comment on column lineage.run.error is 'Why it could not run, in one sentence of ours; NULL for other producers';
comment on column lineage.run.origin is 'outbox (a run of this project) or inbox (of another producer, whatever it says of itself)';

create table lineage.run_io (
    run_id varchar, direction varchar, node varchar, namespace varchar, name varchar, version varchar, kind varchar,
    row_count bigint, location varchar);
comment on table lineage.run_io is 'One row per version of a dataset that a run read or wrote.';
comment on column lineage.run_io.run_id is 'Run (lineage.run)';
comment on column lineage.run_io.direction is 'input or output';
comment on column lineage.run_io.node is 'Node of the dataset: dataset:<namespace>:<name>; of one known by several names that of its first (lineage.symlink)';
comment on column lineage.run_io.namespace is 'Namespace as its producer gave it, by the OpenLineage naming rules';
comment on column lineage.run_io.name is 'Name as its producer gave it; ours never hold the night, which is a version';
comment on column lineage.run_io.version is 'sha256 of the bytes; NULL when unknown';
comment on column lineage.run_io.kind is 'What it is: log, labels, reference, model, snapshot, record, ...';
comment on column lineage.run_io.row_count is 'Rows read or written; NULL when unknown';
comment on column lineage.run_io.location is 'Node of the name under which these very bytes lay, such as the file of one night: the first symlink it was given, else its name';

create table lineage.symlink (other varchar, node varchar);
comment on table lineage.symlink is 'Other names that producers gave to a dataset (facet symlinks). What is told of the other name is told of the node: one hop. Of several nodes, and of a name that was itself given others, the first in the order of text holds.';
comment on column lineage.symlink.other is 'Node of the other name: dataset:<namespace>:<name>';
comment on column lineage.symlink.node is 'Node of the dataset it was given to';

create table lineage.column_edge (
    run_id varchar, job varchar, src varchar, src_column varchar, dst varchar, dst_column varchar, type varchar,
    subtype varchar, masking boolean);
comment on table lineage.column_edge is 'One row per input column behind an output column of a run.';
comment on column lineage.column_edge.run_id is 'Run (lineage.run)';
comment on column lineage.column_edge.job is 'Node of its job';
comment on column lineage.column_edge.src is 'Node of the dataset it was read from';
comment on column lineage.column_edge.src_column is 'Column it was read from';
comment on column lineage.column_edge.dst is 'Node of the dataset it was written to';
comment on column lineage.column_edge.dst_column is 'Column it was written to';
comment on column lineage.column_edge.type is 'DIRECT (its value) or INDIRECT (it sorted, filtered or joined)';
comment on column lineage.column_edge.subtype is 'IDENTITY, TRANSFORMATION, AGGREGATION, ...';
comment on column lineage.column_edge.masking is 'Whether values were replaced, e.g. by pseudonyms';

create table lineage.edge (src varchar, dst varchar, valid_from timestamp, valid_to timestamp);
comment on table lineage.edge is 'Who reads and writes what, with the life span of each link: from the first run that showed it to the first later COMPLETE run of the job that did not. Failed and aborted runs end nothing.';
comment on column lineage.edge.src is 'Node the data comes from';
comment on column lineage.edge.dst is 'Node the data goes to';
comment on column lineage.edge.valid_from is 'First night (00:00 UTC) on which it held; included';
comment on column lineage.edge.valid_to is 'First night on which it no longer held; NULL while it holds';

create table lineage.column_link (
    job varchar, src varchar, src_column varchar, dst varchar, dst_column varchar, type varchar, subtype varchar,
    masking boolean, valid_from timestamp, valid_to timestamp);
comment on table lineage.column_link is 'Which column stands behind which, with the life span of each link; the rule is that of lineage.edge.';
comment on column lineage.column_link.job is 'Node of the job that made it so';
comment on column lineage.column_link.src is 'Node of the dataset it comes from';
comment on column lineage.column_link.src_column is 'Column it comes from';
comment on column lineage.column_link.dst is 'Node of the dataset it goes to';
comment on column lineage.column_link.dst_column is 'Column it goes to';
comment on column lineage.column_link.type is 'DIRECT (its value) or INDIRECT (it sorted, filtered or joined)';
comment on column lineage.column_link.subtype is 'IDENTITY, TRANSFORMATION, AGGREGATION, ...';
comment on column lineage.column_link.masking is 'Whether values were replaced, e.g. by pseudonyms';
comment on column lineage.column_link.valid_from is 'First night (00:00 UTC) on which it held; included';
comment on column lineage.column_link.valid_to is 'First night on which it no longer held; NULL while it holds';

create table lineage.run_edge (src varchar, dst varchar, node varchar, version varchar, matched varchar);
comment on table lineage.run_edge is 'Which run wrote what another run read: for each version that was read the last run that had written it when the reader started, else the first that wrote it.';
comment on column lineage.run_edge.src is 'Run that wrote (lineage.run)';
comment on column lineage.run_edge.dst is 'Run that read (lineage.run)';
comment on column lineage.run_edge.node is 'Node of the dataset between them';
comment on column lineage.run_edge.version is 'sha256 of the bytes as the reader gave it; NULL when unknown';
comment on column lineage.run_edge.matched is 'version (both gave the same one), or location (one of them gave none: the last run that had written to that place)';

create table lineage.node (
    node varchar, type varchar, namespace varchar, name varchar, kind varchar, alias varchar, model_id varchar);
comment on table lineage.node is 'One row per job and dataset of the graph.';
comment on column lineage.node.node is 'job:<namespace>:<name> or dataset:<namespace>:<name>';
comment on column lineage.node.type is 'job or dataset';
comment on column lineage.node.namespace is 'Namespace by the OpenLineage naming rules';
comment on column lineage.node.name is 'Name within the namespace';
comment on column lineage.node.kind is 'Of a dataset what it is, of a job its stage';
comment on column lineage.node.alias is 'Shortest end of the name that is unique; macros and commands take it too';
comment on column lineage.node.model_id is 'The only model that touches it; NULL when several do';

create table lineage.quarantine (
    file varchar, byte_offset bigint, bytes bigint, sha256 varchar, reason varchar);
comment on table lineage.quarantine is 'What arrived and is no usable event, or another producer''s that speaks for this project; its content is not shown here.';
comment on column lineage.quarantine.file is 'File in the outbox, or inbox/<file>';
comment on column lineage.quarantine.byte_offset is 'Bytes before it';
comment on column lineage.quarantine.bytes is 'Its length in bytes';
comment on column lineage.quarantine.sha256 is 'sha256 of it; NULL while its file cannot be read or its end has not arrived: it is tried again';
comment on column lineage.quarantine.reason is 'Why it was refused';

create table lineage.loaded (file varchar, bytes bigint, mark varchar, sha256 varchar);
comment on table lineage.loaded is 'How far each file of outbox and inbox has been taken in.';
comment on column lineage.loaded.file is 'File in the outbox, or inbox/<file>';
comment on column lineage.loaded.bytes is 'Bytes taken, up to the end of a line or of an event';
comment on column lineage.loaded.mark is 'Identity, size and time of a file in the inbox as it was then; NULL for the outbox, whose files only grow';
comment on column lineage.loaded.sha256 is 'sha256 of the bytes taken of a file in the inbox: when they are no longer there, it is read from its start';

create macro lineage.edges_at(as_of := null) as table
    select src, dst, valid_from, valid_to from lineage.edge
    where case when as_of is null then valid_to is null
          else valid_from <= as_of::timestamp and (valid_to is null or valid_to > as_of::timestamp) end;

create macro lineage.upstream(node, as_of := null, depth := 20) as table
    with recursive reached(at_node, steps) as (
        select n.node, 0 from lineage.node n where n.node = node or n.alias = node
        union
        select e.src, r.steps + 1 from reached r join lineage.edges_at(as_of := as_of) e on e.dst = r.at_node
        where r.steps < depth)
    select at_node as node, min(steps) as depth from reached group by at_node order by min(steps), at_node;

create macro lineage.downstream(node, as_of := null, depth := 20) as table
    with recursive reached(at_node, steps) as (
        select n.node, 0 from lineage.node n where n.node = node or n.alias = node
        union
        select e.dst, r.steps + 1 from reached r join lineage.edges_at(as_of := as_of) e on e.src = r.at_node
        where r.steps < depth)
    select at_node as node, min(steps) as depth from reached group by at_node order by min(steps), at_node;

create macro lineage.column_edges_at(as_of := null) as table
    select job, src, src_column, dst, dst_column, type, subtype, masking, valid_from, valid_to
    from lineage.column_link
    where case when as_of is null then valid_to is null
          else valid_from <= as_of::timestamp and (valid_to is null or valid_to > as_of::timestamp) end;

create macro lineage.column_path(node, column_name, as_of := null, depth := 20) as table
    with recursive path(steps, src, src_column, dst, dst_column, type, subtype, masking, masked) as (
        select 1, c.src, c.src_column, c.dst, c.dst_column, c.type, c.subtype, c.masking, c.masking
        from lineage.column_edges_at(as_of := as_of) c join lineage.node n on n.node = c.dst
        where (n.node = node or n.alias = node) and c.dst_column = column_name
        union
        select p.steps + 1, c.src, c.src_column, c.dst, c.dst_column, c.type, c.subtype, c.masking,
            p.masked or c.masking
        from path p join lineage.column_edges_at(as_of := as_of) c on c.dst = p.src and c.dst_column = p.src_column
        where p.steps < depth)
    select min(steps) as depth, src, src_column, dst, dst_column, type, subtype, masking, bool_and(masked) as masked
    from path group by src, src_column, dst, dst_column, type, subtype, masking
    order by min(steps), src, src_column, dst, dst_column, subtype;

create macro lineage.touched_by(what, depth := 20) as table
    with recursive reached(run, steps) as (
        select i.run_id, 1 from lineage.run_io i join lineage.node n on n.node = i.node
        where i.direction = 'input' and (i.node = what or n.alias = what or i.version = what)
        union
        select i.run_id, r.steps + 1
        from reached r
        join lineage.run_io o on o.run_id = r.run and o.direction = 'output'
        join lineage.run_io i on i.direction = 'input' and i.node = o.node and i.version = o.version
        where r.steps < depth)
    select min(r.steps) as depth, t.model_id, t.night, t.stage, t.state, t.outcome, t.node as job, t.run_id
    from reached r join lineage.run t on t.run_id = r.run
    group by all order by min(r.steps), t.model_id, t.night, t.node, t.run_id;

create macro lineage.runs_behind(run, depth := 20) as table
    with recursive behind(writer, steps, how) as (
        select e.src, 1, e.matched from lineage.run_edge e where e.dst = run
        union
        select e.src, b.steps + 1, e.matched
        from behind b join lineage.run_edge e on e.dst = b.writer
        where b.steps < depth)
    select min(b.steps) as depth, t.run_id, t.node as job, t.model_id, t.night, t.stage, t.state, t.outcome,
        arg_min(b.how, 2 * b.steps + (b.how = 'location')::integer) as matched
    from behind b join lineage.run t on t.run_id = b.writer
    where t.run_id <> run
    group by t.run_id, t.node, t.model_id, t.night, t.stage, t.state, t.outcome
    order by min(b.steps), t.node, t.night, t.run_id;

comment on macro table lineage.edges_at is 'Links that held as of a moment (UTC; a DATE is its first instant, which is where its night lies); without one, those that hold now.';
comment on macro table lineage.upstream is 'What fed a node (full name or alias), with the number of links between.';
comment on macro table lineage.downstream is 'What a node (full name or alias) fed, with the number of links between.';
comment on macro table lineage.column_edges_at is 'Column links that held as of a moment (as in edges_at); without one, those that hold now.';
comment on macro table lineage.column_path is 'Which columns stand behind a column; `masked` says that values were replaced on every path from there.';
comment on macro table lineage.touched_by is 'Runs that read a dataset (full name, alias, or sha256 of one version), and those that read what they wrote, by exact version.';
comment on macro table lineage.runs_behind is 'Every run that fed a run (run id), directly or through others, by the exact versions that were read (lineage.run_edge); `matched` says how the nearest link to it was found.';
