-- Tables of the published database. The comment behind a column, and the one above a table, become its COMMENT.
-- They stand in the schema `main` of a file named audit.duckdb, so that `audit.drift` names a table: DuckDB calls the
-- catalog after the file, and a schema of the same name would make every name ambiguous (docs/decisions/0001).
-- Every table is a projection of the evidence store: delete the file, and `audit-pipeline rebuild` brings it back, equal.
-- One row per evidence record, superseded ones too.
CREATE TABLE record (
    record VARCHAR,  -- sha256 of the record file: the identity of the evidence
    model_id VARCHAR,  -- model, as named in models/<model_id>.yaml
    night DATE,  -- night of data that was audited
    result_digest VARCHAR,  -- sha256 of the canonical result: equal digests mean the same statement
    verdict VARCHAR,  -- PASS, WARN, FAIL or NOT_EVALUATED
    conclusion VARCHAR,  -- the verdict with what qualifies it, in words
    model_version VARCHAR,  -- version in production by the model file
    description VARCHAR,  -- what the model is for, by its owner
    owner VARCHAR,  -- who answers for the model
    domain VARCHAR,  -- business domain
    tier INTEGER,  -- materiality, 1 is the highest
    task VARCHAR,  -- binary, regression or multiclass
    rows BIGINT,  -- rows of the frozen snapshot; NULL when there is none
    maturity VARCHAR,  -- how final performance is: pending, estimated, provisional, final; NULL when not measured
    labels_due DATE,  -- night on which all labels should be there
    labelled BIGINT,  -- rows with a label; NULL: fewer than 11, or not measured
    run_id VARCHAR,  -- Dagster run that made the record
    attempt INTEGER,  -- try of that run, from 1
    started TIMESTAMP,  -- UTC
    ended TIMESTAMP,  -- UTC
    seconds DOUBLE,  -- wall seconds from start to end
    host VARCHAR,  -- machine that computed it
    supersedes VARCHAR,  -- record of the same model-night that this one replaces
    log_index BIGINT,  -- position in the evidence log
    schema_version INTEGER  -- version of the record's form
);

-- One row per model-night: its newest record.
CREATE TABLE model_night (
    model_id VARCHAR,  -- model
    night DATE,  -- night of data
    record VARCHAR,  -- newest record
    result_digest VARCHAR,  -- sha256 of its canonical result
    verdict VARCHAR,  -- PASS, WARN, FAIL or NOT_EVALUATED
    conclusion VARCHAR,  -- the verdict in words
    rows BIGINT,  -- rows of the snapshot
    failed BIGINT,  -- findings with outcome FAIL that count
    warned BIGINT,  -- findings with outcome WARN that count
    not_evaluated BIGINT,  -- findings with outcome NOT_EVALUATED that count
    maturity VARCHAR,  -- how final performance is
    owner VARCHAR,  -- who answers for the model
    domain VARCHAR,  -- business domain
    run_id VARCHAR,  -- Dagster run
    seconds DOUBLE,  -- wall seconds
    records BIGINT  -- how many records this model-night has, superseded ones included
);

-- One row per model version.
CREATE TABLE model (
    model_id VARCHAR,  -- model
    version VARCHAR,  -- version
    description VARCHAR,  -- what it is for
    owner VARCHAR,  -- who answers for it
    domain VARCHAR,  -- business domain
    tier INTEGER,  -- materiality, 1 is the highest
    task VARCHAR,  -- binary, regression or multiclass
    valid_from DATE,  -- first audited night of this version
    valid_to DATE  -- first audited night after its last; NULL while in production
);

-- One row per snapshot of a model-night's newest and older records.
CREATE TABLE snapshot (
    model_id VARCHAR,  -- model
    night DATE,  -- night of data
    record VARCHAR,  -- record that stands on it
    path VARCHAR,  -- file below the audit folder
    sha256 VARCHAR,  -- identity of the snapshot
    bytes BIGINT,  -- size of the file
    rows BIGINT,  -- rows
    row_groups INTEGER,  -- row groups, each with a digest of its own in the record
    duplicate_row_ids BIGINT,  -- rows beyond the first of their row id; NULL: fewer than 11
    source VARCHAR,  -- log it was frozen from
    source_sha256 VARCHAR  -- sha256 of that log as it was read
);

