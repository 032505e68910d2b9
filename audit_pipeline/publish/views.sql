-- Views for the everyday questions. The comment above a view becomes its COMMENT; `-- column NAME: text` documents a
-- column that no table has; every other column takes the comment of the table column of the same name.

-- The last audited night of every model, worst first.
-- column record_path: record file below the audit folder
CREATE OR REPLACE VIEW v_last_night AS
SELECT model_id, night, verdict, conclusion, rows, failed, warned, not_evaluated, maturity, owner, domain, record,
       'evidence/' || model_id || '/' || night || '/' || record || '.json' AS record_path
FROM model_night
QUALIFY row_number() OVER (PARTITION BY model_id ORDER BY night DESC) = 1
ORDER BY list_position(['FAIL', 'NOT_EVALUATED', 'WARN', 'PASS'], verdict), model_id;

-- Findings behind every model-night whose verdict is FAIL or NOT_EVALUATED, newest record only.
CREATE OR REPLACE VIEW v_failing_models AS
SELECT m.model_id, m.night, m.verdict, f.stage, f.name, f."column", f.outcome, f.value, f."limit", f.n, f.reason, m.record
FROM model_night m JOIN finding f USING (model_id, night, record)
WHERE m.verdict IN ('FAIL', 'NOT_EVALUATED') AND f.counts AND f.outcome IN ('FAIL', 'NOT_EVALUATED')
ORDER BY m.night DESC, m.model_id;

-- Every number over time, newest record only: drift scores, performance metrics, concept drift, quality scores.
-- column kind: drift, performance, estimate (of performance, while there are no labels), concept or quality
-- column subject: column, slice or score
-- column metric: method or metric
CREATE OR REPLACE VIEW v_metric_trend AS
SELECT d.model_id, d.night, 'drift' AS kind, d."column" AS subject, d.method AS metric, d.score AS value,
       NULL::DOUBLE AS lo, NULL::DOUBLE AS hi, d.n
FROM drift d JOIN model_night m USING (model_id, night, record)
UNION ALL
SELECT p.model_id, p.night, if(p.maturity = 'estimated', 'estimate', 'performance'), p.slice, p.metric, p.value, p.lo,
       p.hi, p.n
FROM performance p JOIN model_night m USING (model_id, night, record)
UNION ALL
SELECT k.model_id, k.night, 'concept', k.name, k.name, k.value, k.lo, k.hi, c.n
FROM concept_number k JOIN concept c USING (model_id, night, record) JOIN model_night m USING (model_id, night, record)
UNION ALL
SELECT q.model_id, q.night, 'quality', q.name, q.name, q.value, NULL, NULL, q.n
FROM quality q JOIN model_night m USING (model_id, night, record);

-- Drift of one night over the whole fleet, with p adjusted by Benjamini-Hochberg over all models and columns.
-- column fleet_adjusted_p: p adjusted over every model and column of that night, per method
CREATE OR REPLACE VIEW v_fleet_drift AS
WITH tested AS (
    SELECT d.*, row_number() OVER w AS place, count(*) OVER (PARTITION BY d.night, d.method) AS tests
    FROM drift d JOIN model_night m USING (model_id, night, record)
    WHERE d.p IS NOT NULL
    WINDOW w AS (PARTITION BY d.night, d.method ORDER BY d.p, d.model_id, d."column")
)
SELECT model_id, night, "column", method, score, threshold, p, n, drifted,
       least(1.0, min(p * tests / place) OVER (
           PARTITION BY night, method ORDER BY place DESC ROWS UNBOUNDED PRECEDING)) AS fleet_adjusted_p
FROM tested;

-- Model-nights that stand on an earlier night of which something they used was restated since: `run --force` audits
-- them again. A control chart uses the numbers that it charts itself: labels that came for an earlier night make no
-- chart stale that has no labels of its own yet.
-- column found: result_digest of the earlier night when it was used
-- column now: result_digest of the earlier night's newest record
CREATE OR REPLACE VIEW v_stale AS
SELECT m.model_id, m.night, m.record, l.earlier_night, l.purpose, l.result_digest AS found, e.result_digest AS now
FROM model_night m
JOIN look_back l USING (model_id, night, record)
JOIN model_night e ON e.model_id = l.model_id AND e.night = l.earlier_night
WHERE e.result_digest <> l.result_digest
  AND (l.purpose = 'comparison' OR EXISTS (
    SELECT 1
    FROM control_chart mine
    LEFT JOIN control_chart new ON new.record = e.record AND new.metric = mine.metric
    LEFT JOIN (SELECT c.metric, c.value FROM control_chart c JOIN record r USING (record)
               WHERE r.model_id = l.model_id AND r.night = l.earlier_night AND r.result_digest = l.result_digest) old
      ON old.metric = mine.metric
    WHERE mine.record = m.record AND mine.value IS NOT NULL AND mine.metric NOT IN ('joint', 'duration.seconds')
      AND new.value IS DISTINCT FROM old.value))
