#!/usr/bin/env bash
# Start a head and two workers on this machine, classify a file with them, and stop them.
#
#   examples/cluster/local_cluster.sh MODEL FILE OUT
#
# Ray lets several nodes of one machine find each other by its address in the network only, not by 127.0.0.1.
# So other machines reach the cluster, too, but every connection needs the token. On several machines the same
# commands run with the address of the head, and the token file copied to each.
set -euo pipefail
model=${1:?a model directory} file=${2:?a file} out=${3:?an output folder}

folder=$(mktemp -d /tmp/foretell-XXXXXX)
export RAY_AUTH_MODE=token RAY_AUTH_TOKEN_PATH="$folder/token" RAY_USAGE_STATS_ENABLED=0
(umask 077 && python -c 'import secrets; print(secrets.token_hex(32), end="")' >"$RAY_AUTH_TOKEN_PATH")

pids=()
stop() {
  kill "${pids[@]}" 2>/dev/null || true
  wait "${pids[@]}" 2>/dev/null || true
  rm -rf "$folder"
}
trap stop EXIT

address=$(python -c 'import ray; print(ray.util.get_node_ip_address())'):${RAY_PORT:-6399}
node() {
  ray start --node-ip-address="${address%:*}" --num-cpus=1 --object-store-memory=100000000 --block "$@" >>"$folder/log" 2>&1 &
  pids+=($!)
}

# Wait until a command succeeds: two minutes at most, then show the end of Ray's log.
wait_until() { # WHAT COMMAND...
  local what=$1
  shift
  SECONDS=0
  until "$@"; do
    if ((SECONDS > 120)); then
      echo "expected $what within two minutes; the log of Ray:" >&2
      tail -n 20 "$folder/log" >&2
      exit 1
    fi
    sleep 1
  done
}
has_nodes() {
  python - "$address" "$1" <<'END' >/dev/null 2>&1
import ray, sys
ray.init(sys.argv[1], log_to_driver=False)
sys.exit(sum(node["alive"] for node in ray.nodes()) != int(sys.argv[2]))
END
}

node --head --port="${address##*:}" --include-dashboard=false --temp-dir="$folder/ray"
wait_until "a head that answers at $address" has_nodes 1
# In turn: where two nodes start at the same time on one machine, the start of one often times out.
for count in 2 3; do
  node --address="$address"
  wait_until "$count nodes at $address" has_nodes "$count"
done

foretell classify "$model" "$file" --cluster "$address" --out "$out"
