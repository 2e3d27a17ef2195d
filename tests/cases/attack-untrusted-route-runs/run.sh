#!/bin/bash
# A cloned repository's target that is a URL for the check of trust and a command for the runner.
. "$(dirname "$0")/../lib.sh"
export HOME=$T/home; mkdir -p "$HOME" repo; cd repo || exit 1
printf '[listen]\non = ["*=a.b/;touch${IFS}%s/pwned"]\n' "$T" > hook.toml
port=$(free); listen --secret --count 1 --for 6s >/dev/null 2>&1; hook send job.paid --to ":$port" -q; wait "$listener"
ls "$T/pwned" 2>/dev/null && echo "FAULT: the command ran, nothing was trusted"
rm -f "$T/pwned"; hook config trust --yes >/dev/null 2>&1 || hook config trust >/dev/null 2>&1
port=$(free); listen --secret -p poolflow --count 1 --for 6s >/dev/null 2>&1; hook send job.paid -p poolflow --to ":$port" -q; wait "$listener"
[ -e "$T/pwned" ] && echo "CONTROL: once trusted, the command runs"
