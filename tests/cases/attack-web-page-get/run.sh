#!/bin/bash
# `<img src="http://127.0.0.1:4400/hook">` sends no `Origin`; browsers send Sec-Fetch-Site: cross-site.
. "$(dirname "$0")/../lib.sh"
port=$(free); listen --unverified --exec "touch $T/ran" --count 1 --for 5s -q 2>/dev/null
curl -s -o /dev/null "http://127.0.0.1:$port/hook?x=1" -H 'Sec-Fetch-Site: cross-site' -H 'Sec-Fetch-Mode: no-cors' -H 'Sec-Fetch-Dest: image' -H 'Referer: https://evil.example/' -H 'User-Agent: Mozilla/5.0'
wait "$listener"; [ -e ran ] && echo "FAULT: an image of a web page ran the command"
rm -f ran; port=$(free); listen --unverified --exec "touch $T/ran" --count 1 --for 5s -q 2>/dev/null; curl -s -o /dev/null -d '{}' "http://127.0.0.1:$port/hook"; wait "$listener"; [ -e ran ] && echo "CONTROL: a plain request runs it"