-- One row per column of a snapshot: aggregates over at least 11 values.
CREATE TABLE column_profile (
    model_id VARCHAR,  -- model
    night DATE,  -- night of data
    record VARCHAR,  -- record
    "column" VARCHAR,  -- column of the log
    type VARCHAR,  -- number, integer, category, boolean, date, timestamp
    role VARCHAR,  -- row_id, subject_id, feature, score, prediction, ...
    privacy VARCHAR,  -- direct_identifier, quasi_identifier, sensitive, none
    generalised VARCHAR,  -- how values were made coarser before they were written; NULL: they were not
    n BIGINT,  -- rows
    missing BIGINT,  -- rows without a value; NULL: fewer than 11
    distinct_values BIGINT,  -- distinct values; NULL for identifiers
    mean DOUBLE,  -- arithmetic mean of finite values
    sd DOUBLE,  -- sample standard deviation of finite values
    p01 DOUBLE,  -- 1st percentile
    p25 DOUBLE,  -- 25th percentile
    p50 DOUBLE,  -- median
    p75 DOUBLE,  -- 75th percentile
    p99 DOUBLE  -- 99th percentile
);

-- One row per expectation of the suite: what it came to, aggregates only.
CREATE TABLE check_result (
    model_id VARCHAR,  -- model
    night DATE,  -- night of data
    record VARCHAR,  -- record
    name VARCHAR,  -- name within the suite
    expectation VARCHAR,  -- Great Expectations type
    "column" VARCHAR,  -- column, when it has one
    severity VARCHAR,  -- critical ends the line, warning warns, info is not counted
    outcome VARCHAR,  -- PASS, FAIL or NOT_EVALUATED
    expected VARCHAR,  -- arguments as JSON
    observed VARCHAR,  -- observed aggregate; never a row's value
    n BIGINT,  -- rows looked at
    unexpected BIGINT,  -- rows that broke it; NULL: fewer than 11, or it counts no rows
    unexpected_share DOUBLE,  -- share of the non-missing rows; of fewer than 11 rows the share of 10
    engine VARCHAR,  -- pandas or duckdb
    reason VARCHAR  -- one sentence
);

-- One row per data-quality score.
CREATE TABLE quality (
    model_id VARCHAR,  -- model
    night DATE,  -- night of data
    record VARCHAR,  -- record
    name VARCHAR,  -- completeness, accuracy or consistency
    value DOUBLE,  -- share from 0 to 1; NULL: not evaluated
    n BIGINT,  -- values looked at
    reason VARCHAR  -- why there is no value
);

-- One row per column and method: how far it moved from the reference.
CREATE TABLE drift (
    model_id VARCHAR,  -- model
    night DATE,  -- night of data
    record VARCHAR,  -- record
    "column" VARCHAR,  -- column
    method VARCHAR,  -- psi, ks, missing_share, ... (docs/configuration.md, `policy.drift`); evidently:<method> for Evidently's own
    score DOUBLE,  -- value; NULL: not evaluated
    warn DOUBLE,  -- WARN from here
    threshold DOUBLE,  -- FAIL from here; NULL: shown, not judged
    p DOUBLE,  -- p-value, where the method has one
    adjusted_p DOUBLE,  -- Benjamini-Hochberg over the columns of the model-night, of the test named in `test`; above the policy's alpha there is no alarm
    n BIGINT,  -- current values behind the number
    n_reference BIGINT,  -- reference values behind the number
    missing_share DOUBLE,  -- missing share of the night; of fewer than 11 rows the share of 10
    missing_share_reference DOUBLE,  -- missing share of the reference
    drifted BOOLEAN,  -- whether the score reached `threshold` beyond chance; NULL when not judged
    engine VARCHAR,  -- exact (score of record) or evidently
    reason VARCHAR,  -- why there is no value
    test VARCHAR,  -- test behind `adjusted_p`: ks, chi_square, two_shares, exchangeability (an upper bound)
    outcome VARCHAR  -- what the policy says: PASS, WARN, FAIL, NOT_EVALUATED; NULL: shown, not judged
);

