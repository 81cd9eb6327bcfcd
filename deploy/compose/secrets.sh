#!/bin/sh
# Make the passwords of docker-compose.yml, and the addresses that hold them; what is there stays.
set -eu
umask 022
cd "$(dirname "$0")"
mkdir -p secrets
# None but you may enter; inside, the users of the containers must be able to read.
chmod 700 secrets

secret() {
    [ ! -e "secrets/$1" ] || return 0
    [ -n "$2" ] || { echo "secrets.sh: there is nothing to make $1 of" >&2; exit 1; }
    printf '%s' "$2" >"secrets/$1"
}

password() {
    secret "$1_password" "$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')"
}

# dsn INSTALLATION HOST ROLE USER
dsn() {
    secret "$1_$3_dsn" "postgresql://$4:$(cat "secrets/$3_password")@$2:5432/airflow"
}

password owner
password reader
password grafana
dsn demo postgres owner airflow
dsn demo postgres reader airflow_reader
dsn airflow airflow-postgres owner airflow
dsn airflow airflow-postgres reader airflow_reader
