#!/bin/bash
# A secret that hook made for a token provider is neither in the ledger nor shown by `listen -v`.
. "$(dirname "$0")/../lib.sh"
port=$(free); listen --secret -p gitlab -v >out 2>/dev/null
hook send push -p gitlab --to ":$port" -q
hook endpoints add "http://localhost:$port/" --local -p gitlab --events all --name e --json > sec 2>/dev/null; made=$(grep -oE '"secret": ?"[^"]+' sec | head -1 | sed 's/.*"//'); [ -n "$made" ] && echo 'CONTROL: a secret was made'
hook send push --endpoint e -q; dev=$(hook secret show -p gitlab)
kill "$listener"; wait "$listener" 2>/dev/null
echo "listen -v:"; grep -a -i gitlab-token out; grep -a -F -e "$dev" -e "$made" out && echo "FAULT: shown by listen -v"
for s in "$dev" "$made"; do echo "made by hook: ${s:0:6}..., in the ledger's files: $(cat .local/state/hook/ledger.db* | grep -a -c -F "$s") times"; cat .local/state/hook/ledger.db* | grep -q -a -F "$s" && echo "FAULT: in clear in the ledger"; done
hook log show 1 --full | grep -a -i gitlab-token; hook log show 1 --full | grep -a -F "$dev" && echo "FAULT: shown by log show"
exit 0