-- One row per record with drift: can a classifier tell the night from the reference? Over a sample; 0.5: it cannot.
CREATE TABLE domain_classifier (
    model_id VARCHAR,  -- model
    night DATE,  -- night of data
    record VARCHAR,  -- record
    auc DOUBLE,  -- area under the ROC curve on rows the classifier was not trained on; NULL: not evaluated
    lo DOUBLE,  -- lower end of the 95 % interval
    hi DOUBLE,  -- upper end of the 95 % interval
    n BIGINT,  -- rows of the night in the sample
    n_reference BIGINT,  -- rows of the reference in the sample
    features INTEGER,  -- features it was given
    seed BIGINT,  -- of sample, folds and trees
    reason VARCHAR  -- why there is no value
);

-- One row per slice and performance metric.
CREATE TABLE performance (
    model_id VARCHAR,  -- model
    night DATE,  -- night of data
    record VARCHAR,  -- record
    slice VARCHAR,  -- all, or column=value
    metric VARCHAR,  -- auc, brier, rmse, ...
    value DOUBLE,  -- value; NULL: not evaluated
    lo DOUBLE,  -- lower end of the 95 % interval
    hi DOUBLE,  -- upper end of the 95 % interval
    n BIGINT,  -- labelled rows
    reference DOUBLE,  -- the same metric on the reference
    maturity VARCHAR,  -- estimated (no labels yet; valid under covariate shift only), provisional or final
    reason VARCHAR,  -- why there is no value, or what an estimate stands on
    reference_lo DOUBLE,  -- lower end of the 95 % interval on the reference
    reference_hi DOUBLE,  -- upper end of the 95 % interval on the reference
    n_reference BIGINT,  -- labelled rows of the reference; NULL when it has no labels
    difference DOUBLE,  -- value minus reference
    difference_lo DOUBLE,  -- lower end of the difference's 95 % interval, for independent samples
    difference_hi DOUBLE,  -- upper end of the difference's 95 % interval
    unit VARCHAR  -- of a cost; NULL for other metrics
);

-- One row per bin of a binary model's scores, lowest first: what was promised and what came true.
CREATE TABLE reliability (
    model_id VARCHAR,  -- model
    night DATE,  -- night of data
    record VARCHAR,  -- record
    bin INTEGER,  -- place of the bin, from 1
    score DOUBLE,  -- mean score of its rows
    rate DOUBLE,  -- share of positive labels
    lo DOUBLE,  -- lower end of the rate's 95 % interval
    hi DOUBLE,  -- upper end of the rate's 95 % interval
    n BIGINT  -- labelled rows, at least 11
);

-- One row per pair of classes of a multiclass model with at least 11 rows; pairs with fewer are left out.
CREATE TABLE confusion (
    model_id VARCHAR,  -- model
    night DATE,  -- night of data
    record VARCHAR,  -- record
    label VARCHAR,  -- class that came true
    prediction VARCHAR,  -- class that was predicted
    n BIGINT  -- rows
);

-- One row per record with performance: did the relation of inputs and outcome move, or the inputs, or both?
CREATE TABLE concept (
    model_id VARCHAR,  -- model
    night DATE,  -- night of data
    record VARCHAR,  -- record
    conclusion VARCHAR,  -- none, covariate only, concept, both, not evaluated
    maturity VARCHAR,  -- of the labels behind it: provisional or final; pending: there are none
    loss VARCHAR,  -- what the loss is: brier, or absolute_error of a regression
    n BIGINT,  -- rows of the night in the sample that have a label
    n_reference BIGINT,  -- the same of the reference
    shared DOUBLE,  -- rows on each side that would tell as much if no input had moved
    alpha DOUBLE,  -- adjusted p up to which a test finds a move
    effect DOUBLE,  -- least size of a move, in standard deviations
    seed BIGINT,  -- of sample, folds and trees
    reason VARCHAR  -- why it was not evaluated
);

