#!/bin/sh
# Makes the user with which the collector looks at the database: it may see statistics, and no table. Run once, when the
# database is new. The password comes by standard input, so that it is on no command line.
set -eu
psql --quiet --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<SQL
CREATE ROLE farol LOGIN PASSWORD '$POSTGRES_FAROL_PASSWORD';
GRANT pg_monitor TO farol;
SQL
