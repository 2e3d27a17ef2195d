# what a colleague sent
curl -sS -XPOST https://api.example/hooks -H "Content-Type: application/json" -H "X-Signature-256: sha256=e502f7ed67a458176104191c3fd3ce14285b20fd5bd6fe50c4f3a9583c03baf0" -d '{"event":"job.paid"}' -o /dev/null -w '%{http_code}\n'