-- One row per number behind a conclusion of `concept`; those with a p are its tests.
CREATE TABLE concept_number (
    model_id VARCHAR,  -- model
    night DATE,  -- night of data
    record VARCHAR,  -- record
    name VARCHAR,  -- tests: inputs (AUC), loss, calibration, slope, structure; shown: loss_night, loss_reference, loss_covariate, residual, residual_z
    value DOUBLE,  -- AUC; unit of the loss; unit of the outcome; outcome per score; standard deviations; NULL: not evaluated
    lo DOUBLE,  -- lower end of the 95 % interval
    hi DOUBLE,  -- upper end of the 95 % interval
    effect DOUBLE,  -- how far it moved, in standard deviations
    p DOUBLE,  -- that chance explains it
    adjusted_p DOUBLE,  -- by Holm over the tests of the night
    found BOOLEAN,  -- whether p and size both speak for a move; NULL: not evaluated, or no test
    "column" VARCHAR,  -- what the structure turns on most
    reason VARCHAR  -- why there is no value
);

-- One row per attribute, group and metric: how decisions and errors are distributed over groups.
CREATE TABLE fairness (
    model_id VARCHAR,  -- model
    night DATE,  -- night of data
    record VARCHAR,  -- record
    kind VARCHAR,  -- protected or slice
    attribute VARCHAR,  -- column, or columns joined by " & "
    "group" VARCHAR,  -- group; NULL: the attribute as a whole
    metric VARCHAR,  -- selection_rate, tpr, ...; of the whole impact_ratio, equalised_odds_difference, hidden_groups, ...
    value DOUBLE,  -- value; NULL: not evaluated
    lo DOUBLE,  -- lower end of the 95 % interval; of a number of the whole, for all attributes at once
    hi DOUBLE,  -- upper end of it
    n BIGINT,  -- rows behind the number
    reference DOUBLE,  -- the same number on the reference
    ratio DOUBLE,  -- selection rate over that of the group compared with
    ratio_lo DOUBLE,  -- lower end of the ratio's interval, for all groups and attributes at once
    ratio_hi DOUBLE,  -- upper end of it; NULL: none
    difference DOUBLE,  -- value minus that of the group compared with
    difference_lo DOUBLE,  -- lower end of the difference's interval, for all groups and attributes at once
    difference_hi DOUBLE,  -- upper end of it
    compared_with VARCHAR,  -- group that is compared with: the best-off one, of a regression model the largest
    outcome VARCHAR,  -- what the policy says of it; NULL: shown, not judged
    conclusion VARCHAR,  -- four fifths met, not met or inconclusive; compared with; insufficient; absent
    reason VARCHAR  -- why there is no value
);

-- One row per feature: how much it moves the model's output on the recorded sample.
CREATE TABLE importance (
    model_id VARCHAR,  -- model
    night DATE,  -- night of data
    record VARCHAR,  -- record
    feature VARCHAR,  -- raw feature
    value DOUBLE,  -- mean |SHAP|, in the unit of `output`
    lo DOUBLE,  -- lower end of the 95 % interval
    hi DOUBLE,  -- upper end of the 95 % interval
    rank INTEGER,  -- 1 is the largest
    tied BOOLEAN,  -- its interval overlaps a neighbour's
    direction DOUBLE,  -- Spearman correlation of value and SHAP; NULL for categories
    share DOUBLE,  -- of the sum over features
    n BIGINT,  -- rows explained
    output VARCHAR,  -- unit: log-odds, probability, prediction, ...
    method VARCHAR,  -- explainer
    explains VARCHAR,  -- model, or surrogate: there is no model file, and what imitates its log was explained
    fidelity DOUBLE  -- of a surrogate: R2 on rows of the log that it was not fitted on
);

