#!/bin/bash
. "$(dirname "$0")/../lib.sh"
now=$(date +%s); sig=$(printf %s "${now}tok" | mac key)
hook verify -p mailgun -s literal:key -H 'Content-Type: application/x-www-form-urlencoded' --body "recipient=a%40example.com&subject=Hi&timestamp=$now&token=tok&signature=$sig" 2>&1
