-- lake/sql/problems.sql: room for what is wrong, before anybody looked.
CREATE OR REPLACE TEMP TABLE problems (
    connection_id VARCHAR, seq BIGINT, problem VARCHAR, symbol VARCHAR, amount_text VARCHAR
);