-- One row per feature and point: what the model says along the values of its most important features.
CREATE TABLE dependence (
    model_id VARCHAR,  -- model
    night DATE,  -- night of data
    record VARCHAR,  -- record
    feature VARCHAR,  -- raw feature
    point INTEGER,  -- 1, 2, ... in rising order, or from the most frequent category; NULL: there are none, see `reason`
    value DOUBLE,  -- of a number; NULL: a category
    category VARCHAR,  -- of a category; NULL: a number
    n BIGINT,  -- rows at this point: above the value before and not above this one, the last one's and more
    pdp DOUBLE,  -- mean output over `lines` rows with the feature set to this, in the unit of `output`
    ice_lo DOUBLE,  -- p10 of the rows' own lines, each less its mean over the points
    ice_mid DOUBLE,  -- p50 of them
    ice_hi DOUBLE,  -- p90 of them
    ale DOUBLE,  -- accumulated local effect, 0 on average over the rows; NULL for categories
    shap DOUBLE,  -- mean SHAP value of the point's rows, in the unit of audit.importance
    shap_lo DOUBLE,  -- p10 of them
    shap_hi DOUBLE,  -- p90 of them
    n_rows BIGINT,  -- rows of the sample behind all points
    lines BIGINT,  -- rows behind pdp and ice
    output VARCHAR,  -- unit of pdp, ice and ale: probability or prediction
    reason VARCHAR  -- why there are no points
);

-- One row per slice, group and feature: how much it moves the model's output in that group alone.
CREATE TABLE importance_by_group (
    model_id VARCHAR,  -- model
    night DATE,  -- night of data
    record VARCHAR,  -- record
    slice VARCHAR,  -- column of the slice, or columns joined by " & "
    "group" VARCHAR,  -- group
    feature VARCHAR,  -- raw feature
    value DOUBLE,  -- mean |SHAP| over the rows of the group
    lo DOUBLE,  -- lower end of the 95 % interval
    hi DOUBLE,  -- upper end of the 95 % interval
    rank INTEGER,  -- 1 is the largest in the group
    tied BOOLEAN,  -- its interval overlaps a neighbour's
    share DOUBLE,  -- of the sum over features
    n BIGINT,  -- rows of the group in the sample
    output VARCHAR,  -- unit: log-odds, probability, prediction, ...
    reason VARCHAR  -- why no group has any
);

-- One row per feature: how much the model's loss rises when the feature is shuffled among the rows.
CREATE TABLE permutation_importance (
    model_id VARCHAR,  -- model
    night DATE,  -- night of data
    record VARCHAR,  -- record
    feature VARCHAR,  -- raw feature; NULL: not evaluated
    value DOUBLE,  -- rise of the loss; of a feature that is worth nothing about 0
    lo DOUBLE,  -- lower end of the 95 % interval
    hi DOUBLE,  -- upper end of the 95 % interval
    loss VARCHAR,  -- what the loss is: brier, or squared_error of a regression
    before DOUBLE,  -- loss of the model as it is
    over VARCHAR,  -- whose rows: night, or reference while the night has too few labels
    n BIGINT,  -- rows
    repeats INTEGER,  -- shuffles
    reason VARCHAR  -- why there is none
);

-- One row per feature: how far its SHAP values are from the reference's.
CREATE TABLE attribution (
    model_id VARCHAR,  -- model
    night DATE,  -- night of data
    record VARCHAR,  -- record
    feature VARCHAR,  -- raw feature; NULL: not evaluated
    distance DOUBLE,  -- Wasserstein distance, in standard deviations of the reference's values; NULL: those are all the same
    adjusted_p DOUBLE,  -- of a Kolmogorov-Smirnov test, times the number of features
    value DOUBLE,  -- mean |SHAP| of the night, against the reference's background
    reference DOUBLE,  -- mean |SHAP| of the reference
    rank INTEGER,  -- of the night, 1 is the largest
    rank_reference INTEGER,  -- of the reference
    ndcg DOUBLE,  -- of the night's order by the reference's importances: 1 is the same order; the same in every row
    ndcg_low DOUBLE,  -- 5 % of the reference's own resamples are below
    ndcg_p DOUBLE,  -- share of the resamples that come out as low
    rank_correlation DOUBLE,  -- Spearman correlation of the importances
    rank_correlation_p DOUBLE,  -- share of the resamples that come out as low
    n BIGINT,  -- rows of the night
    n_reference BIGINT,  -- rows of the reference
    reason VARCHAR  -- why there is none
);

