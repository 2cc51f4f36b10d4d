#!/usr/bin/env bash
# Run foretell as a Ray job: the command runs on the cluster, and goes on when this shell is closed.
#
#   RAY_AUTH_TOKEN_PATH=token examples/cluster/ray_job.sh MODEL INPUT OUT
#
# Jobs go through the dashboard, so this needs pip install 'ray[default]'. Keep the dashboard on the loopback
# address of the head (--dashboard-host=127.0.0.1, its default) and reach it through SSH:
#
#   ssh -N -L 8265:127.0.0.1:8265 HEAD
#
# MODEL, INPUT and OUT are paths that every node sees, or bucket paths for INPUT and OUT.
set -euo pipefail
: "${RAY_AUTH_TOKEN_PATH:?the file with the token of the cluster}"
export RAY_AUTH_MODE=token
ray job submit --address "${RAY_DASHBOARD:-http://127.0.0.1:8265}" -- \
  foretell classify "$1" "$2" --out "$3" --cluster auto
