#!/bin/sh
# Prepares a Temporal cluster for Opora, and may be repeated at every start and every upgrade.
#   temporal-setup.sh schema     databases and schemas, with temporal-sql-tool
#   temporal-setup.sh namespace  namespace, retention, search attributes, with the temporal CLI
set -eu

schema() {
    : "${SQL_HOST:?}" "${SQL_USER:?}" "${SQL_PASSWORD:?}"
    database temporal temporal
    database temporal_visibility visibility
}

# database NAME SCHEMA_DIRECTORY: create is silent about a database that exists, setup-schema keeps a newer version,
# update-schema applies what is missing.
database() {
    sql_tool "$1" create
    sql_tool "$1" setup-schema -v 0.0
    sql_tool "$1" update-schema -d "/etc/temporal/schema/postgresql/v12/$2/versioned"
}

# The password goes by SQL_PASSWORD, never by the command line.
sql_tool() {
    name=$1
    shift
    temporal-sql-tool --plugin postgres12 --ep "$SQL_HOST" -p "${SQL_PORT:-5432}" -u "$SQL_USER" --db "$name" "$@"
}

namespace() {
    : "${TEMPORAL_ADDRESS:?}"
    name=${TEMPORAL_NAMESPACE:-default}
    # Closed workflows are kept this long for people to look at; the journal in PostgreSQL keeps the facts.
    retention=${TEMPORAL_RETENTION:-30d}
    wait_for_server
    if temporal operator namespace describe --namespace "$name" >/dev/null 2>&1; then
        temporal operator namespace update --namespace "$name" --retention "$retention"
    else
        temporal operator namespace create --namespace "$name" --retention "$retention"
    fi
    # The same names and types as workflows/ids.py; one that exists is left as it is.
    search_attribute OporaStatus Keyword
    search_attribute OporaWaiting Keyword
    search_attribute OporaCustomerId Keyword
    search_attribute OporaManagerId Keyword
    search_attribute OporaStage Keyword
    search_attribute OporaDueAt Datetime
}

search_attribute() {
    attempt=1
    # A new namespace takes a few seconds to reach every part of the cluster.
    until temporal operator search-attribute create --namespace "$name" --name "$1" --type "$2"; do
        [ "$attempt" -lt 15 ] || return 1
        attempt=$((attempt + 1))
        sleep 2
    done
}

wait_for_server() {
    attempt=1
    until temporal operator cluster health >/dev/null 2>&1; do
        if [ "$attempt" -ge 60 ]; then
            echo "Temporal at $TEMPORAL_ADDRESS does not answer" >&2
            return 1
        fi
        attempt=$((attempt + 1))
        sleep 2
    done
}

case ${1:-} in
    schema | namespace) "$1" ;;
    *)
        echo "usage: temporal-setup.sh schema|namespace" >&2
        exit 64
        ;;
esac
