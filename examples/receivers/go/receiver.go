// Receives webhooks with Go's own library. `hook check` audits it:
//
//	go build -o receiver .
//	hook check :3000/webhooks -p standard-webhooks --app ./receiver --effects :3000/effects
//
// SCHEME is `standard-webhooks`, `stripe` or `github`. MISTAKE plants one of the usual mistakes, to see what the audit says.
package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

var (
	scheme  = environment("SCHEME", "standard-webhooks")
	mistake = os.Getenv("MISTAKE")
	secrets []string
	effects atomic.Int64
)

func environment(name, usual string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return usual
}

// What the provider signs before the body, its timestamp, and the signatures that it sent.
func read(header http.Header) (prefix, timestamp string, signatures []string) {
	switch scheme {
	// [read]
	case "standard-webhooks":
		// Get finds a header whatever its case. Id and time are those that are signed, and all signatures count.
		timestamp = header.Get("webhook-timestamp")
		prefix = header.Get("webhook-id") + "." + timestamp + "."
		for _, part := range strings.Split(header.Get("webhook-signature"), " ") {
			if strings.HasPrefix(part, "v1,") {
				signatures = append(signatures, part[3:])
			}
		}
	// [/read]
	case "stripe":
		for _, pair := range strings.Split(header.Get("stripe-signature"), ",") {
			switch name, value, _ := strings.Cut(pair, "="); name {
			case "t":
				timestamp = value
			case "v1":
				signatures = append(signatures, value)
			}
		}
		prefix = timestamp + "."
	default:
		timestamp = strconv.FormatInt(time.Now().Unix(), 10)
		if value := header.Get("x-hub-signature-256"); strings.HasPrefix(value, "sha256=") {
			signatures = []string{value[7:]}
		}
	}
	return
}

func eventOf(header http.Header, body []byte) (id, kind string, err error) {
	// [parse]
	var data struct {
		ID   string `json:"id"`
		Type string `json:"type"`
	}
	err = json.Unmarshal(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")), &data)
	// [/parse]
	switch scheme {
	case "standard-webhooks":
		return header.Get("webhook-id"), data.Type, err
	case "stripe":
		return data.ID, data.Type, err
	}
	return header.Get("x-github-delivery"), header.Get("x-github-event"), nil
}

func key(secret string) []byte {
	if scheme != "standard-webhooks" {
		return []byte(secret)
	}
	decoded, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil || len(decoded) == 0 {
		log.Fatal("WEBHOOK_SECRET does not have the provider's form")
	}
	return decoded
}

func encode(digest []byte) string {
	if scheme == "standard-webhooks" {
		return base64.StdEncoding.EncodeToString(digest)
	}
	return hex.EncodeToString(digest)
}

// [expected]
func expected(secret, prefix string, body []byte) string {
	// The raw bytes, exactly as they came: no trimming, no decoding, no json.Unmarshal before this.
	mac := hmac.New(sha256.New, key(secret))
	mac.Write([]byte(prefix))
	mac.Write(body)
	return encode(mac.Sum(nil))
}

// [/expected]

// [compare]
func same(sent, expected string) bool {
	// All of it, in constant time. Another length is another signature.
	return subtle.ConstantTimeCompare([]byte(sent), []byte(expected)) == 1
}

// [/compare]

// [verify]
func verified(header http.Header, body []byte) bool {
	prefix, _, signatures := read(header)
	// No signature means no match. Every secret is tried, so that secrets can be rotated.
	for _, secret := range secrets {
		for _, sent := range signatures {
			if same(sent, expected(secret, prefix, body)) {
				return true
			}
		}
	}
	return false
}

// [/verify]

// [clock]
const toleranceSeconds = 300

func isFresh(timestamp string) bool {
	// The time that is signed, not the one in the body; too far ahead is as wrong as too old.
	signed, err := strconv.ParseInt(timestamp, 10, 64)
	age := time.Now().Unix() - signed
	return err == nil && age <= toleranceSeconds && age >= -toleranceSeconds
}

// [/clock]

var (
	lock    sync.Mutex
	claimed = map[string]bool{}
)

// [claim]
func claim(id string) bool {
	// One step, so that two requests at the same moment cannot both win. With several processes: a table with a unique index,
	// `INSERT ... ON CONFLICT DO NOTHING`, and the claim is won when one row was inserted.
	lock.Lock()
	defer lock.Unlock()
	if claimed[id] {
		return false
	}
	claimed[id] = true
	return true
}

// [/claim]

// [work]
func work(kind string) {
	switch kind {
	default:
		// Providers add types: what is not known is no error.
		effects.Add(1)
	}
}

// [/work]

// [refuse]
func refuse(w http.ResponseWriter) {
	w.WriteHeader(http.StatusUnauthorized)
}

// [/refuse]

// [answer]
func answer(w http.ResponseWriter, kind string) {
	// First the answer, then the work: the provider waits for a few seconds only. Use a queue that survives a restart.
	w.WriteHeader(http.StatusOK)
	go work(kind)
}

// [/answer]

// [raw]
func rawBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	// The raw bytes, whatever the content type says. A json.Decoder on r.Body would have used them up.
	return io.ReadAll(http.MaxBytesReader(w, r.Body, 4<<20))
}