-- One row per stress test: what the model's output does with a value missing, moved a little, or raised step by step.
CREATE TABLE stress (
    model_id VARCHAR,  -- model
    night DATE,  -- night of data
    record VARCHAR,  -- record
    test VARCHAR,  -- missing, noise, or increasing and decreasing: monotonicity as declared
    feature VARCHAR,  -- raw feature; NULL: all numbers at once
    share DOUBLE,  -- rows whose decision flips, or that break the monotonicity; that of 10 rows stands for 1 to 10
    mean_change DOUBLE,  -- mean |change of the output|; of monotonicity the mean largest break
    largest DOUBLE,  -- the largest of them
    noise DOUBLE,  -- standard deviations by which values are moved
    over VARCHAR,  -- whose standard deviations: reference, or night
    n BIGINT,  -- rows
    reason VARCHAR  -- why there is no number
);

-- One row per number: is it in control, among the nights before it? docs/decisions/0012 says how.
CREATE TABLE control_chart (
    model_id VARCHAR,  -- model
    night DATE,  -- night of data
    record VARCHAR,  -- record
    metric VARCHAR,  -- volume.rows, performance.auc, ...; joint for a few numbers together; duration.seconds for the audit itself
    value DOUBLE,  -- the number; NULL: not measured that night; of joint the squared Mahalanobis distance
    n BIGINT,  -- rows behind it
    phase INTEGER,  -- 1 while limits are not known yet, then 2
    nights BIGINT,  -- earlier nights with the number: of phase I so far, then those since, at most 29; of joint those of phase I
    phase_first DATE,  -- first night of phase I
    phase_last DATE,  -- last night of phase I; limits are frozen from then on
    centre DOUBLE,  -- what is expected of the night, its weekday considered
    lower DOUBLE,  -- lower limit of the night; NULL: there is none
    upper DOUBLE,  -- upper limit of the night; NULL: there is none
    z DOUBLE,  -- standard deviations from the centre, on the scale of the chart
    ewma DOUBLE,  -- exponentially weighted moving average, in the number's unit
    ewma_lower DOUBLE,  -- its lower limit
    ewma_upper DOUBLE,  -- its upper limit
    cusum_low DOUBLE,  -- cumulative sum of what is below the centre, in standard deviations
    cusum_high DOUBLE,  -- of what is above it
    cusum_limit DOUBLE,  -- alarm of either sum above it
    autocorrelation DOUBLE,  -- of a night and the one before, in phase I; 0 where it is below
    weekly BOOLEAN,  -- whether the expected value follows the weekday
    scale VARCHAR,  -- identity, share (arcsine of the root), count (Anscombe), amount (cube root) or log
    broken VARCHAR[],  -- rules it breaks: limits, nelson_2 to nelson_8, ewma, cusum
    judged VARCHAR[],  -- rules whose break warns, by the policy
    outcome VARCHAR,  -- WARN when a judged rule is broken, PASS when none is; NULL: shown, not judged
    reason VARCHAR  -- why it was not evaluated
);

-- One row per finding: everything that is not PASS, and one summary per stage.
CREATE TABLE finding (
    model_id VARCHAR,  -- model
    night DATE,  -- night of data
    record VARCHAR,  -- record
    stage VARCHAR,  -- snapshot, validation, drift, performance, explanation, audit
    name VARCHAR,  -- check, method or metric
    "column" VARCHAR,  -- column, when it has one
    severity VARCHAR,  -- critical, warning or info
    outcome VARCHAR,  -- PASS, WARN, FAIL or NOT_EVALUATED
    counts BOOLEAN,  -- whether it enters the verdict
    conclusion VARCHAR,  -- finer word: pending, overdue, stopped, ...
    value DOUBLE,  -- the number; NULL: not evaluated
    "limit" DOUBLE,  -- the limit it was held against
    n BIGINT,  -- rows behind the number
    reason VARCHAR  -- one sentence a person can read
);

