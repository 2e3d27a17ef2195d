#!/usr/bin/env bash
# Runs the steps of action.yml as the runner of GitHub does: `action.sh HOOK NAME=VALUE...`, where the names are inputs.
# Knows as much YAML as that file uses: steps with one line of `if`, `run` and `working-directory`, and `env` of inputs.
set -euo pipefail

hook=$1
shift
GITHUB_ACTION_PATH=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
RUNNER_TEMP=$(mktemp -d)
export GITHUB_ACTION_PATH RUNNER_TEMP
trap 'rm -rf -- "$RUNNER_TEMP"' EXIT

declare -A inputs=([hook]=$hook)
input=
while IFS= read -r line; do
    case $line in
        runs:*) break ;;
        '  '[a-z]*:) input=${line//[ :]/} ;;
        '    default: '*)
            value=${line#*default: }
            inputs[$input]=${inputs[$input]:-${value//\"/}}
            ;;
    esac
done <"$GITHUB_ACTION_PATH/action.yml"
for given in "$@"; do
    inputs[${given%%=*}]=${given#*=}
done

# `${{ inputs.NAME }}` alone.
input_of() {
    local name=${1#*inputs.}
    printf '%s' "${inputs[${name%% *}]-}"
}

folder=.
skip=false
while IFS= read -r line; do
    case $line in
        '    - name: '*)
            folder=.
            skip=false
            ;;
        "      if: inputs.hook == ''") [[ -z ${inputs[hook]} ]] || skip=true ;;
        '      working-directory: '*) folder=$(input_of "$line") ;;
        '        INPUT_'*)
            name=${line%%:*}
            export "${name// /}=$(input_of "$line")"
            ;;
        '      run: '*)
            [[ $skip == true ]] || (cd -- "$folder" && bash --noprofile --norc -eo pipefail -c "${line#*run: }")
            ;;
    esac
done < <(sed -n '/^runs:/,$p' "$GITHUB_ACTION_PATH/action.yml")
