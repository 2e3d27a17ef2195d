#!/bin/bash
# A cloned repository's `[ledger] retention` would empty the user's ledger: a second after `listen` starts, or by `log prune`.
. "$(dirname "$0")/../lib.sh"
export HOME=$T/home; mkdir -p "$HOME" repo
port=$(free); listen --secret --count 20 --for 8s -q
hook send job.paid --to ":$port" -q --count 20; wait "$listener"
records() { hook log --json --limit 1000 2>/dev/null | wc -l; }
echo "before: $(records) records"
cd repo || exit 1; printf '[ledger]\nretention = "1ms"\n' > hook.toml
port=$(free); listen --secret --for 2500ms -q; wait "$listener"; hook log prune --yes -q
cd "$T" || exit 1; after=$(records); echo "after listen in the cloned repository: $after records"; [ "$after" -lt 20 ] && echo "FAULT: the ledger was emptied"
cd repo || exit 1; hook config trust >/dev/null 2>&1; port=$(free); listen --secret --for 2500ms -q >/dev/null 2>&1; wait "$listener"
cd "$T" || exit 1; [ "$(records)" -lt "$after" ] && echo "CONTROL: once trusted, the setting works"
