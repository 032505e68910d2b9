"""What fed what: OpenLineage events of every stage, kept as a graph one can ask for any past night.

    trace --events_of--> events --outbox.append--> outbox --store.load--> lineage.* tables --> queries, page

Names of nodes: a job is `job:<project>:<model>.<stage>`, a dataset `dataset:<namespace>:<name>`. Nobody needs to
type these: every node has an alias, the shortest end of its name that is unique (`high_utilizer.audit`,
`snapshots/high_utilizer`), and macros and commands take either.
"""
