-- What follows from the newest record of every model-night, for the model-nights in `touched` (model_id, night).
CREATE TEMP TABLE turned AS SELECT model_id, night::DATE AS night FROM touched;

DELETE FROM model_night WHERE (model_id, night) IN (FROM turned);
INSERT INTO model_night BY NAME
SELECT r.model_id, r.night, r.record, r.result_digest, r.verdict, r.conclusion, r.rows,
       count(f.name) FILTER (f.outcome = 'FAIL') AS failed,
       count(f.name) FILTER (f.outcome = 'WARN') AS warned,
       count(f.name) FILTER (f.outcome = 'NOT_EVALUATED') AS not_evaluated,
       r.maturity, r.owner, r.domain, r.run_id, r.seconds, r.records
FROM (SELECT *, count(*) OVER (PARTITION BY model_id, night) AS records FROM record SEMI JOIN turned USING (model_id, night)
      QUALIFY row_number() OVER (PARTITION BY model_id, night ORDER BY log_index DESC) = 1) r
LEFT JOIN finding f ON f.night = r.night AND f.record = r.record AND f.counts
GROUP BY ALL
ORDER BY r.model_id, r.night;

-- A version ends on the first night after its own last one: a version that came back after another is in production.
DELETE FROM model WHERE model_id IN (SELECT model_id FROM turned);
INSERT INTO model BY NAME
WITH newest AS (SELECT r.* FROM record r JOIN model_night USING (record)
                WHERE r.model_id IN (SELECT model_id FROM turned)),
     version AS (SELECT model_id, model_version AS version, min(night) AS valid_from, max(night) AS last
                 FROM newest GROUP BY ALL)
SELECT v.model_id, v.version, n.description, n.owner, n.domain, n.tier, n.task, v.valid_from,
       (SELECT min(later.night) FROM newest later WHERE later.model_id = v.model_id AND later.night > v.last) AS valid_to
FROM version v JOIN newest n ON n.model_id = v.model_id AND n.model_version = v.version AND n.night = v.last
ORDER BY v.model_id, v.valid_from, v.version;

DROP TABLE turned;