-- One row per file a record names.
CREATE TABLE artifact (
    model_id VARCHAR,  -- model
    night DATE,  -- night of data
    record VARCHAR,  -- record
    role VARCHAR,  -- snapshot, reference, labels, model, model_config, suite, artifact, ...
    path VARCHAR,  -- file below the audit folder
    sha256 VARCHAR,  -- its digest
    bytes BIGINT,  -- its size
    media_type VARCHAR  -- its media type
);

-- One row per earlier night that a record stands on and what for, with that night's result then.
CREATE TABLE look_back (
    model_id VARCHAR,  -- model
    night DATE,  -- night of data
    record VARCHAR,  -- record that looked back
    earlier_night DATE,  -- night it used
    purpose VARCHAR,  -- comparison (a window reference, a warning that stayed) or control chart
    result_digest VARCHAR  -- sha256 of that night's canonical result, as it was then
);

-- One row per log entry.
CREATE TABLE evidence_log (
    log_index BIGINT,  -- position, from 0
    time TIMESTAMP,  -- UTC
    kind VARCHAR,  -- record, alert, review, erasure, purge, key (that signs from here on) or refusal (of strangers' lines)
    model_id VARCHAR,  -- model; NULL when it is about no single one
    night DATE,  -- night of data; NULL when it is about no single one
    digest VARCHAR,  -- of the record file; of another kind's body
    leaf VARCHAR,  -- hash of the entry as a leaf of the log's tree (RFC 6962)
    root_size BIGINT,  -- entries under the first root that covers it; NULL before it is covered
    root VARCHAR,  -- that root
    key_id VARCHAR  -- public key that signed the root; NULL when it is unsigned
);

-- One row per alert that was due: what was sent to whom, and whether it arrived.
CREATE TABLE alert (
    log_index BIGINT,  -- entry of the evidence log
    time TIMESTAMP,  -- UTC
    run_ids VARCHAR[],  -- runs it speaks of
    owner VARCHAR,  -- owner it was for
    channel VARCHAR,  -- key of `channels` in project.yaml; never the address
    model_nights BIGINT,  -- model-nights it names
    delivered BOOLEAN,  -- whether the channel took it
    reason VARCHAR  -- why it was not delivered
);

-- One row per signature of a person on a record: what it means is said, and it is bound to the record's digest.
CREATE TABLE review (
    log_index BIGINT,  -- entry of the evidence log
    time TIMESTAMP,  -- UTC
    model_id VARCHAR,  -- model
    night DATE,  -- night of data
    record VARCHAR,  -- record that was signed
    result_digest VARCHAR,  -- sha256 of its canonical result
    verdict VARCHAR,  -- verdict that was signed: PASS, WARN, FAIL or NOT_EVALUATED
    meaning VARCHAR,  -- reviewed, approved or rejected
    name VARCHAR,  -- printed name of the person
    account VARCHAR,  -- account that ran the command
    reason VARCHAR  -- why, in the person's words
);

-- One row per file that rows of a person were removed from, at each erasure; how many and why stands in the log alone.
CREATE TABLE erasure (
    log_index BIGINT,  -- entry of the evidence log
    time TIMESTAMP,  -- UTC
    model_id VARCHAR,  -- model; NULL when it is about no single one
    night DATE,  -- night of data; NULL when it is about no single one
    path VARCHAR,  -- file, below the audit folder; it keeps the name it was frozen with
    sha256 VARCHAR,  -- of the file before
    new_sha256 VARCHAR,  -- of the file afterwards
    account VARCHAR  -- account that ran the command
);

-- One row per file that was deleted when its time was over.
CREATE TABLE purge (
    log_index BIGINT,  -- entry of the evidence log
    time TIMESTAMP,  -- UTC
    model_id VARCHAR,  -- model; NULL when it is about no single one
    night DATE,  -- night of data; NULL when it is about no single one
    class VARCHAR,  -- retention class: artifacts, snapshots, inputs or evidence
    kept VARCHAR,  -- how long project.yaml has files of this class kept
    day DATE,  -- day that the time was reckoned by
    path VARCHAR,  -- file, below the audit folder
    sha256 VARCHAR,  -- of the file
    account VARCHAR  -- account that ran the command
);
