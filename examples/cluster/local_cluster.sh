#!/usr/bin/env bash
# Start a head and two workers on this machine, classify a file with them, and stop them.
#
#   examples/cluster/local_cluster.sh MODEL FILE OUT
#
# The cluster listens on the loopback address only, and every connection needs the token. On several machines the
# same commands run with the address of the head in place of 127.0.0.1, and the token file copied to each.
set -euo pipefail
model=${1:?a model directory} file=${2:?a file} out=${3:?an output folder}

folder=$(mktemp -d /tmp/foretell-XXXXXX)
export RAY_AUTH_MODE=token RAY_AUTH_TOKEN_PATH="$folder/token" RAY_USAGE_STATS_ENABLED=0
# Ray's option for a cluster that does not leave its machine: leave it out where there are several.
export RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER=0
(umask 077 && python -c 'import secrets; print(secrets.token_hex(32), end="")' >"$RAY_AUTH_TOKEN_PATH")

pids=()
stop() {
  kill "${pids[@]}" 2>/dev/null || true
  wait "${pids[@]}" 2>/dev/null || true
  rm -rf "$folder"
}
trap stop EXIT

port=${RAY_PORT:-6399}
node() {
  ray start --node-ip-address=127.0.0.1 --num-cpus=1 --object-store-memory=100000000 --block "$@" >>"$folder/log" 2>&1 &
  pids+=($!)
}
node --head --port="$port" --include-dashboard=false --temp-dir="$folder/ray"
until python -m foretell.cluster.probe "127.0.0.1:$port" 2>/dev/null | grep -q '"ok"'; do sleep 1; done
node --address="127.0.0.1:$port"
node --address="127.0.0.1:$port"
for _ in {1..60}; do
  foretell doctor --cluster "127.0.0.1:$port" 2>/dev/null | grep -q '^nodes  *3' && break
  sleep 1
done

foretell doctor --cluster "127.0.0.1:$port" --model "$model"
foretell classify "$model" "$file" --cluster "127.0.0.1:$port" --out "$out"
