// What held as of the night, and what each node came to. On a page made as of a date, nothing later is known.
const until = () => (state.asOf ? state.asOf + "T23:59:59" : "");
const holds = (link) => (state.asOf ? link.from <= until() && (!link.to || link.to > until()) : !link.to);
const runsOf = (id) => (data.runs[id] || []).filter((run) => !state.asOf || run.at <= until());
const versionsOf = (id) => (data.versions[id] || []).filter((seen) => !state.asOf || seen.since <= until());
const describedOf = (id) => (data.described[id] || []).find((said) => !state.asOf || said.since <= until()) || {};
const carried = (id) => (data.runs[id] || []).length < data.runsShown; // whether the page has all runs of a job

const named = (object) => Object.assign(Object.create(null), object); // no name of a language is an entry
const MAKERS = named({ AIRFLOW: "Airflow", DAGSTER: "Dagster", DBT: "dbt", FLINK: "Flink", SPARK: "Spark", SQL: "SQL" });
const maker = (node) => (node.by ? MAKERS[node.by.toUpperCase()] || node.by : "another producer");
const foreign = (node) => node.type === "job" && !node.kind;

const NO_RUN = ["none", "no run yet"];
const OUTCOMES = named({
  PASS: ["pass", "PASS"], WARN: ["warn", "WARN"], FAIL: ["fail", "FAIL"], NOT_EVALUATED: ["unknown", "NOT_EVALUATED"],
});
const outcome = (word) => OUTCOMES[word] || ["none", word || "unknown"]; // anybody may have written the word
function result(run) { // class and words of a run
  if (!run) return NO_RUN;
  if (run.state === "FAIL") return ["fail", "could not run"];
  if (run.state === "ABORT") return ["none", "did not run"];
  if (run.state === "RUNNING") return ["none", "running"];
  return OUTCOMES[run.outcome] || ["ran", "ran"];
}
function status(node) { // class and second line of a node
  if (node.kind === "producer") return ["ran", "other producer · " + count(node.holds, "node")];
  if (node.type === "group") return node.verdictNode ? status(node.verdictNode) : NO_RUN;
  return node.type === "dataset" ? datasetStatus(node) : jobStatus(node);
}
function datasetStatus(node) {
  const [latest] = versionsOf(node.id);
  const { model } = describedOf(node.id);
  if (!latest) return ["", node.namespace];
  if (model && model.version) return ["", `version ${model.version} · ${latest.version.slice(0, 8)}`];
  return ["", latest.rows === undefined ? "sha256 " + latest.version.slice(0, 8) : count(latest.rows, "row")];
}
function jobStatus(node) {
  const [run] = runsOf(node.id);
  const [kind, word] = run || carried(node.id) ? result(run) : ["none", "run not on this page"];
  if (foreign(node)) return [kind, `${maker(node)} · ${word}`];
  const failed = run && run.state === "COMPLETE" && run.failed;
  if (failed && node.kind === "validation") return [kind, `${word} · ${count(failed, "check")} failed`];
  if (node.kind === "drift" && run && run.largest && run.largest.length && kind !== "none") {
    const top = run.largest.find((score) => score.method === "psi") || run.largest[0];
    return [kind, `${word} · ${top.method} ${top.value.toFixed(2)} ${top.column}`];
  }
  if (failed && node.kind !== "audit") return [kind, `${word} · ${count(failed, "finding")}`];
  return [kind, word];
}
