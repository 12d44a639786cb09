#!/bin/sh
# Becomes one process of Opora. Settings: OPORA_* (activities/settings.py) and TEMPORAL_*.
set -eu

role=${1:-}
[ $# -gt 0 ] && shift

case $role in
    worker) exec python worker.py ;;
    api) exec python -m cli api --host 0.0.0.0 --port 8000 ;;
    migrate) exec python -m cli migrate ;;
    # The first company and its people, with their keys written to a file; changes nothing the second time.
    seed) exec python -m cli.local.prepare "${1:-/keys/keys.json}" ;;
    import) exec python -m cli import "$@" ;;
    *)
        echo "Unknown command '$role': use worker, api, migrate, seed or import." >&2
        exit 64
        ;;
esac
