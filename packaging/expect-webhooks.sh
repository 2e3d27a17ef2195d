#!/usr/bin/env bash
# What the action in action.yml runs. Inputs come as variables, never as text of the script, so that none can become a command
# of its own; only `command` is one.
set -euo pipefail

hook=${INPUT_HOOK:-$RUNNER_TEMP/hook/bin/hook}
arguments=(listen --port 0 --provider "$INPUT_PROVIDER" --secret)
while IFS= read -r line; do
    [[ -z ${line//[[:space:]]/} ]] || arguments+=(--expect "$line")
done <<<"$INPUT_EXPECT"
while IFS= read -r line; do
    # A line is an option, or an option and its value.
    read -r option value <<<"$line"
    [[ -z $option ]] || arguments+=("$option")
    [[ -z $value ]] || arguments+=("$value")
done <<<"${INPUT_OPTIONS:-}"
[[ -z ${INPUT_JUNIT:-} ]] || arguments+=(--report "junit=$INPUT_JUNIT")

# The run has a ledger of its own, so that an earlier step's records are not taken for this one's.
HOOK_STORE=$(mktemp -d)/ledger.db
export HOOK_STORE
exec "$hook" "${arguments[@]}" -- bash -c "$INPUT_COMMAND"