// [/raw]

// The check as it is, or with one of the mistakes that are often made.
func accepts(header http.Header, body []byte) bool {
	prefix, timestamp, signatures := read(header)
	switch mistake {
	case "no-check":
		return true
	case "missing-header-ok":
		if len(signatures) == 0 {
			return true
		}
	case "prefix-compare":
		for _, sent := range signatures {
			if sent != "" && strings.HasPrefix(expected(secrets[0], prefix, body), sent) {
				return isFresh(timestamp)
			}
		}
		return false
	case "no-clock":
		return verified(header, body)
	case "reserialises":
		var parts map[string]json.RawMessage
		if json.Unmarshal(body, &parts) != nil {
			return false
		}
		body = compacted(body)
	}
	return verified(header, body) && isFresh(timestamp)
}

// What a serialiser that keeps the order of keys would write.
func compacted(body []byte) []byte {
	var out bytes.Buffer
	if json.Compact(&out, body) != nil {
		return body
	}
	return bytes.ReplaceAll(out.Bytes(), []byte(`\/`), []byte("/"))
}

func wins(id, kind string) bool {
	switch mistake {
	case "no-dedupe":
		return true
	case "racing-dedupe":
		lock.Lock()
		known := claimed[id]
		lock.Unlock()
		if known {
			return false
		}
		time.Sleep(20 * time.Millisecond)
		lock.Lock()
		claimed[id] = true
		lock.Unlock()
		return true
	}
	return claim(id)
}

func receive(w http.ResponseWriter, r *http.Request) {
	body, err := rawBody(w, r)
	if err != nil {
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		return
	}
	if !accepts(r.Header, body) {
		if mistake == "leaks-signature" {
			prefix, _, _ := read(r.Header)
			http.Error(w, "wrong signature, expected "+expected(secrets[0], prefix, body), http.StatusUnauthorized)
			return
		}
		refuse(w)
		return
	}
	id, kind, err := eventOf(r.Header, body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if mistake == "unknown-event-500" && strings.HasSuffix(kind, "added_later") {
		http.Error(w, "no handler", http.StatusInternalServerError)
		return
	}
	// [duplicate]
	// A duplicate is a success: the provider must not send it again.
	if !wins(id, kind) {
		w.WriteHeader(http.StatusOK)
		return
	}
	// [/duplicate]
	if mistake == "works-before-answering" {
		time.Sleep(400 * time.Millisecond)
	}
	answer(w, kind)
}

func main() {
	// [secret]
	// A receiver without a secret must not start: HMAC takes an empty key, and then anyone can sign.
	for _, name := range []string{"WEBHOOK_SECRET", "WEBHOOK_SECRET_2"} {
		if secret := os.Getenv(name); secret != "" {
			secrets = append(secrets, secret)
		}
	}
	if len(secrets) == 0 {
		log.Fatal("WEBHOOK_SECRET is not set")
	}
	// [/secret]
	http.HandleFunc("/webhooks", receive)
	http.HandleFunc("/effects", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, effects.Load()) })
	log.Fatal(http.ListenAndServe("127.0.0.1:"+environment("PORT", "3000"), nil))
}
