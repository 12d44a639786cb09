#!/bin/sh
# Runs once, in an empty cluster: two roles that cannot read each other's data. Opora owns its database; Temporal may
# create its own two.
set -eu
: "${OPORA_DB_PASSWORD:?}" "${TEMPORAL_DB_PASSWORD:?}"

psql --no-psqlrc --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres \
    --set opora_password="$OPORA_DB_PASSWORD" --set temporal_password="$TEMPORAL_DB_PASSWORD" <<'SQL'
CREATE ROLE opora LOGIN PASSWORD :'opora_password';
CREATE DATABASE opora OWNER opora;
REVOKE CONNECT, TEMPORARY ON DATABASE opora FROM PUBLIC;
CREATE ROLE temporal LOGIN CREATEDB PASSWORD :'temporal_password';
SQL
