-- The transaction goes on as if nothing had been asked (views go with their tables).
DROP TABLE IF EXISTS oracle_merged, oracle_candidate, oracle_no_name, oracle_protected, oracle_objected,
    oracle_objected_to_all, oracle_version, oracle_told, oracle_consented, oracle_dataset, oracle_scope,
    oracle_person, oracle_indicator, oracle_counted, oracle_engaged, oracle_family, oracle_digest,
    oracle_record, oracle_text, oracle_postcode, oracle_role, oracle_lead, oracle_finding CASCADE;
DROP VIEW oracle_addressed;

SET LOCAL datestyle TO DEFAULT;
SET LOCAL work_mem TO DEFAULT;
SET LOCAL jit TO DEFAULT;
SET LOCAL default_statistics_target TO DEFAULT;