ORDER BY m.model_id, m.night, l.earlier_night;

-- Numbers that are out of control now: each by the newest night that has it, beyond a limit or by a sum of small
-- shifts; patterns alone (nelson_2 to nelson_8) are in audit.control_chart.
CREATE OR REPLACE VIEW v_out_of_control AS
SELECT c.model_id, c.night, c.metric, c.value, c.centre, c.lower, c.upper, c.z, c.broken, c.outcome, c.record
FROM control_chart c JOIN model_night m USING (model_id, night, record)
WHERE c.z IS NOT NULL OR c.metric = 'joint' AND c.value IS NOT NULL
QUALIFY row_number() OVER (PARTITION BY c.model_id, c.metric ORDER BY c.night DESC) = 1
    AND list_has_any(c.broken, ['limits', 'ewma', 'cusum'])
ORDER BY c.model_id, c.metric;

-- What was known about performance, record by record: labels come late, and old values stay.
-- column superseded: whether a newer record of the same model-night exists
CREATE OR REPLACE VIEW v_label_maturity AS
SELECT r.model_id, r.night, r.record, r.started, r.maturity, r.labelled, r.rows, r.labels_due,
       r.record <> m.record AS superseded
FROM record r JOIN model_night m USING (model_id, night)
ORDER BY r.model_id, r.night, r.log_index;

-- Estimates made before the labels came, beside what came true: the newest estimate and the newest record.
-- column estimate: value estimated without labels
-- column estimate_lo: lower end of its 95 % interval
-- column estimate_hi: upper end of its 95 % interval
-- column inside: whether the realised value lies in that interval
CREATE OR REPLACE VIEW v_estimate_realised AS
SELECT e.model_id, e.night, e.metric, e.value AS estimate, e.lo AS estimate_lo, e.hi AS estimate_hi, p.value,
       p.value BETWEEN e.lo AND e.hi AS inside, p.n, p.maturity, p.record
FROM (SELECT f.*, r.log_index FROM performance f JOIN record r USING (record) WHERE f.maturity = 'estimated'
      QUALIFY row_number() OVER (PARTITION BY f.model_id, f.night, f.metric ORDER BY r.log_index DESC) = 1) e
JOIN performance p ON p.model_id = e.model_id AND p.night = e.night AND p.metric = e.metric AND p.slice = e.slice
JOIN model_night m ON m.record = p.record
WHERE p.maturity <> 'estimated' AND p.value IS NOT NULL
ORDER BY e.model_id, e.night, e.metric;

-- What was known about performance at the end of a day (UTC), by the time the records were logged.
CREATE OR REPLACE MACRO known_at(day) AS TABLE
SELECT r.model_id, r.night, r.record, r.time AS logged, r.verdict, coalesce(p.maturity, r.maturity) AS maturity,
       p.slice, p.metric, p.value, p.lo, p.hi, p.n, p.reason
FROM (SELECT e.time, v.* FROM evidence_log e JOIN record v ON v.log_index = e.log_index
      WHERE e.time < CAST(day AS DATE) + INTERVAL 1 DAY
      QUALIFY row_number() OVER (PARTITION BY v.model_id, v.night ORDER BY v.log_index DESC) = 1) r
LEFT JOIN performance p ON p.record = r.record
ORDER BY r.model_id, r.night, p.maturity, p.slice, p.metric;

-- Selection rates and impact ratios by protected group and intersection, newest record only: the table that New York
-- City's Local Law 144 asks for (6 RCNY 5-301). Whether the law applies, and who audits, is for a person to say.
-- column share: share of the night's rows
-- column selection_rate: share of the group's rows with the favourable decision
-- column impact_ratio: selection rate over the best-off group's; 1 for that group itself
-- column lo: lower end of the impact ratio's interval, 95 % for all groups and attributes at once
-- column hi: upper end of it
-- column may_be_left_out: under 2 % of the rows: the law lets an independent auditor leave the group out
CREATE OR REPLACE VIEW v_ll144 AS
SELECT f.model_id, f.night, f.attribute, f."group", f.n, f.n / m.rows AS share, f.value AS selection_rate,
       CASE WHEN f."group" = f.compared_with AND f.value > 0 THEN 1.0 ELSE f.ratio END AS impact_ratio,
       f.ratio_lo AS lo, f.ratio_hi AS hi, f.n < 0.02 * m.rows AS may_be_left_out, f.conclusion, f.reason, f.record
FROM fairness f JOIN model_night m USING (model_id, night, record)
WHERE f.kind = 'protected' AND f.metric = 'selection_rate'
ORDER BY f.model_id, f.night, f.attribute, f."group";
