# For the cases: an empty home, free ports, and an end that leaves nothing behind.
# shellcheck shell=bash

here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
T=$(mktemp -d)
export HOME=$T
unset XDG_CONFIG_HOME XDG_STATE_HOME HOOK_SECRET HOOK_PROVIDER
cd "$T" || exit 1
PIDS=()
trap 'for p in "${PIDS[@]}"; do kill "$p" 2>/dev/null; done; rm -rf "$T"' EXIT

# A port that nobody uses.
free() { python3 -c 'import socket;s=socket.socket();s.bind(("127.0.0.1",0));print(s.getsockname()[1])'; }

# Waits until somebody listens at port $1.
up() { for _ in $(seq 200); do (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null && return; sleep 0.02; done; echo "nobody listens at $1"; }

# Waits until `$@` succeeds, for 10 s at most.
until_true() { for _ in $(seq 200); do "$@" && return; sleep 0.05; done; return 1; }

# The hex HMAC of standard input with key $1 and hash $2.
mac() { openssl dgst -"${2:-sha256}" -hmac "$1" | sed 's/.*= //'; }

# Starts `hook listen "$@"` at the free port $port, in the background; its process id is in $listener.
listen() { hook listen --port "$port" "$@" & listener=$!; PIDS+=("$listener"); up "$port"; }

# Receives at port $1 and appends what comes to file $2; answers 200.
receive() { python3 "$here/recv.py" "$1" "$2" & PIDS+=($!); up "$1"; }
