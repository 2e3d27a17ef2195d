#!/bin/bash
. "$(dirname "$0")/../lib.sh"
openssl req -x509 -newkey rsa:2048 -nodes -keyout k.pem -out c.pem -days 2 -subj /CN=localhost -addext basicConstraints=critical,CA:FALSE 2>/dev/null
p=$(free); node -e 'const h=require("http2"),f=require("fs");const s=h.createSecureServer({key:f.readFileSync("k.pem"),cert:f.readFileSync("c.pem")});s.on("stream",t=>{t.respond({":status":200});t.end()});s.listen(+process.argv[1],"127.0.0.1")' $p & PIDS+=($!); up $p
hook send job.paid --to https://127.0.0.1:$p --insecure 2>&1
