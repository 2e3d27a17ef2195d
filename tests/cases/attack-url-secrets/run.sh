#!/bin/bash
# Tokens in URLs: user names, values of the query, verify tokens.
. "$(dirname "$0")/../lib.sh"
export V=PLANT-verify-token-1
hook send job.paid --to http://PLANT-user-token-2@127.0.0.1:1/ -q; hook log report last | grep -a PLANT && echo "^ log report"
hook send job.paid --to 'http://127.0.0.1:1/?token=PLANT-query-3' -q; hook log | grep -a PLANT-query && echo "^ log"
hook endpoints add 'http://u:PLANT-password-4@localhost:1/x' --local -p poolflow --events job.paid --name e >/dev/null 2>&1; hook endpoints export | grep -a PLANT && echo "^ endpoints export"
port=$(free); listen -v --handshake-token env:V > out 2>&1
curl -s -o /dev/null "http://127.0.0.1:$port/?hub.mode=subscribe&hub.challenge=1&hub.verify_token=$V"; kill "$listener"; wait "$listener"; grep -a PLANT out && echo "^ listen -v"; hook log | grep -a PLANT-verify && echo "^ log"
hook log --json | grep -c '"schema"' | sed 's/^/records: /'
